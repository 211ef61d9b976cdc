"""Pages of resource requests: list, form, live quote, detail, and every step on one."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.exceptions import HTTPException

from orchestrator.console.frame.render import wants_part
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import TheVisit, Visit, go, need_reason, words_of
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
from orchestrator.core.errors import BadInput, BusinessError, NotFound
from orchestrator.core.idempotency import once
from orchestrator.departments.permissions import Permission, require
from orchestrator.resource_requests import queries
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.workflows.billing import usage
from orchestrator.workflows.plans import generation
from orchestrator.workflows.requests import steps

router = APIRouter(prefix="/console", include_in_schema=False)

PAGE_SIZE = 20
LONGEST_VERSION = 9
OK, UNPROCESSABLE = 200, 422
FORM = "requests/form.html"
TOO_MANY_FIELDS = N_("表单的字段过多或过长，没有保存任何内容。")
SENT_TWICE = N_("字段 %(name)s 出现了两次，没有保存任何内容。")
FORM_PARTS = {"request-fields": "requests/_fields.html"}


async def read_sent(request: Request) -> Mapping[str, str]:
    """The posted fields that are texts.

    Raises:
        BadInput: there are more fields than any page has, or one is there twice.
    """
    try:
        pairs = (await request.form()).multi_items()
    except HTTPException as error:
        raise BadInput(str(error.detail), detail_zh=TOO_MANY_FIELDS) from None
    name, times = max(Counter(name for name, _ in pairs).items(), key=itemgetter(1), default=("", 0))
    if times > 1:
        raise BadInput(f"The field {name} was sent twice.", field=name, detail_zh=SENT_TWICE % {"name": name})
    return {name: value for name, value in pairs if isinstance(value, str)}


Sent = Annotated[Mapping[str, str], Depends(read_sent)]


@router.get("/requests")
def list_requests(
    visit: TheVisit,
    status: Annotated[str, Query(max_length=30)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """Requests of the person's organisation, or of all."""
    actor = visit.actor
    require(actor, Permission.REQUESTS_READ)
    sees_all = actor.may(Permission.OBJECTS_READ_ALL)
    own = None if sees_all else actor.organisation
    statuses = [status] if status in set(RequestStatus) else []
    found = queries.page(
        visit.session,
        organisation=own,
        statuses=statuses,
        search=text,
        before=before or None,
        limit=PAGE_SIZE,
    )
    total = None if text else queries.count(visit.session, organisation=own, statuses=statuses)
    page = RequestList(
        rows=tuple(reading.row(visit, item) for item in found),
        pager=Pager(total, before, found[-1].number if len(found) == PAGE_SIZE else ""),
        status=status,
        text=text,
        statuses=tuple(RequestStatus),
        may_create=actor.may(Permission.REQUESTS_DRAFT),
        shows_all=sees_all,
        quota=None if sees_all else quota_card(visit, actor.organisation),
    )
    return visit.show("requests/list.html", page, parts={"request-rows": "requests/_rows.html"})


@router.get("/requests/new")
def show_new_form(
    visit: TheVisit, kind: Annotated[str, Query(max_length=20)] = "provision", workspace: UUID | None = None
) -> Response:
    """An empty form, or the form of a change or release of a workspace."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    return visit.show(FORM, form_page(visit, new_form(visit, kind, workspace)))


@router.post("/quote")
def show_quote(visit: TheVisit, sent: Sent) -> Response:
    """What the form, as typed so far, would cost a month."""
    page = replace(form_page(visit, RequestForm()), quote=quote_box(visit, read_form(sent)))
    return visit.show("requests/_quote.html", page)


@router.post("/requests/new")
def send_new_form(visit: TheVisit, sent: Sent) -> Response:
    """Store a new draft, and hand it to the officer where that was asked."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    form, act, key = read_form(sent), sent.get("act", ""), sent.get("key", "")
    draft, page = _draft_or_page(visit, form, sent)
    if draft is None:
        return page
    visit.on_refusal(lambda again, error: _form_again(again, form, sent, error))
    known = draft

    def store() -> dict[str, Any]:
        made = steps.draft_request(visit.session, visit.actor, known, visit.service.pack)
        if act == "send":
            steps.ask_endorsement(visit.session, visit.actor, made.id)
        return {"id": str(made.id)}

    payload = f"{act} {draft.model_dump_json()}".encode()
    answer = once(visit.session, visit.actor.person_id, key[:200] or None, "console:draft", payload, store)
    return go(f"/console/requests/{answer.body['id']}", "sent" if act == "send" else "saved")


@router.get("/requests/{request_id}/edit")
def show_form(request_id: UUID, visit: TheVisit) -> Response:
    """The form of a draft, or of a request that was returned."""
    request = reading.find(visit, request_id)
    require(visit.actor, Permission.REQUESTS_DRAFT, request.organisation_code)
    return visit.show(FORM, form_page(visit, form_of(visit, request), request=request))


@router.post("/requests/{request_id}/edit")
def send_form(request_id: UUID, visit: TheVisit, sent: Sent) -> Response:
    """Rewrite a draft or a returned request."""
    form, act, version = read_form(sent), sent.get("act", ""), _version(sent)
    if version is None:
        form = replace(form, missing=(*form.missing, "version"))
    draft, page = _draft_or_page(visit, form, sent, request_id)
    if draft is None:
        return page
    visit.on_refusal(lambda again, error: _form_again(again, form, sent, error, request_id))
    pack = visit.service.pack
    edited = steps.edit_request(visit.session, visit.actor, request_id, version, draft, pack)
    if act == "send" and edited.status == RequestStatus.DRAFT:
        steps.ask_endorsement(visit.session, visit.actor, request_id)
        return go(f"/console/requests/{request_id}", "sent")
    return go(f"/console/requests/{request_id}", "saved")


def _draft_or_page(
    visit: Visit, form: RequestForm, sent: Mapping[str, str], request_id: UUID | None = None
) -> tuple[RequestDraft | None, Response]:
    """The draft that is to be stored, or the form again: with another line, a price, or its errors."""
    act = sent.get("act", "")
    if is_edit(act) and not form.missing:
        return None, _show_fields(visit, _same_form(visit, apply_edit(form, act), sent, request_id))
    draft, _ = read_draft(form)
    errors = form_errors(visit, form, draft, act, sent.get("shown_removals", ""))
    if draft is not None and not errors:
        return draft, Response()
    return None, _show_fields(visit, replace(_same_form(visit, form, sent, request_id), errors=errors))


def _show_fields(visit: Visit, page: RequestFormPage) -> Response:
    """The form, or its fields where htmx asked for them; then the price is asked for again."""
    is_part = wants_part(visit.request, "request-fields")
    # htmx shows nothing of an answer that is an error.
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
    """The page of a form with the key and the version that it was sent with.

    With the newest version it would replace lines that came meanwhile and that its author never saw.
    """
    request = reading.find(visit, request_id) if request_id else None
    page = form_page(visit, form, request=request, key=sent.get("key", ""))
    return replace(page, version=_version(sent) or 0)


@router.get("/requests/{request_id}")
def show_request(request_id: UUID, visit: TheVisit) -> Response:
    """One request."""
    return visit.show("requests/detail.html", reading.detail(visit, reading.find(visit, request_id)))


@dataclass(frozen=True)
class Step:
    """An act on a request: what it runs (request id, version, reason) and what the next page says."""

    run: Callable[[Visit, UUID, int | None, str], object]
    done: str
    needs_reason: bool = False


def _endorse_and_submit(visit: Visit, request_id: UUID, version: int | None, _reason: str) -> object:
    steps.endorse_request(visit.session, visit.actor, request_id, version)
    return steps.submit_request(visit.session, visit.actor, request_id, visit.service.pack)


STEPS: Mapping[str, Step] = {
    "send": Step(lambda v, i, n, _: steps.ask_endorsement(v.session, v.actor, i, n), "sent"),
    "endorse": Step(lambda v, i, n, _: steps.endorse_request(v.session, v.actor, i, n), "endorsed"),
    "endorse-and-submit": Step(_endorse_and_submit, "submitted"),
    "decline": Step(
        lambda v, i, n, why: steps.decline_endorsement(v.session, v.actor, i, why, n),
        "declined",
        needs_reason=True,
    ),
    "submit": Step(
        lambda v, i, n, _: steps.submit_request(v.session, v.actor, i, v.service.pack, n),
        "submitted",
    ),
    "accept": Step(
        lambda v, i, n, _: steps.accept_request(v.session, v.actor, i, v.service.pack, n), "accepted"
    ),
    "return": Step(
        lambda v, i, n, why: steps.return_request(v.session, v.actor, i, why, v.service.pack, n),
        "returned",
        needs_reason=True,
    ),
    "refuse": Step(
        lambda v, i, n, why: steps.refuse_request(v.session, v.actor, i, why, v.service.pack, n),
        "refused",
        needs_reason=True,
    ),
    "approve": Step(
        lambda v, i, n, _: steps.approve_request(v.session, v.actor, i, v.service.pack, n), "approved"
    ),
    "reject": Step(
        lambda v, i, n, why: steps.reject_request(v.session, v.actor, i, why, v.service.pack, n),
        "rejected",
        needs_reason=True,
    ),
    "cancel": Step(
        lambda v, i, n, why: steps.cancel_request(v.session, v.actor, i, why, n),
        "cancelled",
        needs_reason=True,
    ),
    "activate": Step(lambda v, i, _n, _: usage.activate_request(v.session, v.actor, i), "activated"),
}


@router.post("/requests/{request_id}/plans")
def make_plan(request_id: UUID, visit: TheVisit) -> Response:
    """Order an execution plan; its planning run is shown."""
    visit.on_refusal(lambda again, error: _detail_again(again, request_id, error, ""))
    service = visit.service
    run = generation.generate_plan(
        visit.session, visit.actor, request_id, service.pack, service.settings.cloud
    )
    return go(f"/console/runs/{run.id}", "planning")


@router.post("/requests/{request_id}/{act}")
def act_on_request(request_id: UUID, act: str, visit: TheVisit, sent: Sent) -> Response:
    """One step of a request, by one of its buttons."""
    step = STEPS.get(act)
    if step is None:
        raise NotFound
    reason = sent.get("reason", "")
    visit.on_refusal(lambda again, error: _detail_again(again, request_id, error, reason))
    changed = step.run(
        visit, request_id, _version(sent), need_reason(reason) if step.needs_reason else reason
    )
    is_cancelling = isinstance(changed, ResourceRequest) and changed.status == RequestStatus.CANCELLING
    return go(f"/console/requests/{request_id}", "cancelling" if is_cancelling else step.done)


def _detail_again(visit: Visit, request_id: UUID, error: BusinessError, reason: str) -> Response:
    """The request with the reason why the last act was refused, and the rules that refused it."""
    page = reading.detail(visit, reading.find(visit, request_id))
    problem = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
    results = error.extra.get("results")
    findings = reading.findings(visit, results) if results else page.findings
    return visit.show("requests/detail.html", replace(page, acts=problem, findings=findings))


def _version(sent: Mapping[str, str]) -> int | None:
    version = sent.get("version", "")
    return int(version) if version.isdecimal() and len(version) <= LONGEST_VERSION else None
