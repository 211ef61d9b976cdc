"""A statement as JSON, CSV, workbook and paper: the same figures everywhere, the same bytes every time."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest

from orchestrator.adapters.statement_files.pdf import Fonts, NoFonts, as_pdf, packaged_fonts
from orchestrator.adapters.statement_files.tables import LINES_A_SHEET, as_csv, as_xlsx
from orchestrator.billing.statement_document import (
    DocumentLine,
    DocumentMovement,
    SkuName,
    StatementDocument,
    as_json,
)

FONTS = Fonts(packaged_fonts(), "Noto Serif SC", "Noto Sans SC")
CPU = SkuName("ECS-X86-CPU", "通用云主机 vCPU", "vCPU", "vcpu")
WORK = SkuName("MIG-DAY", "迁移实施人日", "Person-day", "person_day", once=True)
JUNE, JULY = date(2019, 6, 1), date(2019, 7, 1)
EVIL = '=HYPERLINK("http://evil.example")'
MARKUP = '#panic("x") $a$ *b* \\ <c>'


def a_line(**changed: Any) -> DocumentLine:
    line = DocumentLine(
        position=1,
        kind="ordinary",
        month=JULY,
        resource="5f8a",
        address="instance/web",
        system="SYS-019",
        system_name="山洪灾害监测预警系统",
        zone="extranet",
        sku=CPU,
        quantity=Decimal("8.000000"),
        state="active",
        catalogue="CAT-2019-01",
        price_fen=4200,
        percent=None,
        discount=Decimal("0.00"),
        starts=JULY,
        ends=date(2019, 8, 1),
        month_days=31,
        amount_fen=33600,
        shares=[("department", 33600)],
        run="9c1e",
    )
    return replace(line, **changed)


def a_statement(**changed: Any) -> StatementDocument:
    june = {"month": JUNE, "starts": date(2019, 6, 19), "ends": JULY, "month_days": 30}
    lines = [
        a_line(system_name=EVIL),
        a_line(kind="counter", amount_fen=-13440, shares=[("department", -13440)], **june),
        a_line(kind="right", quantity=Decimal(4), amount_fen=6720, shares=[("department", 6720)], **june),
        a_line(
            sku=WORK,
            quantity=Decimal("2.500000"),
            price_fen=120000,
            amount_fen=300000,
            shares=[("central", 300000)],
        ),
    ]
    document = StatementDocument(
        number="ST-2019-07-SLJ",
        organisation="SLJ",
        organisation_name="市水利局",
        issuer_name="市信息化中心",
        month=JULY,
        revision=1,
        status="issued",
        issued_on=date(2019, 8, 1),
        answer_due=date(2019, 8, 8),
        confirmed_on=None,
        confirmed_by="",
        verified_by="信息化中心审核员",
        digest="0" * 64,
        total_fen=sum(line.amount_fen for line in lines),
        lines=lines,
        movements=[DocumentMovement(CPU, Decimal(8), Decimal(0), Decimal(4), Decimal(4))],
    )
    return replace(document, **changed)


def pages(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def test_the_json_adds_up_and_names_every_day_price_and_share() -> None:
    body = json.loads(as_json(a_statement()))
    assert body["total_fen"] == sum(line["amount_fen"] for line in body["lines"]) == 326880
    assert body["total"] == "3268.80"
    assert body["payers"] == [
        {"payer": "central", "amount": "3000.00", "amount_fen": 300000},
        {"payer": "department", "amount": "268.80", "amount_fen": 26880},
    ]
    assert [line["kind"] for line in body["lines"]] == ["ordinary", "counter", "right", "ordinary"]
    assert body["lines"][1]["days"] == 12


def test_the_csv_opens_in_excel_and_no_text_becomes_a_formula() -> None:
    data = as_csv(a_statement())
    assert data.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert head[-1] == "金额(元)"
    assert [row[-1] for row in rows] == ["336.00", "-134.40", "67.20", "3000.00"]
    assert rows[0][4] == f"'{EVIL}"
    assert sum(Decimal(row[-1]) for row in rows) == Decimal("3268.80")


def test_the_workbook_has_real_numbers_a_frozen_head_and_sums_with_values() -> None:
    data = as_xlsx(a_statement())
    shown = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    written = openpyxl.load_workbook(io.BytesIO(data))
    lines = written["明细"]
    assert lines.freeze_panes == "A2"
    assert [lines.cell(row, 20).value for row in range(2, 6)] == [336, -134.4, 67.2, 3000]
    assert lines.cell(2, 10).value == 8
    assert lines.cell(2, 5).value == EVIL
    assert lines.cell(2, 5).data_type == "s"
    assert lines.cell(6, 20).value == "=SUM(T2:T5)"
    assert shown["明细"].cell(6, 20).value == shown["用量确认单"].cell(5, 2).value == 3268.8
    assert written["用量确认单"].cell(5, 2).value == "=SUM(明细!T2:T5)"


@pytest.mark.parametrize(("most", "rows"), [(3, [3, 1]), (2, [2, 2]), (1, [1, 1, 1, 1]), (4, [4])])
def test_lines_that_one_sheet_cannot_hold_go_on_on_the_next_and_none_is_lost(
    most: int, rows: list[int]
) -> None:
    data = as_xlsx(a_statement(), most)
    shown = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    written = openpyxl.load_workbook(io.BytesIO(data))
    head, *sheets = written.sheetnames
    assert sheets == ["明细", "明细2", "明细3", "明细4"][: len(rows)]
    sums = "+".join(f"SUM({name}!T2:T{count + 1})" for name, count in zip(sheets, rows, strict=True))
    assert (written[head].cell(5, 2).value, shown[head].cell(5, 2).value) == (f"={sums}", 3268.8)
    amounts = []
    for name, count in zip(sheets, rows, strict=True):
        of_sheet = [shown[name].cell(row, 20).value for row in range(2, count + 2)]
        assert written[name].cell(count + 2, 20).value == f"=SUM(T2:T{count + 1})"
        assert shown[name].cell(count + 2, 20).value == pytest.approx(sum(of_sheet))
        amounts += of_sheet
    assert amounts == [336, -134.4, 67.2, 3000]


def test_a_sheet_with_all_the_lines_it_may_hold_fits_the_rows_of_excel() -> None:
    assert LINES_A_SHEET + 2 == 1_048_576


def test_the_paper_carries_total_in_capitals_page_numbers_and_areas_for_seals() -> None:
    first, second = pages(as_pdf(a_statement(), FONTS))
    assert "合计3,268.80" in second
    for words in (
        "市信息化中心",
        "ST-2019-07-SLJ",
        "2019年7月政务云资源用量确认单",
        "合计（大写）：叁仟贰佰陆拾捌元捌角整",
        "3,268.80",
        "更正2019年6月",
        "请于2019年8月8日前核对",
        "盖章处",
        "核对人：信息化中心审核员",
        "—1/2—",
    ):
        assert words in first
    assert "附表一数量变动" in second
    assert "冲销ECS-X86-CPU" in second
    assert "0" * 64 in second


def test_the_paper_is_an_archive_pdf_with_its_fonts_inside() -> None:
    data = as_pdf(a_statement(), FONTS)
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in data
    assert b"/FontFile3" in data


def test_the_same_statement_gives_the_same_bytes() -> None:
    for write in (as_json, as_csv, as_xlsx, lambda document: as_pdf(document, FONTS)):
        assert write(a_statement()) == write(a_statement())


def test_what_a_person_wrote_is_printed_as_it_is_and_never_read_as_markup() -> None:
    first = pages(as_pdf(a_statement(organisation_name=MARKUP), FONTS))[0]
    assert "".join(MARKUP.split()) in first


def test_a_statement_that_is_not_issued_is_marked_as_a_draft() -> None:
    draft = a_statement(number="", issued_on=None, answer_due=None, digest="")
    first = pages(as_pdf(draft, FONTS))[0]
    assert "草稿" in first
    assert "本单尚未出具" in first


def test_a_statement_without_lines_is_printed_too() -> None:
    empty = a_statement(lines=[], movements=[], total_fen=0)
    assert "零元整" in pages(as_pdf(empty, FONTS))[0]
    assert len(as_xlsx(empty)) > 0


def test_a_missing_folder_of_fonts_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoFonts, match="nowhere"):
        as_pdf(a_statement(), replace(FONTS, folder=tmp_path / "nowhere"))
