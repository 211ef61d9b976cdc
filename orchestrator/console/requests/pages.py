"""Pages of resource requests: list, form, live quote, detail, and the acts on one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.render import wants_part
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, version_of, words_of
from orchestrator.console.requests import reading
from orchestrator.console.requests.form import RequestForm, apply_edit, is_edit, read_draft, read_form
from orchestrator.console.requests.form_page import (
    form_errors,
    form_of,
    form_page,
    new_form,
    quote_box,
    refused,
)
from orchestrator.console.requests.quote import quota_card
from orchestrator.console.requests.views import RequestFormPage, RequestList
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BusinessError
from orchestrator.core.idempotency import KeyedCall, once
from orchestrator.departments.permissions import Permission, require, visible_to
from orchestrator.resource_requests import queries
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs.models import Run
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.perform import perform
from orchestrator.workflows.requests import steps
from orchestrator.workflows.requests.acts import ASK_ENDORSEMENT, EDIT

router = APIRouter(prefix="/console", include_in_schema=False)
MENU = MenuEntry(30, N_("资源申请"), "/console/requests", "requests", frozenset({Permission.REQUESTS_READ}))

PAGE_SIZE = 20
OK, UNPROCESSABLE = 200, 422
FORM = "requests/form.html"
FORM_PARTS = {"request-fields": "requests/_fields.html"}


@router.get("/requests")
def list_requests(
    visit: TheVisit,
    status: Annotated[str, Query(max_length=30)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """Requests of the person's organisation, or of all."""
    actor = visit.actor
    own = visible_to(actor)
    statuses = [status] if status in set(RequestStatus) else []
    chosen = queries.Filter(own, statuses, text)
    requests = queries.page(visit.session, chosen, before=before or None, limit=PAGE_SIZE)
    total = None if text else queries.count(visit.session, chosen)
    page = RequestList(
        rows=tuple(reading.row(visit, request) for request in requests),
        pager=Pager(total, before, requests[-1].number if len(requests) == PAGE_SIZE else ""),
        status=status,
        text=text,
        statuses=tuple(RequestStatus),
        may_create=actor.may(Permission.REQUESTS_DRAFT),
        shows_all=own is None,
        quota=None if own is None else quota_card(visit, actor.organisation),
    )
    return visit.show("requests/list.html", page, parts={"request-rows": "requests/_rows.html"})


@router.get("/requests/new")
def show_new_form(
    visit: TheVisit, kind: Annotated[str, Query(max_length=20)] = "provision", workspace: UUID | None = None
) -> Response:
    """Show an empty form, or the form of a change or release of a workspace."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    return visit.show(FORM, form_page(visit, new_form(visit, kind, workspace)))


@router.post("/quote")
def show_quote(visit: TheVisit, sent: Sent) -> Response:
    """Show the monthly cost of the form as typed so far."""
    page = replace(form_page(visit, RequestForm()), quote=quote_box(visit, read_form(sent)))
    return visit.show("requests/_quote.html", page)


@router.post("/requests/new")
def send_new_form(visit: TheVisit, sent: Sent) -> Response:
    """Store a new draft; send it to the information officer if that button was pressed."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    form, act, key = read_form(sent), sent.get("act", ""), sent.get("key", "")
    draft, page = _draft_or_page(visit, form, sent)
    if draft is None:
        return page
    visit.on_refusal(lambda again, error: _form_again(again, form, sent, error))
    wanted = draft

    def store() -> dict[str, Any]:
        request = steps.draft_request(visit.session, visit.actor, wanted, visit.service.pack)
        if act == "send":
            perform(REQUESTS, ASK_ENDORSEMENT, visit.call({}), request.id)
        return {"id": str(request.id)}

    payload = f"{act} {draft.model_dump_json()}".encode()
    call = KeyedCall(visit.actor.person_id, key[:200] or None, "console:draft", payload)
    answer = once(visit.session, call, store)
    return go(
        f"/console/requests/{answer.body['id']}", "requests.ask-endorsement" if act == "send" else "saved"
    )


@router.get("/requests/{request_id}/edit")
def show_form(request_id: UUID, visit: TheVisit) -> Response:
    """Show the form of a draft, or of a returned request."""
    request = reading.find(visit, request_id)
    require(visit.actor, Permission.REQUESTS_DRAFT, request.organisation_code)
    return visit.show(FORM, form_page(visit, form_of(visit, request), request=request))


@router.post("/requests/{request_id}/edit")
def send_form(request_id: UUID, visit: TheVisit, sent: Sent) -> Response:
    """Rewrite a draft or a returned request."""
    form, act, version = read_form(sent), sent.get("act", ""), version_of(sent)
    if version is None:
        form = replace(form, missing=(*form.missing, "version"))
    draft, page = _draft_or_page(visit, form, sent, request_id)
    if draft is None:
        return page
    visit.on_refusal(lambda again, error: _form_again(again, form, sent, error, request_id))
    edited: ResourceRequest = perform(REQUESTS, EDIT, visit.call(sent, content=draft), request_id)
    if act == "send" and edited.status == RequestStatus.DRAFT:
        perform(REQUESTS, ASK_ENDORSEMENT, visit.call({}), request_id)
        return go(f"/console/requests/{request_id}", "requests.ask-endorsement")
    return go(f"/console/requests/{request_id}", "saved")


def _draft_or_page(
    visit: Visit, form: RequestForm, sent: Mapping[str, str], request_id: UUID | None = None
) -> tuple[RequestDraft | None, Response]:
    """Return the draft to store, or the form again: with another line, a price, or errors."""
    act = sent.get("act", "")
    if is_edit(act) and not form.missing:
        return None, _show_fields(visit, _same_form(visit, apply_edit(form, act), sent, request_id))
    draft, _ = read_draft(form)
    errors = form_errors(visit, form, draft, act, sent.get("shown_removals", ""))
    if draft is not None and not errors:
        return draft, Response()
    return None, _show_fields(visit, replace(_same_form(visit, form, sent, request_id), errors=errors))


def _show_fields(visit: Visit, page: RequestFormPage) -> Response:
    """Show the form, or its fields if htmx asks for them; the browser then requests the price."""
    is_part = wants_part(visit.request, "request-fields")
    # htmx does not show the body of an error response.
    status = UNPROCESSABLE if page.errors and not is_part else OK
    response = visit.show(FORM, page, status=status, parts=FORM_PARTS)
    if is_part:
        response.headers["HX-Trigger-After-Swap"] = "lines-changed"
    return response


def _form_again(
    visit: Visit,
    form: RequestForm,
    sent: Mapping[str, str],
    error: BusinessError,
    request_id: UUID | None = None,
) -> Response:
    page = _same_form(visit, form, sent, request_id)
    return visit.show(FORM, replace(page, errors=refused(visit, error)))


def _same_form(
    visit: Visit, form: RequestForm, sent: Mapping[str, str], request_id: UUID | None
) -> RequestFormPage:
    """Return the page of a form with the key and the version of the sent one.

    With the newest version it would overwrite lines that its author has never seen.
    """
    request = reading.find(visit, request_id) if request_id else None
    page = form_page(visit, form, request=request, key=sent.get("key", ""))
    return replace(page, version=version_of(sent) or 0)


@router.get("/requests/{request_id}")
def show_request(request_id: UUID, visit: TheVisit) -> Response:
    """Show one request."""
    return visit.show("requests/detail.html", reading.detail(visit, reading.find(visit, request_id)))


@router.post("/requests/{request_id}/{name}")
def act_on_request(request_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a request."""
    act = REQUESTS.act(name)
    call = visit.call(sent)
    visit.on_refusal(lambda again, error: _detail_again(again, request_id, error, call.reason))
    result = perform(REQUESTS, act, call, request_id)
    path = f"/console/runs/{result.id}" if isinstance(result, Run) else f"/console/requests/{request_id}"
    is_cancelling = getattr(result, "status", "") == RequestStatus.CANCELLING
    return go(path, "cancelling" if is_cancelling else f"{REQUESTS.path}.{act.name}")


def _detail_again(visit: Visit, request_id: UUID, error: BusinessError, reason: str) -> Response:
    """Show the request with the reason of the refusal, and the rules that refused."""
    page = reading.detail(visit, reading.find(visit, request_id))
    problem = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
    results = error.extra.get("results")
    findings = reading.findings(visit, results) if results else page.findings
    return visit.show("requests/detail.html", replace(page, acts=problem, findings=findings))
