"""The usage report as CSV and workbook: real numbers, sums with their values, and text that stays text."""

import csv
import io
from typing import Any

import openpyxl

from orchestrator.adapters.statement_files.tables import report_as_csv, report_as_xlsx

EVIL = '=HYPERLINK("http://evil.example")'
REPORT: dict[str, Any] = {
    "year": 2019,
    "stated_fen": 243840,
    "departments": [
        {
            "organisation": code,
            "name_zh": name,
            "appropriated_fen": 5_000_000,
            "held_fen": 101_600,
            "committed_fen": 650_240,
            "spent_fen": 0,
            "free_fen": 4_248_160,
            "stated_fen": stated,
            "months": months,
        }
        for code, name, stated, months in (
            ("SLJ", "市水利局", 40640, [{"month": "2019-06", "total_fen": 40640}]),
            ("QXJ", EVIL, 203201, [{"month": "2019-07", "total_fen": 203201}]),
        )
    ],
}


def test_a_spreadsheet_reads_utf_8_and_no_name_as_a_formula() -> None:
    content = report_as_csv(REPORT)
    assert content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["部门"] for row in rows] == ["SLJ", "QXJ"]
    assert rows[1]["部门名称"] == f"'{EVIL}"
    assert (rows[0]["6月(元)"], rows[0]["7月(元)"], rows[1]["7月(元)"]) == ("406.40", "0.00", "2032.01")


def test_the_workbook_has_a_frozen_head_numbers_and_sums_with_their_values() -> None:
    content = report_as_xlsx(REPORT)
    values = openpyxl.load_workbook(io.BytesIO(content), data_only=True).active
    formulas = openpyxl.load_workbook(io.BytesIO(content)).active
    assert values is not None
    assert formulas is not None
    assert values.freeze_panes == "A2"
    assert values["B3"].value == EVIL
    assert values["B3"].data_type == "s"
    assert (values["H2"].value, values["H3"].value) == (406.4, 2032.01)
    assert (formulas["H4"].value, values["H4"].value) == ("=SUM(H2:H3)", 2438.41)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert report_as_xlsx(REPORT) == report_as_xlsx(REPORT)
