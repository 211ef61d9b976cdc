"""The one way a status changes: legal by its table, stamped, versioned and audited."""

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
    """Any row with a status; `version` counts the changes that a caller's If-Match refers to."""

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
    at_once: bool = True,
) -> None:
    """Change `row.status` and write the audit event of the change.

    The row is written to the database here, or, with `at_once` false, together with others like it: a run
    moves hundreds of resources.

    Raises:
        IllegalTransition: the lifecycle's table does not list this move.
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
    if at_once:
        session.flush()
