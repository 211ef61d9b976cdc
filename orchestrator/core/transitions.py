"""Status transitions: every change is checked, timestamped, versioned and audited here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.core.clock import now
from orchestrator.core.events import Event
from orchestrator.core.lifecycle import Lifecycle

Status = TypeVar("Status", bound=StrEnum)


class HasStatus(Protocol):
    """A row with a status; `version` increases with every change, and clients send it in If-Match."""

    id: Any
    status: Any
    status_at: datetime
    version: int


@dataclass(frozen=True)
class Transition(Generic[Status]):
    """The new status of a row, who changes it, and facts for the audit event."""

    status: Status
    actor: str
    organisation: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def transition(
    session: Session,
    lifecycle: Lifecycle[Status],
    row: HasStatus,
    change: Transition[Status],
    *,
    flush: bool = True,
) -> None:
    """Change `row.status` and record the audit event of the change.

    Pass `flush=False` to write many rows together at the session's next flush.

    Raises:
        IllegalTransition: The lifecycle does not list this transition.
    """
    before = row.status
    lifecycle.require(before, change.status)
    row.status = change.status
    row.status_at = now(session)
    row.version += 1
    noun = lifecycle.noun.replace(" ", "_")
    data = {"from": str(before), "to": change.status.value, **change.data}
    audit.record(
        session,
        Event(f"{noun}:{change.status.value}", (noun, row.id), change.actor, change.organisation, data),
    )
    if flush:
        session.flush()
