"""Pages of statements: the list with the month close, one statement, one line."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Response

from orchestrator.billing import statement_queries as queries
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import LARGEST_POSITION, UsageStatement
from orchestrator.billing.months import month_text, parse_month
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Option, Pager
from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, words_of
from orchestrator.console.statements import reading
from orchestrator.console.statements.views import StatementList
from orchestrator.console.words.i18n import N_
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, BusinessError
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import Permission, visible_to
from orchestrator.workflows.billing import month_close
from orchestrator.workflows.nouns import STATEMENTS
from orchestrator.workflows.perform import perform

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
    chosen = queries.StatementFilter(
        organisation=own or organisation or None,
        month=_month(month),
        status=status if status in set(StatementStatus) else None,
    )
    statements = queries.page(visit.session, chosen, after=before, limit=PAGE_SIZE)
    following = str(statements[-1].id) if len(statements) == PAGE_SIZE else ""
    last_month = today(visit.session).replace(day=1) - timedelta(days=1)
    return StatementList(
        rows=tuple(reading.row(visit, item) for item in statements),
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


@router.post("/{statement_id}/{name}")
def act_on_statement(statement_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a statement, and show the statement that continues: this one, or its next revision."""
    act, call = STATEMENTS.act(name), visit.call(sent)
    visit.on_refusal(lambda again, error: _detail_again(again, statement_id, error, call.reason))
    statement: UsageStatement = perform(STATEMENTS, act, call, statement_id)
    return go(f"/console/statements/{statement.id}", f"{STATEMENTS.path}.{act.name}")


def _detail_again(visit: Visit, statement_id: UUID, error: BusinessError, reason: str) -> Response:
    """Show the statement as it is now, with the reason of the refusal and the typed text."""
    page = reading.detail(visit, statement_id)
    acts = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
    return visit.show(DETAIL, replace(page, acts=acts))
