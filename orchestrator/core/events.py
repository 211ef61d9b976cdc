"""The record of one audit event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """The action, its subject (type, id), the actor, the organisation concerned, and further facts."""

    action: str
    subject: tuple[str, object]
    actor: str
    organisation: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
