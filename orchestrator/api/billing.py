"""Statements: close a month, issue, confirm, dispute; lines and their origin; files; report."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import TypeAdapter

from orchestrator.adapters.statement_files.pdf import Fonts, as_pdf, packaged_fonts
from orchestrator.adapters.statement_files.tables import as_csv, as_xlsx, report_as_csv, report_as_xlsx
from orchestrator.api.acts import Answer, Given, add_choice, add_routes
from orchestrator.api.billing_inputs import DisputeDecision, UsageCorrectionBody
from orchestrator.api.deps import TheActor, TheService, TheSession, next_page
from orchestrator.api.resource_shapes import ResourceDetail
from orchestrator.api.statement_shapes import (
    MonthClose,
    SkuMovementDetail,
    StatementDetail,
    StatementLineDetail,
    StatementLineOrigin,
    StatementLinePage,
    StatementPage,
    UsageEventDetail,
    UsageReport,
)
from orchestrator.billing import statement_queries as queries
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import LARGEST_POSITION, UsageStatement
from orchestrator.billing.months import month_text, parse_month
from orchestrator.billing.rating import BillingState, LineKind
from orchestrator.billing.statement_document import StatementDocument, as_json
from orchestrator.billing.statement_queries import StatementFilter
from orchestrator.departments.permissions import Permission, require, visible_to
from orchestrator.resources.models import Resource
from orchestrator.settings import Settings
from orchestrator.workflows.billing import month_close, reports, usage
from orchestrator.workflows.billing import statements as stating
from orchestrator.workflows.billing.acts import LET_STAND, UPHOLD
from orchestrator.workflows.nouns import RESOURCES, STATEMENTS

router = APIRouter(tags=["billing"])

Month = Annotated[str, Query(pattern=r"^\d{4}-\d{2}$")]
ORIGIN: TypeAdapter[StatementLineOrigin] = TypeAdapter(StatementLineOrigin)
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


@router.post("/months/{month}/close", status_code=202)
def close_month(month: str, actor: TheActor, session: TheSession, *, again: bool = False) -> MonthClose:
    """Open the month's statements and meter them. A repeated call continues where the last one stopped."""
    day = parse_month(month)
    count = month_close.order_close(session, actor, day, again=again)
    return _month(session, day, count)


@router.get("/months/{month}")
def read_month(month: str, actor: TheActor, session: TheSession) -> MonthClose:
    """Return the progress of a month close."""
    require(actor, Permission.OBJECTS_READ_ALL)
    day = parse_month(month)
    return _month(session, day, len(queries.of_month(session, day, StatementStatus.OPEN)))


def _month(session: TheSession, month: date, to_meter: int) -> MonthClose:
    return MonthClose(month=month_text(month), statements=queries.statuses(session, month), to_meter=to_meter)


@dataclass(frozen=True)
class StatementQuery:
    """The requested page of the statements, with its filters."""

    request: Request
    organisation: str | None = None
    month: Month | None = None
    status: StatementStatus | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 100

    def filter(self, own: str | None) -> StatementFilter:
        """Return the filter of the store; `own` is the only organisation that the caller may see, if any."""
        month = parse_month(self.month) if self.month else None
        return StatementFilter(own or self.organisation, month, self.status)


@router.get("/statements")
def list_statements(
    actor: TheActor, session: TheSession, query: Annotated[StatementQuery, Depends()]
) -> StatementPage:
    """List the statements that you may see."""
    chosen = query.filter(visible_to(actor))
    rows = queries.page(session, chosen, after=query.cursor, limit=query.limit)
    link = next_page(query.request, rows[-1].id) if len(rows) == query.limit else None
    return StatementPage(items=[StatementDetail.model_validate(row) for row in rows], next=link)


@router.get("/statements/{statement_id}")
def read_statement(
    statement_id: UUID, actor: TheActor, session: TheSession, response: Response
) -> StatementDetail:
    """Return one statement."""
    return _shown(stating.read_statement(session, actor, statement_id), response)


@dataclass(frozen=True)
class LineQuery:
    """The requested page of the lines of a statement."""

    request: Request
    cursor: Annotated[int, Query(ge=0, le=LARGEST_POSITION)] = 0
    limit: Annotated[int, Query(ge=1, le=1000)] = 200


@router.get("/statements/{statement_id}/lines")
def list_statement_lines(
    statement_id: UUID, actor: TheActor, session: TheSession, query: Annotated[LineQuery, Depends()]
) -> StatementLinePage:
    """List the lines of a statement."""
    row = stating.read_statement(session, actor, statement_id)
    lines = queries.lines(session, row.id, after=query.cursor, limit=query.limit)
    link = next_page(query.request, lines[-1].line.position) if len(lines) == query.limit else None
    return StatementLinePage(items=[line_out(line) for line in lines], next=link)


@router.get("/statements/{statement_id}/lines/{position}")
def trace_statement_line(
    statement_id: UUID, position: Position, actor: TheActor, session: TheSession
) -> StatementLineOrigin:
    """Return a line and its origin: usage, run, plan with its digest, approvals, request."""
    row = stating.read_statement(session, actor, statement_id)
    line = queries.line(session, row.id, position)
    return ORIGIN.validate_python({"line": line_out(line), **reports.trace(session, line)})


@router.get("/statements/{statement_id}/movement")
def list_statement_movement(
    statement_id: UUID, actor: TheActor, session: TheSession
) -> list[SkuMovementDetail]:
    """List opening, increases, decreases and closing quantity of every SKU."""
    row = stating.read_statement(session, actor, statement_id)
    return [SkuMovementDetail.model_validate(one) for one in queries.movements(session, row.id)]


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


def decide_dispute(body: DisputeDecision) -> Given:
    """Decide a dispute; the response is the statement that continues: this one, or its next revision."""
    return Given(reason=body.reason, act=UPHOLD if body.upheld else LET_STAND)


STATEMENT = Answer(200, StatementDetail, lambda _call, row: StatementDetail.model_validate(row))
add_routes(router, STATEMENTS, {UsageStatement: STATEMENT}, besides={UPHOLD.name, LET_STAND.name})
add_choice(router, STATEMENTS, "decide", STATEMENT, decide_dispute)


RESOURCE = Answer(200, ResourceDetail, lambda _call, row: ResourceDetail.model_validate(row))
add_routes(router, RESOURCES, {Resource: RESOURCE})


@router.post("/resources/{resource_id}/usage-corrections", status_code=201)
def correct_usage(
    resource_id: UUID, body: UsageCorrectionBody, actor: TheActor, session: TheSession
) -> UsageEventDetail:
    """Correct recorded usage; a confirmed month gets counter-lines in the next open month."""
    correction = usage.UsageCorrection(
        day=body.day,
        reason=body.reason,
        state=body.state,
        skus=None if body.skus is None else [item.use() for item in body.skus],
        once=body.once,
    )
    return UsageEventDetail.model_validate(usage.correct_usage(session, actor, resource_id, correction))


@router.get("/usage-report")
def read_usage_report(
    actor: TheActor, session: TheSession, year: Annotated[int, Query(ge=2019, le=2100)]
) -> UsageReport:
    """Return the stated amounts of a year by department and month, with held, committed and spent budget."""
    return UsageReport.model_validate(reports.usage_report(session, year, visible_to(actor)))


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


def line_out(item: queries.ListedLine) -> StatementLineDetail:
    """Return a line as the API shows it."""
    line, resource = item.line, item.resource
    return StatementLineDetail(
        position=line.position,
        kind=LineKind(line.kind),
        month=month_text(line.month),
        resource_id=line.resource_id,
        address=resource.address,
        system=resource.system_code,
        zone=resource.zone,
        sku=line.sku_code,
        quantity=line.quantity,
        state=BillingState(line.billing_state),
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


def _shown(row: UsageStatement, response: Response) -> StatementDetail:
    response.headers["ETag"] = f'"{row.version}"'
    return StatementDetail.model_validate(row)
