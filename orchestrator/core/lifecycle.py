"""State machines as data: tables of legal transitions, checked before every change of a status."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from orchestrator.core.errors import IllegalTransition

Status = TypeVar("Status", bound=StrEnum)


@dataclass(frozen=True)
class Lifecycle(Generic[Status]):
    """The legal transitions of one kind of object; a status without an entry is final."""

    noun: str
    transitions: Mapping[Status, AbstractSet[Status]]

    def allows(self, current: Status, wanted: Status) -> bool:
        """Return whether `current` may become `wanted` in one transition."""
        return wanted in self.transitions.get(current, frozenset())

    def require(self, current: Status, wanted: Status) -> None:
        """Raise IllegalTransition unless `current` may become `wanted`."""
        if not self.allows(current, wanted):
            raise IllegalTransition(
                f"A {self.noun} with the status {current} cannot become {wanted}.",
                current=current,
                wanted=wanted,
            )

    def is_final(self, status: Status) -> bool:
        """Return whether no other status can follow `status`."""
        return not self.transitions.get(status)
