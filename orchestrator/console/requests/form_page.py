"""The request form as a page: choices, price and errors."""

from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

from orchestrator.console.frame.views import Option, QuotaCard
from orchestrator.console.frame.visit import Visit, words_of
from orchestrator.console.requests.form import (
    PLAIN_NAMES,
    SERVICES,
    LineForm,
    RequestForm,
    is_edit,
    read_draft,
)
from orchestrator.console.requests.quote import quota_card, quote_view
from orchestrator.console.requests.views import FormChoices, FormField, QuoteBox, Removal, RequestFormPage
from orchestrator.console.words import labels
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import Permission, require
from orchestrator.quotas import queries as quota_queries
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.drafting import LINE_FIELDS, LineDraft, RequestDraft
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.systems import queries as system_queries
from orchestrator.workflows.requests import quotation
from orchestrator.workflows.requests.removals import removed_by_draft

NO_SYSTEM = N_("（不属于任何系统）")
UNKNOWN_ACT = N_("没有保存任何内容：未知操作“%(act)s”（字段 act）。请使用本页的按钮。")
UNSEEN_REMOVALS = N_("没有保存：本申请将销毁页面上未列出的资源。请核对“将销毁的资源”清单，确认后再保存。")


def form_page(
    visit: Visit, form: RequestForm, *, request: ResourceRequest | None = None, key: str = ""
) -> RequestFormPage:
    """Return the form with choices and price; a new one gets an idempotency key."""
    return RequestFormPage(
        form=form,
        choices=_choices(visit),
        quote=quote_box(visit, form),
        key=key or uuid4().hex,
        id=str(request.id) if request else "",
        number=request.number if request else "",
        version=request.version if request else 0,
    )


def new_form(visit: Visit, kind: str, workspace_id: UUID | None) -> RequestForm:
    """Return an empty form, or one filled with the current lines of a workspace."""
    if workspace_id is None or kind not in (RequestKind.CHANGE, RequestKind.RELEASE):
        systems = system_queries.of_organisation(visit.session, visit.actor.organisation)
        system = systems[0].code if systems else ""
        return RequestForm(system=system, lines=(LineForm.of(pool=_first_pool(visit)),))
    workspace = run_queries.workspace(visit.session, workspace_id)
    require(visit.actor, Permission.REQUESTS_DRAFT, workspace.organisation_code)
    present = form_of(visit, quotation.current_request(visit.session, workspace_id))
    return replace(present, kind=kind, workspace=str(workspace_id), justification="")


def form_of(visit: Visit, request: ResourceRequest) -> RequestForm:
    """Return a stored request as form fields."""
    lines = tuple(_line(line) for line in request_queries.lines(visit.session, request.id))
    return RequestForm(
        title=request.title,
        system=request.system_code or "",
        zone_class=request.zone_class,
        justification=request.justification,
        kind=request.kind,
        workspace=str(request.target_workspace_id or ""),
        lines=lines or (LineForm.of(),),
    )


def field_errors(visit: Visit, form: RequestForm) -> dict[str, str]:
    """Return the errors that keep the form from being a draft, by field, in the reader's language."""
    _, errors = read_draft(form)
    return {name: visit.say(text, **limits) for name, (text, limits) in errors.items()}


def form_errors(
    visit: Visit, form: RequestForm, draft: RequestDraft | None, act: str, shown_removals: str
) -> dict[str, str]:
    """Return the errors that keep a form from being stored; its page showed `shown_removals`."""
    if act not in ("save", "send") and not is_edit(act):
        return {"": visit.say(UNKNOWN_ACT, act=act[:40])}
    if draft is None:
        return field_errors(visit, form)
    unseen = {removal.address for removal in removals_of(visit, draft)} - set(shown_removals.split())
    return {"": visit.say(UNSEEN_REMOVALS)} if unseen else {}


def refused(visit: Visit, error: BusinessError) -> dict[str, str]:
    """Return a workflow's refusal by field; an unknown field marks the whole form."""
    has_field = error.field in ("title", "system", "zone_class", "justification")
    return {str(error.field) if has_field else "": words_of(error, visit.language)}


def removals_of(visit: Visit, draft: RequestDraft) -> tuple[Removal, ...]:
    """Return the live objects of the person's organisation that a draft leaves out."""
    return tuple(map(Removal, removed_by_draft(visit.session, draft, visit.actor.organisation)))


def quote_box(visit: Visit, form: RequestForm) -> QuoteBox:
    """Return the price of the lines typed so far; texts without effect on it may still be missing."""
    if form.missing:
        return QuoteBox(problems=tuple(field_errors(visit, form).values()))
    lines = tuple(line.changed(label=line["label"] or "-") for line in form.lines)
    title, justification = form.title or "-", form.justification or "-"
    draft, _ = read_draft(replace(form, title=title, justification=justification, lines=lines))
    removals = removals_of(visit, draft) if draft else ()
    if draft is None or not draft.lines:
        return QuoteBox(quota=quota_card(visit, visit.actor.organisation), removals=removals)
    try:
        price = quotation.quote_lines(visit.session, draft.lines)
        quota = (
            _asked(visit, form, draft.lines)
            if form.kind in (RequestKind.PROVISION, RequestKind.CHANGE)
            else None
        )
    except BusinessError as error:
        return QuoteBox(problems=(words_of(error, visit.language),), removals=removals)
    return QuoteBox(
        removals=removals,
        quote=quote_view(visit, price.catalogue, price.lines, price.monthly_fen),
        quota=quota,
    )


def _asked(visit: Visit, form: RequestForm, lines: tuple[LineDraft, ...]) -> QuotaCard | None:
    """Return the quota with the requested amounts; of a change only the increase counts."""
    asked, present = _counted(visit, lines), Counter[str]()
    if form.kind == RequestKind.CHANGE and form.workspace:
        present = _counted(visit, _present(visit, UUID(form.workspace)))
    return quota_card(visit, visit.actor.organisation, asked - present)


def _present(visit: Visit, workspace_id: UUID) -> tuple[LineDraft, ...]:
    """Return the current lines of a workspace of the person's organisation; none before its first apply."""
    workspace = run_queries.workspace(visit.session, workspace_id)
    require(visit.actor, Permission.REQUESTS_DRAFT, workspace.organisation_code)
    draft, _ = read_draft(form_of(visit, quotation.current_request(visit.session, workspace_id)))
    return draft.lines if draft else ()


def _counted(visit: Visit, lines: tuple[LineDraft, ...]) -> Counter[str]:
    """Return the quota that the lines take, by class; pools outside of the quota do not count."""
    free = {code for code, pool in quota_queries.pools(visit.session).items() if pool.free}
    taken = Counter[str]()
    for line in (line for line in lines if line.pool not in free):
        size = {"vcpu": line.vcpu, "memory_gb": line.memory_gb, "block_gb": line.disk_gb}
        taken.update({name: line.count * amount for name, amount in size.items()})
    return taken


def _choices(visit: Visit) -> FormChoices:
    systems = system_queries.of_organisation(visit.session, visit.actor.organisation)
    named = [Option(item.code, f"{item.code} {visit.names.system(item.code)}") for item in systems]
    return FormChoices(
        systems=(Option("", visit.say(NO_SYSTEM)), *named),
        zone_classes=_words(visit, "zone_class"),
        line_fields=_line_fields(visit),
    )


WORDS_OF_CHOICES = {"purpose": "purpose", "image": "image", "disk_tier": "tier"}
"""The kind of words of each field that is chosen from a list; pools have names instead."""


def _line_fields(visit: Visit) -> tuple[FormField, ...]:
    options = {name: _words(visit, kind) for name, kind in WORDS_OF_CHOICES.items()}
    pools = quota_queries.pools(visit.session)
    options["pool"] = tuple(Option(code, f"{visit.names.pool(code)} ({code})") for code in pools)
    return tuple(
        FormField(
            name=field.name,
            label=visit.pick(field.zh, field.en),
            kind=field.control.value,
            hint=visit.pick(field.hint_zh, field.hint_en),
            required=not field.optional,
            options=options.get(field.name, ()),
        )
        for field in LINE_FIELDS
    )


def _words(visit: Visit, kind: str) -> tuple[Option, ...]:
    return tuple(Option(code, visit.word(code, kind)) for code in labels.WORDS[kind])


def _first_pool(visit: Visit) -> str:
    pools = list(quota_queries.pools(visit.session))
    return "EXT-X86" if "EXT-X86" in pools else (pools[0] if pools else "")


def _line(line: RequestLine) -> LineForm:
    special = {"pool": line.pool_code, "ports": ", ".join(str(port) for port in line.ports)}
    plain = {name: str(getattr(line, name)) for name in PLAIN_NAMES if name not in special}
    services = {name: "yes" for name in SERVICES if name in line.host_services}
    return LineForm.of(**plain, **special, **services)
