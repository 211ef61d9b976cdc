"""The usage report as a page, and the figures of its chart."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import JSONResponse

from orchestrator.billing.usage_report import COLUMNS
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.reports.views import (
    FIRST_YEAR,
    MONTHS,
    ColumnHead,
    MonthCell,
    ReportRow,
    UsageReport,
)
from orchestrator.console.words.i18n import N_
from orchestrator.core.clock import today
from orchestrator.departments.permissions import Permission, visible_to
from orchestrator.workflows.billing import reports

router = APIRouter(prefix="/console/usage-report", include_in_schema=False)
MENU = MenuEntry(80, N_("用量与预算"), "/console/usage-report", "", frozenset({Permission.REQUESTS_READ}))

Year = Annotated[int | None, Query(ge=FIRST_YEAR, le=2100)]
PATHS = {
    "held": "/console/requests?text=",
    "committed": "/console/requests?text=",
    "stated": "/console/statements?organisation=",
}
"""The list with the objects of a column; the department's code follows."""
YUAN = N_("元")


@router.get("")
def show_report(visit: TheVisit, year: Year = None) -> Response:
    """Show the stated amounts of a year by department and month, beside the budgets."""
    return visit.show("reports/usage.html", _report(visit, year))


@router.get("/chart")
def show_figures(visit: TheVisit, year: Year = None) -> Response:
    """Return the figures of the chart: CNY by month, with a series for each department with a statement."""
    report = _report(visit, year)
    series = [
        {"name": row.name, "data": [cell.total_fen / 100 if cell else 0 for cell in row.months]}
        for row in report.rows
        if row.stated_fen
    ]
    months = [f"{report.year}-{month:02d}" for month in MONTHS]
    return JSONResponse({"months": months, "unit": visit.say(YUAN), "series": series})


def _report(visit: Visit, year: int | None) -> UsageReport:
    asked = year or today(visit.session).year
    report = reports.usage_report(visit.session, asked, visible_to(visit.actor))
    rows = tuple(_row(visit, document) for document in report["departments"])
    columns = tuple(
        ColumnHead(visit.pick(column.zh, column.en), PATHS.get(column.name, "")) for column in COLUMNS
    )
    return UsageReport(asked, columns, rows, report["stated_fen"])


def _row(visit: Visit, document: Mapping[str, Any]) -> ReportRow:
    cells = {int(item["month"][-2:]): item for item in document["months"]}
    return ReportRow(
        code=document["organisation"],
        name=visit.names.organisation(document["organisation"]),
        amounts=tuple(document[f"{column.name}_fen"] for column in COLUMNS),
        stated_fen=document["stated_fen"],
        months=tuple(_cell(cells.get(month)) for month in MONTHS),
    )


def _cell(item: Mapping[str, Any] | None) -> MonthCell | None:
    if item is None:
        return None
    return MonthCell(item["statement_id"], item["total_fen"], item["status"])
