"""A statement as PDF/A, typeset by typst. Data is passed as JSON, so user input never becomes markup.

Only the fonts of one folder are used and no time of creation is written, so the same statement gives the same
bytes on every machine.
"""

import importlib.util
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import typst

from orchestrator.billing.preview_case import plain
from orchestrator.billing.statement_document import (
    STATES_ZH,
    UNITS_ZH,
    ZONES_ZH,
    DocumentGroup,
    DocumentLine,
    SkuName,
    StatementDocument,
    shown_number,
)
from orchestrator.core.errors import BusinessError
from orchestrator.core.money import format_cny

_TEMPLATE = Path(__file__).with_name("statement.typ")
_FONT_PACKAGE = "pylopdf_fonts_zh_cn"
MOST_LINES = 2000
"""The PDF lists at most so many lines; the workbook and the CSV have all of them."""


class NoFonts(BusinessError):
    """The fonts for printed statements are missing."""

    status = 503
    zh = "缺少打印确认单所需的字体"


@dataclass(frozen=True)
class Fonts:
    """Font folder and font names. A city with licences for 仿宋_GB2312 and 方正小标宋 configures those."""

    folder: Path
    body: str
    heading: str


def packaged_fonts() -> Path:
    """Return the folder of the fonts that are installed with the product.

    Raises:
        NoFonts: they are not installed.
    """
    spec = importlib.util.find_spec(_FONT_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        return Path(folder)
    raise NoFonts(
        "The fonts for printed statements are missing. Install the requirements, or set GOVCLOUD_FONTS_DIR."
    )


def as_pdf(document: StatementDocument, fonts: Fonts) -> bytes:
    """Return the statement as PDF/A-2b, A4, with page numbers and areas for the seals.

    Raises:
        NoFonts: the font folder does not exist.
    """
    if not fonts.folder.is_dir():
        raise NoFonts(f"The font folder {fonts.folder} does not exist. Set GOVCLOUD_FONTS_DIR.")
    data = {"body_font": fonts.body, "heading_font": fonts.heading, **_data(document)}
    pdf: bytes = typst.compile(
        str(_TEMPLATE),
        font_paths=[str(fonts.folder)],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=["a-2b"],
    )
    return pdf


def _data(document: StatementDocument) -> dict[str, Any]:
    listed = document.lines[:MOST_LINES]
    return {
        "number": document.number or "（未出具）",
        "issued": bool(document.number),
        "revision": document.revision,
        "issuer": document.issuer_name,
        "organisation": document.organisation_name,
        "title": f"{_month(document.month)}政务云资源用量确认单",
        "month": _month(document.month),
        "date": [document.month.year, document.month.month, 1]
        if document.issued_on is None
        else [document.issued_on.year, document.issued_on.month, document.issued_on.day],
        "issued_on": _day(document.issued_on),
        "answer_due": _day(document.answer_due),
        "confirmed_on": _day(document.confirmed_on),
        "confirmed_by": document.confirmed_by,
        "verified_by": document.verified_by,
        "digest": document.digest,
        "total": format_cny(document.total_fen),
        "total_zh": document.total_zh,
        "payers": [[_payer(payer), format_cny(fen)] for payer, fen in document.payers.items()],
        "groups": [_group(document, group) for group in document.groups()],
        "movement": [
            [
                _name(movement.sku),
                _unit(movement.sku),
                *map(plain, (movement.opening, movement.increases, movement.decreases, movement.closing)),
            ]
            for movement in document.movements
        ],
        "lines": [_line(number, line) for number, line in enumerate(listed, start=1)],
        "left_out": len(document.lines) - len(listed),
    }


def _month(month: date) -> str:
    return f"{month.year} 年 {month.month} 月"


def _day(day: date | None) -> str:
    return f"{day.year} 年 {day.month} 月 {day.day} 日" if day else ""


def _payer(payer: str) -> str:
    return {"department": "本单位", "central": "市级统筹"}.get(payer, payer)


def _name(sku: SkuName) -> str:
    return f"{sku.name_zh}（{sku.code}）"


def _unit(sku: SkuName) -> str:
    return UNITS_ZH.get(sku.unit, sku.unit)


def _price(price_fen: int | None, percent: int | None) -> str:
    if price_fen is not None:
        return format_cny(price_fen)
    return "阶梯价" if percent is None else f"规格价 {percent}%"


def _group(document: StatementDocument, group: DocumentGroup) -> list[str]:
    marks = [STATES_ZH[group.state]]
    if group.month != document.month:
        marks.append(f"更正{_month(group.month).replace(' ', '')}")
    mark = "，".join(filter(None, marks))
    unit = _unit(group.sku) + ("" if group.sku.once else "·月")
    return [
        f"{group.sku.name_zh}{f'（{mark}）' if mark else ''}",
        f"{shown_number(group.unit_months)} {unit}",
        _price(group.price_fen, group.percent),
        format_cny(group.amount_fen),
    ]


def _line(number: int, line: DocumentLine) -> list[str]:
    kind = {"counter": "冲销 ", "right": "更正 "}.get(line.kind, "")
    return [
        str(number),
        line.system or "—",
        line.address,
        ZONES_ZH.get(line.zone, line.zone),
        f"{kind}{line.sku.code}{f' {STATES_ZH[line.state]}' if STATES_ZH[line.state] else ''}",
        plain(line.quantity),
        f"{line.starts:%m-%d}–{line.ends:%m-%d}",
        str(line.days),
        _price(line.price_fen, line.percent),
        format_cny(line.amount_fen),
    ]
