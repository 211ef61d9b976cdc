"""Resource requests: quote, draft, endorse, submit, review."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel import Session

from orchestrator.api.acts import Answer, Given, add_routes, call_of
from orchestrator.api.deps import (
    TheActor,
    TheNumberPage,
    TheRepeatable,
    TheService,
    TheSession,
    TheVersion,
)
from orchestrator.api.request_shapes import (
    QuoteBody,
    QuoteDetail,
    RequestDetail,
    RequestHold,
    RequestPage,
    RequestSummary,
)
from orchestrator.api.run_shapes import RunDetail
from orchestrator.core.errors import VersionRequired
from orchestrator.departments.permissions import Permission, require, require_visible, visible_to
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Take
from orchestrator.quotas.models import HoldItem, HoldStatus
from orchestrator.resource_requests import queries
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs.models import Run
from orchestrator.workflows.act import Call
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.perform import perform
from orchestrator.workflows.requests import quotation, steps
from orchestrator.workflows.requests.acts import EDIT
from orchestrator.workflows.requests.removals import removed_by_request
from orchestrator.workflows.requests.steps import Submission

router = APIRouter(tags=["requests"])


@router.post("/quotes")
def quote_lines(body: QuoteBody, actor: TheActor, session: TheSession) -> QuoteDetail:
    """Return the price of lines, from the rater that also bills."""
    require(actor, Permission.REQUESTS_READ)
    return QuoteDetail.model_validate(quotation.quote_lines(session, body.lines))


@router.post("/requests", status_code=201)
def draft_request(
    draft: RequestDraft,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    call: TheRepeatable,
) -> RequestDetail:
    """Store a draft for your own organisation."""

    def act() -> dict[str, Any]:
        request = steps.draft_request(session, actor, draft, service.pack)
        return detail(session, request).model_dump(mode="json")

    return RequestDetail.model_validate(call.once("requests:draft", act))


@router.get("/requests")
def list_requests(
    actor: TheActor,
    session: TheSession,
    page: TheNumberPage,
    status: Annotated[list[RequestStatus] | None, Query()] = None,
    search: Annotated[str, Query(max_length=100)] = "",
) -> RequestPage:
    """List the requests of your organisation, or of all if you may read all."""
    chosen = queries.Filter(visible_to(actor), status or (), search)
    requests = queries.page(session, chosen, before=page.cursor, limit=page.limit)
    items = [RequestSummary.model_validate(request) for request in requests]
    return RequestPage(items=items, next=page.link(requests))


@router.get("/requests/{request_id}")
def read_request(request_id: UUID, actor: TheActor, session: TheSession, response: Response) -> RequestDetail:
    """Return one request."""
    return _shown(session, require_visible(actor, queries.get(session, request_id)), response)


def edit_call(
    draft: RequestDraft, actor: TheActor, session: TheSession, service: TheService, version: TheVersion
) -> Call:
    """Return the call of the act that stores this draft; needs If-Match."""
    if version is None:
        raise VersionRequired
    return call_of(session, actor, service, version, Given(content=draft))


@router.put("/requests/{request_id}")
def edit_request(
    request_id: UUID, call: Annotated[Call, Depends(edit_call)], response: Response
) -> RequestDetail:
    """Rewrite a draft or a returned request; needs If-Match."""
    return _shown(call.session, perform(REQUESTS, EDIT, call, request_id), response)


def _shown(session: Session, request: ResourceRequest, response: Response) -> RequestDetail:
    response.headers["ETag"] = f'"{request.version}"'
    return detail(session, request)


def detail(session: Session, request: ResourceRequest) -> RequestDetail:
    """Return a request with everything that belongs to it."""
    return RequestDetail.model_validate(
        RequestSummary.model_validate(request).model_dump()
        | {
            "lines": queries.lines(session, request.id),
            "quote": request.quote,
            "judgement": request.judgement,
            "hold": _hold_of(session, request),
            "comments": queries.comments(session, request.id),
            "removals": removed_by_request(session, request),
        }
    )


def _hold_of(session: Session, request: ResourceRequest) -> RequestHold | None:
    hold_and_items = quota_queries.hold_of(session, request.id)
    return (
        _hold(HoldStatus(hold_and_items[0].status), hold_and_items[0].expires_at, hold_and_items[1])
        if hold_and_items
        else None
    )


def _hold(status: HoldStatus, expires_at: datetime, items: Iterable[Take | HoldItem]) -> RequestHold:
    amounts = {str(item.counter): item.amount for item in items}
    return RequestHold(status=status, expires_at=expires_at.isoformat(), amounts=amounts)


def _submitted(call: Call, submission: Submission) -> RequestDetail:
    """Return the submitted request; its hold is written at the commit, so it is taken from the submission."""
    hold = _hold(HoldStatus.LIVE, submission.expires_at, submission.takes)
    return detail(call.session, submission.request).model_copy(update={"hold": hold})


ANSWERS = {
    ResourceRequest: Answer(200, RequestDetail, lambda call, request: detail(call.session, request)),
    Submission: Answer(200, RequestDetail, _submitted),
    Run: Answer(202, RunDetail, lambda _call, run: RunDetail.model_validate(run)),
}
add_routes(router, REQUESTS, ANSWERS, besides={EDIT.name})
