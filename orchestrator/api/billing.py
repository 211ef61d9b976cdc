"""Statements: close a month, issue, confirm, dispute; lines and their origin; files; report."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from orchestrator.adapters.statement_files.pdf import Fonts, as_pdf, packaged_fonts
from orchestrator.adapters.statement_files.tables import as_csv, as_xlsx, report_as_csv, report_as_xlsx
from orchestrator.api.acts import Answer, Given, add_choice, add_routes
from orchestrator.api.billing_inputs import CorrectionIn, DecisionIn
from orchestrator.api.deps import TheActor, TheService, TheSession, next_page
from orchestrator.api.shapes import Page, ResourceOut, Shape
from orchestrator.billing import statement_queries as queries
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import LARGEST_POSITION, UsageStatement
from orchestrator.billing.months import month_text, parse_month
from orchestrator.billing.statement_document import StatementDocument, as_json
from orchestrator.departments.permissions import Permission, require, visible_to
from orchestrator.resources.models import Resource
from orchestrator.settings import Settings
from orchestrator.workflows.billing import month_close, reports, usage
from orchestrator.workflows.billing import statements as stating
from orchestrator.workflows.billing.acts import LET_STAND, UPHOLD
from orchestrator.workflows.nouns import RESOURCES, STATEMENTS

router = APIRouter(tags=["billing"])

Month = Annotated[str, Query(pattern=r"^\d{4}-\d{2}$")]
Position = Annotated[int, Path(ge=1, le=LARGEST_POSITION)]
Format = Literal["json", "csv", "xlsx", "pdf"]
MEDIA: dict[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def files(*formats: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of a response that is a file of one of these formats."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "The file.", "content": {MEDIA[name]: binary for name in formats}}}


class StatementOut(Shape):
    """A statement; `version` is its ETag, amounts are in fen."""

    id: UUID
    organisation_code: str
    month: date
    revision: int
    replaces_id: UUID | None
    number: str | None
    status: StatementStatus
    version: int
    line_count: int
    total_fen: int
    issued_on: date | None
    answer_due: date | None
    digest: str | None
    verified_by_id: UUID | None
    confirmed_by_id: UUID | None
    confirmed_on: date | None
    disputed_by_id: UUID | None
    dispute_reason: str | None
    decided_by_id: UUID | None
    decision_reason: str | None


class StatementPage(Page):
    """Statements, newest month first."""

    items: list[StatementOut]


class StatementLineOut(BaseModel):
    """A line and the resource that it belongs to; a counter-line names the line that it reverses."""

    position: int
    kind: str
    month: str
    resource_id: UUID
    address: str
    system: str | None
    zone: str
    sku: str
    quantity: Decimal
    state: str
    catalogue: str
    price_fen: int | None
    percent_of_spec: int | None
    discount_percent: Decimal
    starts: date
    ends: date
    month_days: int
    amount_fen: int
    payers: list[str]
    shares_fen: list[int]
    run_id: UUID
    reverses_statement_id: UUID | None
    reverses_position: int | None


class StatementLinePage(Page):
    """Lines in the order of the statement."""

    items: list[StatementLineOut]


class MonthOut(BaseModel):
    """Progress of a month close: the number of statements in each status."""

    month: str
    statements: dict[str, int]
    to_meter: int


@router.post("/months/{month}/close", status_code=202)
def close_month(month: str, actor: TheActor, session: TheSession, *, again: bool = False) -> MonthOut:
    """Open the month's statements and meter them. A repeated call continues where the last one stopped."""
    day = parse_month(month)
    count = month_close.order_close(session, actor, day, again=again)
    return _month(session, day, count)


@router.get("/months/{month}")
def read_month(month: str, actor: TheActor, session: TheSession) -> MonthOut:
    """Return the progress of a month close."""
    require(actor, Permission.OBJECTS_READ_ALL)
    day = parse_month(month)
    return _month(session, day, len(queries.of_month(session, day, StatementStatus.OPEN)))


def _month(session: TheSession, month: date, to_meter: int) -> MonthOut:
    return MonthOut(month=month_text(month), statements=queries.statuses(session, month), to_meter=to_meter)


@router.get("/statements")
def list_statements(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    organisation: str | None = None,
    month: Month | None = None,
    status: StatementStatus | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> StatementPage:
    """List the statements that you may see."""
    own = visible_to(actor)
    found = queries.page(
        session,
        organisation=own or organisation,
        month=parse_month(month) if month else None,
        status=status,
        after=cursor,
        limit=limit,
    )
    items = [StatementOut.model_validate(row) for row in found]
    return StatementPage(items=items, next=next_page(asked, found[-1].id) if len(found) == limit else None)


@router.get("/statements/{statement_id}")
def read_statement(
    statement_id: UUID, actor: TheActor, session: TheSession, response: Response
) -> StatementOut:
    """Return one statement."""
    return _shown(stating.read_statement(session, actor, statement_id), response)


@router.get("/statements/{statement_id}/lines")
def list_statement_lines(
    asked: Request,
    statement_id: UUID,
    actor: TheActor,
    session: TheSession,
    cursor: Annotated[int, Query(ge=0, le=LARGEST_POSITION)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> StatementLinePage:
    """List the lines of a statement."""
    row = stating.read_statement(session, actor, statement_id)
    found = queries.lines(session, row.id, after=cursor, limit=limit)
    link = next_page(asked, found[-1].line.position) if len(found) == limit else None
    return StatementLinePage(items=[line_out(item) for item in found], next=link)


@router.get("/statements/{statement_id}/lines/{position}")
def trace_statement_line(
    statement_id: UUID, position: Position, actor: TheActor, session: TheSession
) -> dict[str, Any]:
    """Return a line and its origin: usage, run, plan with its digest, approvals, request."""
    row = stating.read_statement(session, actor, statement_id)
    item = queries.line(session, row.id, position)
    return {"line": line_out(item).model_dump(mode="json"), **reports.trace(session, item)}


@router.get("/statements/{statement_id}/movement")
def list_statement_movement(statement_id: UUID, actor: TheActor, session: TheSession) -> list[dict[str, Any]]:
    """List opening, increases, decreases and closing quantity of every SKU."""
    row = stating.read_statement(session, actor, statement_id)
    found = queries.movements(session, row.id)
    return [item.model_dump(mode="json", exclude={"statement_id"}) for item in found]


@router.get("/statements/{statement_id}/export", response_class=Response, responses=files(*MEDIA))
def export_statement(
    statement_id: UUID,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    format: Format = "pdf",  # noqa: A002 - the name of the parameter in the address
) -> Response:
    """Return the statement as a file: JSON, CSV for spreadsheets, a workbook, or PDF/A for the seals."""
    row = stating.read_statement(session, actor, statement_id)
    document = stating.statement_document(session, row)
    writers: dict[str, Callable[[StatementDocument], bytes]] = {
        "json": as_json,
        "csv": as_csv,
        "xlsx": as_xlsx,
        "pdf": lambda one: as_pdf(one, fonts(service.settings)),
    }
    name = row.number or f"draft-{month_text(row.month)}-{row.organisation_code}"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    return Response(writers[format](document), media_type=MEDIA[format], headers=headers)


def fonts(settings: Settings) -> Fonts:
    """Return the fonts of printed statements: the configured ones, or those installed with the product."""
    return Fonts(settings.fonts_dir or packaged_fonts(), settings.body_font, settings.heading_font)


def decide_dispute(body: DecisionIn) -> Given:
    """Decide a dispute; the response is the statement that continues: this one, or its next revision."""
    return Given(reason=body.reason, act=UPHOLD if body.upheld else LET_STAND)


STATEMENT = Answer(200, StatementOut, lambda _call, row: StatementOut.model_validate(row))
add_routes(router, STATEMENTS, {UsageStatement: STATEMENT}, besides={UPHOLD.name, LET_STAND.name})
add_choice(router, STATEMENTS, "decide", STATEMENT, decide_dispute)


RESOURCE = Answer(200, ResourceOut, lambda _call, row: ResourceOut.model_validate(row))
add_routes(router, RESOURCES, {Resource: RESOURCE})


@router.post("/resources/{resource_id}/usage-corrections", status_code=201)
def correct_usage(
    resource_id: UUID, body: CorrectionIn, actor: TheActor, session: TheSession
) -> dict[str, Any]:
    """Correct recorded usage; a confirmed month gets counter-lines in the next open month."""
    correction = usage.UsageCorrection(
        day=body.day,
        reason=body.reason,
        state=body.state,
        skus=None if body.skus is None else [item.use() for item in body.skus],
        once=body.once,
    )
    event = usage.correct_usage(session, actor, resource_id, correction)
    document: dict[str, Any] = event.model_dump(mode="json")
    return document


@router.get("/usage-report")
def read_usage_report(
    actor: TheActor, session: TheSession, year: Annotated[int, Query(ge=2019, le=2100)]
) -> dict[str, Any]:
    """Return the stated amounts of a year by department and month, with held, committed and spent budget."""
    return reports.usage_report(session, year, visible_to(actor))


@router.get("/usage-report/export", response_class=Response, responses=files("csv", "xlsx"))
def export_usage_report(
    actor: TheActor,
    session: TheSession,
    year: Annotated[int, Query(ge=2019, le=2100)],
    format: Literal["csv", "xlsx"] = "xlsx",  # noqa: A002 - the name of the parameter in the address
) -> Response:
    """Return the usage report as a file: CSV for spreadsheets, or a workbook."""
    report = reports.usage_report(session, year, visible_to(actor))
    content = report_as_csv(report) if format == "csv" else report_as_xlsx(report)
    headers = {"Content-Disposition": f'attachment; filename="usage-{year}.{format}"'}
    return Response(content, media_type=MEDIA[format], headers=headers)


def line_out(item: queries.ListedLine) -> StatementLineOut:
    """Return a line as the API shows it."""
    line, resource = item.line, item.resource
    return StatementLineOut(
        position=line.position,
        kind=line.kind,
        month=month_text(line.month),
        resource_id=line.resource_id,
        address=resource.address,
        system=resource.system_code,
        zone=resource.zone,
        sku=line.sku_code,
        quantity=line.quantity,
        state=line.billing_state,
        catalogue=line.catalogue_code,
        price_fen=line.price_fen,
        percent_of_spec=line.percent,
        discount_percent=line.discount,
        starts=line.starts,
        ends=line.ends,
        month_days=line.month_days,
        amount_fen=line.amount_fen,
        payers=line.payers,
        shares_fen=line.shares_fen,
        run_id=line.run_id,
        reverses_statement_id=line.reverses_statement_id,
        reverses_position=line.reverses_position,
    )


def _shown(row: UsageStatement, response: Response) -> StatementOut:
    response.headers["ETag"] = f'"{row.version}"'
    return StatementOut.model_validate(row)
