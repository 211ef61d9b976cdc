"""Pages of statements: the list with the month close, one statement, one line."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Response

from orchestrator.billing import statement_queries as queries
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import LARGEST_POSITION
from orchestrator.billing.months import month_text, parse_month
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Option, Pager
from orchestrator.console.frame.visit import Reason, TheVisit, Version, Visit, go, need_reason, words_of
from orchestrator.console.statements import reading
from orchestrator.console.statements.views import StatementList
from orchestrator.console.words.i18n import N_
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, BusinessError
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import Permission, visible_to
from orchestrator.workflows.billing import month_close
from orchestrator.workflows.billing.month_close import Decision

router = APIRouter(prefix="/console/statements", include_in_schema=False)
MENU = MenuEntry(70, N_("用量确认单"), "/console/statements", "", frozenset({Permission.REQUESTS_READ}))

PAGE_SIZE = 30
DETAIL = "statements/detail.html"
ROWS = {"statement-rows": "statements/_rows.html"}

MonthText = Annotated[str, Query(max_length=7)]
Before = Annotated[int, Query(ge=0, le=LARGEST_POSITION)]
Position = Annotated[int, Path(ge=1, le=LARGEST_POSITION)]
Short = Annotated[str, Query(max_length=30)]


@router.get("")
def list_statements(
    visit: TheVisit,
    month: MonthText = "",
    status: Short = "",
    organisation: Short = "",
    before: UUID | None = None,
) -> Response:
    """Statements of the person's organisation, or of all."""
    page = _list(visit, month=month, status=status, organisation=organisation, before=before)
    return visit.show("statements/list.html", page, parts=ROWS)


def _list(
    visit: Visit, month: str = "", status: str = "", organisation: str = "", before: UUID | None = None
) -> StatementList:
    own = visible_to(visit.actor)
    found = queries.page(
        visit.session,
        organisation=own or organisation or None,
        month=_month(month),
        status=status if status in set(StatementStatus) else None,
        after=before,
        limit=PAGE_SIZE,
    )
    following = str(found[-1].id) if len(found) == PAGE_SIZE else ""
    last_month = today(visit.session).replace(day=1) - timedelta(days=1)
    return StatementList(
        rows=tuple(reading.row(visit, item) for item in found),
        pager=Pager(None, str(before or ""), following),
        month=month,
        status=status,
        organisation=organisation,
        statuses=tuple(StatementStatus),
        organisations=_organisations(visit) if own is None else (),
        may_close=visit.actor.may(Permission.STATEMENTS_CLOSE),
        close_month=month_text(last_month.replace(day=1)),
        states=tuple(sorted(queries.statuses(visit.session, last_month.replace(day=1)).items())),
    )


def _month(text: str) -> date | None:
    """Return a typed month; None for anything else."""
    try:
        return parse_month(text) if text else None
    except BadInput:
        return None


def _organisations(visit: Visit) -> tuple[Option, ...]:
    every = department_queries.organisations(visit.session)
    return tuple(Option(one.code, visit.names.organisation(one.code)) for one in every)


@router.post("/close")
def close_month(visit: TheVisit, month: Annotated[str, Form(max_length=7)] = "") -> Response:
    """Close a month: open its statements and meter them. A repeated close continues where it stopped."""

    def again(visit: Visit, error: BusinessError) -> Response:
        page = replace(_list(visit), problem=words_of(error, visit.language), close_month=month)
        return visit.show("statements/list.html", page)

    visit.on_refusal(again)
    month_close.order_close(visit.session, visit.actor, parse_month(month))
    return go(f"/console/statements?month={month}&done=closing")


@router.get("/{statement_id}")
def show_statement(statement_id: UUID, visit: TheVisit, before: Before = 0) -> Response:
    """One statement; `before` is the last line of the page before."""
    return visit.show(DETAIL, reading.detail(visit, statement_id, before))


@router.get("/{statement_id}/lines/{position}")
def show_line(statement_id: UUID, position: Position, visit: TheVisit) -> Response:
    """Show one line and trace its amount back to the request."""
    return visit.show("statements/line.html", reading.line_detail(visit, statement_id, position))


@router.post("/{statement_id}/issue")
def issue(statement_id: UUID, visit: TheVisit, version: Version = None) -> Response:
    """Issue the statement: its number and amounts are fixed from now on."""
    _stay(visit, statement_id)
    month_close.issue_statement(visit.session, visit.actor, statement_id, visit.service.pack, version)
    return _back(statement_id, "statement_issued")


@router.post("/{statement_id}/confirm")
def confirm(statement_id: UUID, visit: TheVisit, version: Version = None) -> Response:
    """Confirm the statement for the department."""
    _stay(visit, statement_id)
    month_close.confirm_statement(visit.session, visit.actor, statement_id, version)
    return _back(statement_id, "statement_confirmed")


@router.post("/{statement_id}/dispute")
def dispute(statement_id: UUID, visit: TheVisit, reason: Reason = "", version: Version = None) -> Response:
    """Dispute the statement; the reason is required."""
    _stay(visit, statement_id, reason)
    month_close.dispute_statement(visit.session, visit.actor, statement_id, need_reason(reason), version)
    return _back(statement_id, "statement_disputed")


@router.post("/{statement_id}/uphold")
def uphold(statement_id: UUID, visit: TheVisit, reason: Reason = "") -> Response:
    """Uphold the dispute, and show the next revision."""
    return _decide(visit, statement_id, reason, upheld=True)


@router.post("/{statement_id}/let-stand")
def let_stand(statement_id: UUID, visit: TheVisit, reason: Reason = "") -> Response:
    """Reject the dispute: the statement stays as issued."""
    return _decide(visit, statement_id, reason, upheld=False)


def _decide(visit: Visit, statement_id: UUID, reason: str, *, upheld: bool) -> Response:
    _stay(visit, statement_id, reason)
    decision = Decision(upheld=upheld, reason=need_reason(reason))
    goes_on = month_close.decide_dispute(
        visit.session, visit.actor, statement_id, decision, visit.service.pack
    )
    return _back(goes_on.id, "dispute_decided")


def _back(statement_id: UUID, done: str) -> Response:
    return go(f"/console/statements/{statement_id}", done)


def _stay(visit: Visit, statement_id: UUID, reason: str = "") -> None:
    """If the act is refused, show the statement as it is now, with the reason and the typed text."""

    def again(visit: Visit, error: BusinessError) -> Response:
        page = reading.detail(visit, statement_id)
        acts = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
        return visit.show(DETAIL, replace(page, acts=acts))

    visit.on_refusal(again)
