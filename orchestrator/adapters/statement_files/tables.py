"""Statements and the usage report as CSV and workbooks. User input never becomes a formula."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from orchestrator.billing.preview_case import plain
from orchestrator.billing.statement_document import (
    LINE_TITLES,
    MOVEMENT_TITLES,
    StatementDocument,
    line_cells,
    movement_cells,
)
from orchestrator.billing.usage_report import COLUMNS

# Spreadsheets interpret a cell that begins with one of these as a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_BOM = "\ufeff"
_FONT = "微软雅黑"
LINES_A_SHEET = 1_048_576 - 2
"""Row limit of an Excel sheet, less the titles and the sum."""
Cells = tuple[str | int | Decimal, ...]
REPORT_TITLES = (
    "部门",
    "部门名称",
    *(f"{column.zh}(元)" for column in COLUMNS),
    *(f"{month}月(元)" for month in range(1, 13)),
)
_LINE_WIDTHS = (6, 6, 9, 10, 24, 22, 10, 14, 22, 12, 8, 8, 11, 12, 6, 8, 12, 8, 14, 14)
_REPORT_WIDTHS = (8, 24, *(14,) * (len(REPORT_TITLES) - 2))
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
_MOVEMENT_WIDTHS = (16, 26, 10, 14, 14, 14, 14)


def as_csv(document: StatementDocument) -> bytes:
    """Return the lines as CSV with a byte order mark for Excel; amounts in CNY without separators."""
    return _csv(LINE_TITLES, line_cells(document))


def report_as_csv(report: Mapping[str, Any]) -> bytes:
    """Return the usage report as CSV: a row for each department, amounts in CNY."""
    return _csv(REPORT_TITLES, report_cells(report))


def _csv(titles: Iterable[str], rows: Iterable[Cells]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(titles)
    for cells in rows:
        table.writerow([_csv_cell(cell) for cell in cells])
    return (_BOM + text.getvalue()).encode()


def _csv_cell(cell: str | int | Decimal) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}" if cell.as_tuple().exponent == -2 else plain(cell)  # noqa: PLR2004 - fen
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA_SIGNS) else text


def as_xlsx(document: StatementDocument, lines_a_sheet: int = LINES_A_SHEET) -> bytes:
    """Return a workbook: one sheet with the movements and the total, one or more with the lines.

    Lines that do not fit on one sheet continue on the next; each sheet has its own sum. Cells are numeric.
    """
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        # A fixed time of creation makes the same statement give the same bytes.
        day = document.issued_on or document.month
        created = datetime.combine(day, time(), UTC)
        book.set_properties({"title": _title(document), "created": created})
        formats = _formats(book)
        parts = _parts([*line_cells(document)], lines_a_sheet)
        _summary_sheet(book.add_worksheet("用量确认单"), document, parts, formats)
        for name, cells in parts.items():
            _line_sheet(book.add_worksheet(name), cells, formats)
    return file.getvalue()


def report_as_xlsx(report: Mapping[str, Any]) -> bytes:
    """Return the usage report as a workbook of one sheet with a row of sums. Cells are numeric."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        year = int(report["year"])
        book.set_properties({"title": f"{year}年用量与预算", "created": datetime(year, 1, 1, tzinfo=UTC)})
        formats, sheet = _formats(book), book.add_worksheet("用量与预算")
        cells = [*report_cells(report)]
        rows = _table(sheet, 0, REPORT_TITLES, cells, formats)
        sheet.write_string(rows + 1, 0, "合计", formats["strong"])
        for number in range(2, len(REPORT_TITLES)):
            column = xl_col_to_name(number)
            total = float(sum(Decimal(row[number]) for row in cells))
            formula = f"=SUM({column}2:{column}{rows + 1})" if rows else "=0"
            sheet.write_formula(rows + 1, number, formula, formats["sum"], total)
        _layout(sheet, _REPORT_WIDTHS, rows=1)
    return file.getvalue()


def report_cells(report: Mapping[str, Any]) -> Iterable[Cells]:
    """Yield the rows of the usage report, as in `REPORT_TITLES`; a month without a statement counts as 0."""
    for department in report["departments"]:
        months = {stated["month"][-2:]: stated["total_fen"] for stated in department["months"]}
        figures = [department[f"{column.name}_fen"] for column in COLUMNS]
        figures += [months.get(f"{month:02d}", 0) for month in range(1, 13)]
        yield (
            department["organisation"],
            department["name_zh"],
            *(Decimal(fen).scaleb(-2) for fen in figures),
        )


def _title(document: StatementDocument) -> str:
    return f"{document.month.year}年{document.month.month}月政务云资源用量确认单"


def _formats(book: Any) -> dict[str, Any]:
    base = {"font_name": _FONT, "font_size": 10}
    kinds: dict[str, dict[str, Any]] = {
        "text": {},
        "title": {"bold": True, "font_size": 14},
        "head": {"bold": True, "bg_color": "#D9E2F3", "border": 1, "text_wrap": True, "valign": "vcenter"},
        "number": {"num_format": "#,##0.######"},
        "money": {"num_format": "#,##0.00"},
        "sum": {"bold": True, "num_format": "#,##0.00", "top": 1},
        "strong": {"bold": True},
    }
    return {name: book.add_format({**base, **extra}) for name, extra in kinds.items()}


def _parts(cells: list[Cells], most: int) -> dict[str, list[Cells]]:
    """Return the rows of each sheet by its name. The first sheet exists even without rows."""
    starts = range(0, max(len(cells), 1), most)
    names = ["明细", *(f"明细{number}" for number in range(2, len(starts) + 1))]
    return {name: cells[start : start + most] for name, start in zip(names, starts, strict=True)}


def _sum_of(sheet: str, count: int) -> str:
    """Return the formula of the sum of `count` amounts; `sheet` is the prefix of another sheet, or empty."""
    column = xl_col_to_name(len(LINE_TITLES) - 1)
    return f"SUM({sheet}{column}2:{column}{count + 1})" if count else "0"


def _summary_sheet(
    sheet: Any, document: StatementDocument, parts: Mapping[str, list[Cells]], formats: dict[str, Any]
) -> None:
    sheet.write_string(0, 0, _title(document), formats["title"])
    head = (
        ("编号", document.number or "未出具"),
        ("单位", f"{document.organisation_name}（{document.organisation}）"),
        ("合计(大写)", document.total_zh),
    )
    for row, (name, value) in enumerate(head, start=1):
        sheet.write_string(row, 0, name, formats["strong"])
        sheet.write_string(row, 1, value, formats["text"])
    sheet.write_string(4, 0, "合计(元)", formats["strong"])
    formula = "=" + "+".join(_sum_of(f"{name}!", len(cells)) for name, cells in parts.items())
    # Programs that do not calculate show the stored value.
    sheet.write_formula(4, 1, formula, formats["sum"], document.total_fen / 100)
    _table(sheet, 6, MOVEMENT_TITLES, movement_cells(document), formats)
    _layout(sheet, _MOVEMENT_WIDTHS, rows=7)


def _line_sheet(sheet: Any, cells: list[Cells], formats: dict[str, Any]) -> None:
    rows = _table(sheet, 0, LINE_TITLES, cells, formats)
    last = len(LINE_TITLES) - 1
    sheet.write_string(rows + 1, last - 1, "合计", formats["strong"])
    total = float(sum(Decimal(row[last]) for row in cells))
    sheet.write_formula(rows + 1, last, f"={_sum_of('', rows)}", formats["sum"], total)
    sheet.autofilter(0, 0, max(rows, 1), last)
    _layout(sheet, _LINE_WIDTHS, rows=1)


def _table(sheet: Any, top: int, titles: Any, rows: Any, formats: dict[str, Any]) -> int:
    for column, title in enumerate(titles):
        sheet.write_string(top, column, title, formats["head"])
    count = 0
    for count, cells in enumerate(rows, start=1):
        for column, cell in enumerate(cells):
            _cell(sheet, top + count, column, cell, formats)
    return count


def _cell(sheet: Any, row: int, column: int, cell: str | int | Decimal, formats: dict[str, Any]) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell, formats["text"])
    elif isinstance(cell, Decimal) and cell.as_tuple().exponent == -2:  # noqa: PLR2004 - fen
        sheet.write_number(row, column, float(cell), formats["money"])
    else:
        sheet.write_number(row, column, float(cell), formats["number"])


def _layout(sheet: Any, widths: tuple[int, ...], rows: int) -> None:
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(rows, 0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(rows - 1)
    sheet.set_footer("&C第 &P 页，共 &N 页")
