"""Status transitions: every change is checked, timestamped, versioned and audited here."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.core.clock import now
from orchestrator.core.lifecycle import Lifecycle

Status = TypeVar("Status", bound=StrEnum)


class HasStatus(Protocol):
    """A row with a status; `version` increases with every change, and clients send it in If-Match."""

    id: Any
    status: Any
    status_at: datetime
    version: int


def transition(
    session: Session,
    lifecycle: Lifecycle[Status],
    row: HasStatus,
    status: Status,
    *,
    actor: str,
    organisation: str | None = None,
    data: Mapping[str, Any] | None = None,
    flush: bool = True,
) -> None:
    """Change `row.status` and record the audit event of the change.

    Pass `flush=False` to write many rows together at the session's next flush.

    Raises:
        IllegalTransition: The lifecycle does not list this transition.
    """
    before = row.status
    lifecycle.require(before, status)
    row.status = status
    row.status_at = now(session)
    row.version += 1
    audit.record(
        session,
        f"{lifecycle.noun.replace(' ', '_')}:{status.value}",
        (lifecycle.noun.replace(" ", "_"), row.id),
        actor=actor,
        organisation=organisation,
        data={"from": str(before), "to": status.value, **(data or {})},
    )
    if flush:
        session.flush()
