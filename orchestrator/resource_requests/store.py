"""Writes of resource requests."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, select

from orchestrator.core import audit, transitions
from orchestrator.core.clock import now
from orchestrator.core.events import Event
from orchestrator.core.rows import lock_row, next_number
from orchestrator.core.transitions import Transition
from orchestrator.resource_requests.drafting import LineDraft, RequestDraft
from orchestrator.resource_requests.lifecycle import HOLDING, REQUEST_LIFECYCLE, RequestStatus
from orchestrator.resource_requests.models import RequestComment, RequestLine, ResourceRequest


@dataclass(frozen=True)
class Author:
    """The requester of a new request; the audit records `actor`, which may be a calendar job."""

    person: UUID
    organisation: str
    actor: str
    is_officer: bool = False


def create(session: Session, draft: RequestDraft, author: Author) -> ResourceRequest:
    """Store a draft under the next number of the year, ``GC-2019-0001``."""
    request = ResourceRequest(
        number=next_number(session, ResourceRequest.number, "GC"),
        organisation_code=author.organisation,
        requester_id=author.person,
        filed_by_officer=author.is_officer,
        created_at=now(session),
        status_at=now(session),
        title=draft.title,
        justification=draft.justification,
    )
    session.add(request)
    write_draft(session, request, draft)
    audit.record(
        session,
        Event(
            "resource_request:drafted",
            ("resource_request", request.id),
            actor=author.actor,
            organisation=author.organisation,
            data={"number": request.number, "kind": request.kind},
        ),
    )
    return request


def write_draft(session: Session, request: ResourceRequest, draft: RequestDraft) -> None:
    """Replace the content and the lines of a request; number, persons and status stay."""
    request.kind = draft.kind
    request.system_code = draft.system
    request.target_workspace_id = draft.workspace
    request.zone_class = draft.zone_class
    request.title = draft.title
    request.justification = draft.justification
    session.add(request)
    session.flush()
    session.exec(delete(RequestLine).where(col(RequestLine.request_id) == request.id))
    session.add_all(_rows(request.id, draft.lines))
    session.flush()


def _rows(request_id: UUID, lines: Iterable[LineDraft]) -> list[RequestLine]:
    rows = []
    for position, line in enumerate(lines, 1):
        fields = line.model_dump(exclude={"pool"})
        fields |= {"ports": list(line.ports), "host_services": list(line.host_services)}
        rows.append(RequestLine(request_id=request_id, position=position, pool_code=line.pool, **fields))
    return rows


def lock(session: Session, request_id: UUID) -> ResourceRequest:
    """Return the request, locked for this transaction.

    Raises:
        NotFound: there is no such request.
    """
    return lock_row(session, ResourceRequest, request_id)


def transition(
    session: Session,
    request: ResourceRequest,
    status: RequestStatus,
    actor: str,
    reason: str | None = None,
) -> None:
    """Change the status of a request. Only this function and `mark_submitted` do."""
    request.reason = reason
    session.add(request)
    transitions.transition(
        session,
        REQUEST_LIFECYCLE,
        request,
        Transition(
            status,
            actor=actor,
            organisation=request.organisation_code,
            data={"number": request.number} | ({"reason": reason} if reason else {}),
        ),
    )


def mark_submitted(session: Session, request: ResourceRequest, actor: str) -> None:
    """Change the status to submitted, without writing the row: its caller writes it with the hold."""
    request.reason = None
    session.add(request)
    transitions.transition(
        session,
        REQUEST_LIFECYCLE,
        request,
        Transition(
            RequestStatus.SUBMITTED,
            actor=actor,
            organisation=request.organisation_code,
            data={"number": request.number},
        ),
        flush=False,
    )


def comment(session: Session, request_id: UUID, person: UUID, act: str, text: str) -> None:
    """Store the reason that a person gave for an act."""
    session.add(RequestComment(request_id=request_id, person_id=person, at=now(session), act=act, text=text))
    session.flush()


def lock_idle(
    session: Session, unused_since: datetime, overdue: Collection[UUID]
) -> Sequence[ResourceRequest]:
    """Lock and return the requests that can expire.

    These are the requests approved but unused since `unused_since`, and the waiting ones among `overdue`.
    Requests that another transaction has locked are skipped.
    """
    unused = (col(ResourceRequest.status) == RequestStatus.APPROVED) & (
        col(ResourceRequest.status_at) <= unused_since
    )
    waiting = HOLDING - {RequestStatus.PLANNED, RequestStatus.CANCELLING}
    late = col(ResourceRequest.id).in_(overdue) & col(ResourceRequest.status).in_(waiting)
    return session.exec(select(ResourceRequest).where(unused | late).with_for_update(skip_locked=True)).all()
