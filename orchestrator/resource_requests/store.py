"""Writes of resource requests."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, select

from orchestrator.core import audit, transitions
from orchestrator.core.clock import now
from orchestrator.core.rows import lock_row, next_number
from orchestrator.resource_requests.drafting import LineDraft, RequestDraft
from orchestrator.resource_requests.lifecycle import HOLDING, REQUEST_LIFECYCLE, RequestStatus
from orchestrator.resource_requests.models import RequestComment, RequestLine, ResourceRequest


def create(
    session: Session,
    draft: RequestDraft,
    organisation: str,
    requester: UUID,
    actor: str,
    *,
    filed_by_officer: bool,
) -> ResourceRequest:
    """Store a draft under the next number of the year, ``GC-2019-0001``."""
    request = ResourceRequest(
        number=next_number(session, ResourceRequest.number, "GC"),
        organisation_code=organisation,
        requester_id=requester,
        filed_by_officer=filed_by_officer,
        created_at=now(session),
        status_at=now(session),
        title=draft.title,
        justification=draft.justification,
    )
    session.add(request)
    write_draft(session, request, draft)
    audit.record(
        session,
        "resource_request:drafted",
        ("resource_request", request.id),
        actor=actor,
        organisation=organisation,
        data={"number": request.number, "kind": request.kind},
    )
    return request


def write_draft(session: Session, request: ResourceRequest, draft: RequestDraft) -> None:
    """Replace what the author wrote; the number, the persons and the status stay."""
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


def lock(session: Session, request_id: UUID, version: int | None = None) -> ResourceRequest:
    """The request, locked for this transaction.

    Raises:
        NotFound: there is none.
        VersionConflict: it is no longer at `version`.
    """
    return lock_row(session, ResourceRequest, request_id, version)


def transition(
    session: Session,
    request: ResourceRequest,
    status: RequestStatus,
    actor: str,
    reason: str | None = None,
    *,
    at_once: bool = True,
) -> None:
    """The one door to a request's status; written here, or with `at_once` false by whoever called."""
    request.reason = reason
    session.add(request)
    transitions.transition(
        session,
        REQUEST_LIFECYCLE,
        request,
        status,
        actor=actor,
        organisation=request.organisation_code,
        data={"number": request.number} | ({"reason": reason} if reason else {}),
        at_once=at_once,
    )


def comment(session: Session, request_id: UUID, person: UUID, act: str, words: str) -> None:
    """Keep what a person said when deciding."""
    session.add(RequestComment(request_id=request_id, person_id=person, at=now(session), act=act, text=words))
    session.flush()


def lock_idle(
    session: Session, unused_since: datetime, overdue: Collection[UUID]
) -> Sequence[ResourceRequest]:
    """Requests that may expire: approved and unused since then, or waiting with an overdue hold; locked."""
    unused = (col(ResourceRequest.status) == RequestStatus.APPROVED) & (
        col(ResourceRequest.status_at) <= unused_since
    )
    waiting = HOLDING - {RequestStatus.PLANNED, RequestStatus.CANCELLING}
    late = col(ResourceRequest.id).in_(overdue) & col(ResourceRequest.status).in_(waiting)
    return session.exec(select(ResourceRequest).where(unused | late).with_for_update(skip_locked=True)).all()
