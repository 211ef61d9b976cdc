"""Resource requests: quote, draft, endorse, submit, review."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from orchestrator.api.deps import (
    IdempotencyKeyHeader,
    NumberCursor,
    TheActor,
    TheBody,
    TheService,
    TheSession,
    TheVersion,
    next_page,
)
from orchestrator.api.shapes import LineOut, Page, QuoteOut, ReasonIn, RequestDetail, RequestOut, RunOut
from orchestrator.core.errors import VersionRequired
from orchestrator.core.idempotency import once
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Take
from orchestrator.quotas.models import HoldItem
from orchestrator.resource_requests import queries
from orchestrator.resource_requests.drafting import MOST_LINES, LineDraft, RequestDraft
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.workflows.billing import usage
from orchestrator.workflows.plans import generation
from orchestrator.workflows.requests import quotation, steps
from orchestrator.workflows.requests.removals import removed_by_request

router = APIRouter(tags=["requests"])


class QuoteIn(BaseModel):
    """Lines to be priced; nothing is stored."""

    model_config = ConfigDict(extra="forbid")

    lines: tuple[LineDraft, ...] = Field(max_length=MOST_LINES)


class RequestPage(Page):
    """Requests, newest first."""

    items: list[RequestOut]


@router.post("/quotes")
def quote(body: QuoteIn, actor: TheActor, session: TheSession) -> QuoteOut:
    """The price of lines, from the same rater that bills."""
    require(actor, Permission.REQUESTS_READ)
    return QuoteOut.model_validate(quotation.quote_lines(session, body.lines))


@router.post("/requests", status_code=201)
def draft_request(
    draft: RequestDraft,
    payload: TheBody,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    response: Response,
    key: IdempotencyKeyHeader = None,
) -> RequestDetail:
    """Store a draft of your own organisation."""

    def act() -> dict[str, Any]:
        made = steps.draft_request(session, actor, draft, service.pack)
        return detail(session, made).model_dump(mode="json")

    return _keyed(session, actor, key, "requests:draft", payload, act, response)


def _keyed(
    session: Session, actor: Actor, key: str | None, call: str, payload: bytes, act: Any, response: Response
) -> RequestDetail:
    answer = once(session, actor.person_id, key, call, payload, act)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    shown = RequestDetail.model_validate(answer.body)
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


@router.get("/requests")
def list_requests(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    status: Annotated[list[RequestStatus] | None, Query()] = None,
    search: Annotated[str, Query(max_length=100)] = "",
    cursor: NumberCursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RequestPage:
    """Requests of your organisation, or of all where you may read all."""
    require(actor, Permission.REQUESTS_READ)
    own = None if actor.may(Permission.OBJECTS_READ_ALL) else actor.organisation
    found = queries.page(
        session, organisation=own, statuses=status or (), search=search, before=cursor, limit=limit
    )
    link = next_page(asked, found[-1].number) if len(found) == limit else None
    return RequestPage(items=[RequestOut.model_validate(item) for item in found], next=link)


@router.get("/requests/{request_id}")
def read_request(request_id: UUID, actor: TheActor, session: TheSession, response: Response) -> RequestDetail:
    """One request."""
    found = queries.get(session, request_id)
    require(actor, Permission.REQUESTS_READ, found.organisation_code)
    return _shown(session, found, response)


@router.put("/requests/{request_id}")
def edit_request(
    request_id: UUID,
    draft: RequestDraft,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Rewrite a draft or a returned request; needs If-Match."""
    if version is None:
        raise VersionRequired
    return _shown(
        session, steps.edit_request(session, actor, request_id, version, draft, service.pack), response
    )


@router.post("/requests/{request_id}/ask-endorsement")
def ask_endorsement(
    request_id: UUID, actor: TheActor, session: TheSession, version: TheVersion, response: Response
) -> RequestDetail:
    """Hand the draft to the information officer."""
    return _shown(session, steps.ask_endorsement(session, actor, request_id, version), response)


@router.post("/requests/{request_id}/endorse")
def endorse(
    request_id: UUID, actor: TheActor, session: TheSession, version: TheVersion, response: Response
) -> RequestDetail:
    """Stand for the request as the department's information officer."""
    return _shown(session, steps.endorse_request(session, actor, request_id, version), response)


@router.post("/requests/{request_id}/decline")
def decline(
    request_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Send the request back to its author."""
    return _shown(
        session, steps.decline_endorsement(session, actor, request_id, body.reason, version), response
    )


@router.post("/requests/{request_id}/submit")
def submit(
    request_id: UUID,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
    key: IdempotencyKeyHeader = None,
) -> RequestDetail:
    """Judge the request and hold quota, pool and budget."""

    def act() -> dict[str, Any]:
        made = steps.submit_request(session, actor, request_id, service.pack, version)
        hold = _hold("live", made.expires_at, made.takes)
        return detail(session, made.request).model_copy(update={"hold": hold}).model_dump(mode="json")

    return _keyed(session, actor, key, f"requests:submit:{request_id}", b"", act, response)


@router.post("/requests/{request_id}/accept")
def accept(
    request_id: UUID,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Take the request up for review."""
    return _shown(session, steps.accept_request(session, actor, request_id, service.pack, version), response)


@router.post("/requests/{request_id}/return")
def return_(
    request_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Ask the department to complete the request; its hold is kept."""
    return _shown(
        session,
        steps.return_request(session, actor, request_id, body.reason, service.pack, version),
        response,
    )


@router.post("/requests/{request_id}/refuse")
def refuse(
    request_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Do not accept the request; its hold is released."""
    return _shown(
        session,
        steps.refuse_request(session, actor, request_id, body.reason, service.pack, version),
        response,
    )


@router.post("/requests/{request_id}/reject")
def reject(
    request_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """The review says no; the hold is released once nothing of the request is left."""
    return _shown(
        session,
        steps.reject_request(session, actor, request_id, body.reason, service.pack, version),
        response,
    )


@router.post("/requests/{request_id}/approve")
def approve(
    request_id: UUID,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """The review says yes; also to go on with a request that is being cancelled."""
    return _shown(session, steps.approve_request(session, actor, request_id, service.pack, version), response)


@router.post("/requests/{request_id}/cancel")
def cancel(
    request_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    version: TheVersion,
    response: Response,
) -> RequestDetail:
    """Take your request back; its hold is released once nothing of the request is left."""
    return _shown(session, steps.cancel_request(session, actor, request_id, body.reason, version), response)


@router.post("/requests/{request_id}/activate")
def activate(request_id: UUID, actor: TheActor, session: TheSession, response: Response) -> RequestDetail:
    """Open the trial's resources for production; billing starts today."""
    return _shown(session, usage.activate_request(session, actor, request_id), response)


@router.post("/requests/{request_id}/plans", status_code=202)
def generate_plan(request_id: UUID, actor: TheActor, session: TheSession, service: TheService) -> RunOut:
    """Order a plan; the answer is the planning run."""
    run = generation.generate_plan(session, actor, request_id, service.pack, service.settings.cloud)
    return RunOut.model_validate(run)


def _shown(session: Session, request: ResourceRequest, response: Response) -> RequestDetail:
    response.headers["ETag"] = f'"{request.version}"'
    return detail(session, request)


def detail(session: Session, request: ResourceRequest) -> RequestDetail:
    """A request with everything that belongs to it."""
    return RequestDetail(
        **RequestOut.model_validate(request).model_dump(),
        lines=[LineOut.model_validate(line) for line in queries.lines(session, request.id)],
        quote=request.quote,
        judgement=request.judgement,
        hold=_hold_of(session, request),
        comments=[comment.model_dump(mode="json") for comment in queries.comments(session, request.id)],
        removals=removed_by_request(session, request),
    )


def _hold_of(session: Session, request: ResourceRequest) -> dict[str, Any] | None:
    found = quota_queries.hold_of(session, request.id)
    return _hold(found[0].status, found[0].expires_at, found[1]) if found else None


def _hold(status: str, expires_at: datetime, items: Iterable[Take | HoldItem]) -> dict[str, Any]:
    amounts = {item.target: item.amount for item in items}
    return {"status": status, "expires_at": expires_at.isoformat(), "amounts": amounts}
