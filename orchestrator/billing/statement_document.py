"""A statement as a document: everything that a page, a file or a printed form of it says; pure.

The same statement always gives the same document, and its JSON the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from orchestrator.billing.chinese_amount import capital_amount
from orchestrator.billing.preview_case import plain
from orchestrator.billing.rating import LineKind
from orchestrator.core.money import format_plain

FORMAT = "govcloud-usage-statement-1"
UNITS_ZH: Mapping[str, str] = {
    "vcpu": "vCPU",
    "gb": "GB",
    "host": "台",
    "percent_of_spec": "台",
    "instance": "个",
    "mbps": "Mbps",
    "channel": "条",
    "db_instance": "实例",
    "domain": "个",
    "system": "套",
    "person_day": "人日",
}
ZONES_ZH: Mapping[str, str] = {"extranet": "政务外网", "internet": "互联网", "dev": "开发测试"}
STATES_ZH: Mapping[str, str] = {"active": "", "suspended": "停用", "waived": "免收"}
_SHOWN_PLACES = 4


@dataclass(frozen=True)
class SkuName:
    """How a SKU is called and counted."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    once: bool = False


@dataclass(frozen=True)
class DocumentLine:
    """One line; `kind` counter turns the sign of a line of an earlier `month`, right replaces it."""

    position: int
    kind: str
    month: date
    resource: str
    address: str
    system: str
    system_name: str
    zone: str
    sku: SkuName
    quantity: Decimal
    state: str
    catalogue: str
    price_fen: int | None
    percent: int | None
    discount: Decimal
    starts: date
    ends: date
    month_days: int
    amount_fen: int
    shares: Sequence[tuple[str, int]]
    run: str

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.ends - self.starts).days

    @property
    def unit_months(self) -> Fraction:
        """Return quantity times the part of the month, or the whole quantity of a one-off charge."""
        part = Fraction(1) if self.sku.once else Fraction(self.days, self.month_days)
        return Fraction(self.quantity) * part * (-1 if self.kind == LineKind.COUNTER else 1)


@dataclass(frozen=True)
class DocumentMovement:
    """How the billed quantity of a SKU moved."""

    sku: SkuName
    opening: Decimal
    increases: Decimal
    decreases: Decimal
    closing: Decimal


@dataclass(frozen=True)
class DocumentGroup:
    """Lines of one SKU, price, state and month together; the amount adds rounded lines."""

    sku: SkuName
    month: date
    state: str
    price_fen: int | None
    percent: int | None
    unit_months: Fraction
    amount_fen: int


@dataclass(frozen=True)
class StatementDocument:
    """A statement with the names that it is printed with."""

    number: str
    organisation: str
    organisation_name: str
    issuer_name: str
    month: date
    revision: int
    status: str
    issued_on: date | None
    answer_due: date | None
    confirmed_on: date | None
    confirmed_by: str
    verified_by: str
    digest: str
    total_fen: int
    lines: Sequence[DocumentLine]
    movements: Sequence[DocumentMovement]

    @property
    def total_zh(self) -> str:
        """The total in capital numerals."""
        return capital_amount(self.total_fen)

    @property
    def payers(self) -> dict[str, int]:
        """The amount of each payer, by name."""
        shares: dict[str, int] = {}
        for line in self.lines:
            for payer, share in line.shares:
                shares[payer] = shares.get(payer, 0) + share
        return dict(sorted(shares.items()))

    def groups(self) -> list[DocumentGroup]:
        """The lines by month, SKU, state and price, this month's first; corrections follow by month."""
        grouped: dict[tuple[Any, ...], list[DocumentLine]] = {}
        for line in self.lines:
            price = (line.price_fen is None, line.price_fen or 0, line.percent or 0)
            key = (line.month != self.month, line.month, line.sku.code, line.state, *price)
            grouped.setdefault(key, []).append(line)
        return [_group(grouped[key]) for key in sorted(grouped)]


def _group(lines: Sequence[DocumentLine]) -> DocumentGroup:
    first = lines[0]
    return DocumentGroup(
        sku=first.sku,
        month=first.month,
        state=first.state,
        price_fen=first.price_fen,
        percent=first.percent,
        unit_months=sum((line.unit_months for line in lines), Fraction(0)),
        amount_fen=sum(line.amount_fen for line in lines),
    )


def shown_number(number: Fraction) -> str:
    """A quantity for people, with at most four places: 3.2, 0.3226."""
    scaled = round(abs(number) * 10**_SHOWN_PLACES)
    text = plain(Decimal(scaled).scaleb(-_SHOWN_PLACES))
    return f"-{text}" if number < 0 and scaled else text


def as_json(document: StatementDocument) -> bytes:
    """The statement as JSON: amounts in fen and in CNY, days half-open."""
    body = {
        "format": FORMAT,
        "number": document.number,
        "organisation": {"code": document.organisation, "name_zh": document.organisation_name},
        "month": f"{document.month:%Y-%m}",
        "revision": document.revision,
        "status": document.status,
        "issued_on": _day(document.issued_on),
        "answer_due": _day(document.answer_due),
        "confirmed_on": _day(document.confirmed_on),
        "digest": document.digest,
        **_amount(document.total_fen, "total"),
        "total_zh": document.total_zh,
        "payers": [{"payer": payer, **_amount(fen)} for payer, fen in document.payers.items()],
        "movement": [_movement(item) for item in document.movements],
        "lines": [_line(number, item) for number, item in enumerate(document.lines, start=1)],
    }
    return (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode()


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _amount(fen: int, name: str = "amount") -> dict[str, Any]:
    return {name: format_plain(fen), f"{name}_fen": fen}


def _movement(item: DocumentMovement) -> dict[str, Any]:
    figures = {name: plain(getattr(item, name)) for name in ("opening", "increases", "decreases", "closing")}
    return {"sku": item.sku.code, "name_zh": item.sku.name_zh, "unit": item.sku.unit, **figures}


def _line(number: int, line: DocumentLine) -> dict[str, Any]:
    return {
        "line": number,
        "kind": line.kind,
        "month": f"{line.month:%Y-%m}",
        "system": line.system,
        "resource": line.address,
        "resource_id": line.resource,
        "zone": line.zone,
        "sku": line.sku.code,
        "quantity": plain(line.quantity),
        "unit": line.sku.unit,
        "state": line.state,
        "catalogue": line.catalogue,
        "price_fen": line.price_fen,
        "percent_of_spec": line.percent,
        "discount_percent": plain(line.discount),
        "starts": line.starts.isoformat(),
        "ends": line.ends.isoformat(),
        "days": line.days,
        "days_in_month": line.month_days,
        **_amount(line.amount_fen),
        "shares": [{"payer": payer, **_amount(fen)} for payer, fen in line.shares],
        "run": line.run,
    }


LINE_TITLES = (
    "序号",
    "类别",
    "费用月份",
    "系统编码",
    "系统名称",
    "资源",
    "区域",
    "计费项",
    "计费项名称",
    "数量",
    "单位",
    "计费状态",
    "起始日",
    "终止日(不含)",
    "天数",
    "当月天数",
    "单价(元)",
    "折扣(%)",
    "价格目录",
    "金额(元)",
)
KINDS_ZH: Mapping[str, str] = {"ordinary": "正常", "counter": "冲销", "right": "更正"}


def line_cells(document: StatementDocument) -> Iterable[tuple[str | int | Decimal, ...]]:
    """The lines as table rows under `LINE_TITLES`: texts, whole numbers and decimals of CNY."""
    for number, line in enumerate(document.lines, start=1):
        price = (
            Decimal(line.price_fen).scaleb(-2) if line.price_fen is not None else _price_words(line.percent)
        )
        yield (
            number,
            KINDS_ZH[line.kind],
            f"{line.month:%Y-%m}",
            line.system,
            line.system_name,
            line.address,
            ZONES_ZH.get(line.zone, line.zone),
            line.sku.code,
            line.sku.name_zh,
            line.quantity,
            UNITS_ZH.get(line.sku.unit, line.sku.unit),
            STATES_ZH[line.state] or "计费",
            line.starts.isoformat(),
            line.ends.isoformat(),
            line.days,
            line.month_days,
            price,
            line.discount,
            line.catalogue,
            Decimal(line.amount_fen).scaleb(-2),
        )


def _price_words(percent: int | None) -> str:
    return "阶梯" if percent is None else f"规格价的{percent}%"


MOVEMENT_TITLES = ("计费项", "计费项名称", "单位", "上月末", "本月增加", "本月减少", "本月末")


def movement_cells(document: StatementDocument) -> Iterable[tuple[str | Decimal, ...]]:
    """The movement as table rows under `MOVEMENT_TITLES`."""
    for item in document.movements:
        unit = UNITS_ZH.get(item.sku.unit, item.sku.unit)
        yield (
            item.sku.code,
            item.sku.name_zh,
            unit,
            item.opening,
            item.increases,
            item.decreases,
            item.closing,
        )
