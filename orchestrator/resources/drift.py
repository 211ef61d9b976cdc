"""Differences between the Terraform state and the cloud, and their stored form; pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class AttributeDrift:
    """An attribute with another value in the cloud than in the state."""

    attribute: str
    state: Any
    reality: Any


@dataclass(frozen=True)
class DriftFinding:
    """The drift of one object, by its logical address.

    A `gone` object is missing in the cloud; an `unknown` one exists there without a resource.
    """

    address: str
    gone: bool = False
    unknown: bool = False
    changes: tuple[AttributeDrift, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {**asdict(self), "changes": [asdict(change) for change in self.changes]}


def stored_finding(document: Mapping[str, Any]) -> DriftFinding:
    """Return a finding from its stored form."""
    changes = tuple(AttributeDrift(**change) for change in document["changes"])
    return DriftFinding(document["address"], document["gone"], document["unknown"], changes)
