"""The document of `govcloud bill preview`: usage, prices and terms that nobody stores; and the answer.

Quantities and percentages are whole numbers or decimals, amounts are texts in CNY such as ``"42.00"``,
days are ``2019-06-19``. `docs/billing` explains every field; `case.schema.json` there is made from this.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from orchestrator.billing.rating import BillingState, RatedLine, Spec, Usage
from orchestrator.core.documents import Day as CheckedDay
from orchestrator.core.documents import Document, PlainText
from orchestrator.core.documents import Fen as CheckedFen
from orchestrator.core.money import format_plain

LINES_FORMAT = "govcloud-bill-lines-1"
LARGEST = Decimal(10) ** 12
PLACES = 6


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError('a number is written like 8 or "0.5"')  # noqa: TRY004 - one kind of error for a field
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError('a number is written like 8 or "0.5"') from None
    if not number.is_finite() or not 0 <= number <= LARGEST or number != round(number, PLACES):
        raise ValueError("a number is not negative, at most 10^12, and has at most six decimals")
    return number


_NUMBER = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d{1,6})?$"}]}
_CNY = {"type": "string", "pattern": r"^¥?(\d+|\d{1,3}(,\d{3})+)(\.\d{2})?$"}
Number = Annotated[Decimal, BeforeValidator(_decimal), WithJsonSchema(_NUMBER)]
Percent = Annotated[Number, Field(le=100)]
Fen = Annotated[CheckedFen, WithJsonSchema(_CNY)]
Day = Annotated[CheckedDay, WithJsonSchema({"type": "string", "format": "date"})]
Text = Annotated[PlainText, StringConstraints(max_length=200)]
Word = Annotated[PlainText, StringConstraints(min_length=1, max_length=200)]
State = Literal["active", "changing", "suspended", "waived", "trial", "releasing", "released"]
_AS_BILLED: Mapping[str, str] = {"changing": "active"}


class Period(Document):
    """The days ``[starts, ends)``; without `ends` all further ones."""

    starts: Day
    ends: Day | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError("ends is the first day that no longer counts, and lies after starts")
        return self


class CaseTier(Document):
    """The price of each unit up to a quantity; the last tier has no `up_to`."""

    up_to: Number | None = None
    price_fen: Annotated[Fen, Field(alias="price")]


class CasePrice(Document):
    """One price: per unit and month (or once), by tiers, or a percentage of a spec's price."""

    sku: Word
    price_fen: Annotated[Fen | None, Field(alias="price")] = None
    percent_of_spec: Percent | None = None
    tiers: Annotated[tuple[CaseTier, ...] | None, Field(min_length=1)] = None
    suspended_percent: Percent | None = None

    @model_validator(mode="after")
    def _one_kind_of_price(self) -> Self:
        if [self.price_fen, self.percent_of_spec, self.tiers].count(None) != 2:  # noqa: PLR2004 - one of three
            raise ValueError("give one of price, percent_of_spec and tiers")
        limits = [tier.up_to for tier in self.tiers or ()]
        rising = [limit for limit in limits if limit is not None]
        if limits and (limits[:-1] != rising or rising != sorted(set(rising))):
            raise ValueError("tiers rise by up_to, and only the last one has none")
        return self


class CaseCatalogue(Period):
    """A version of the price list."""

    code: Word
    prices: tuple[CasePrice, ...]


class CaseSku(Document):
    """How a SKU is billed. `counts` and `arch` say which SKUs are the vCPU and memory of an architecture."""

    sku: Word
    billing: Literal["monthly", "one_off", "percent_of_spec"] = "monthly"
    counts: Literal["vcpu", "memory_gb", "none"] = "none"
    arch: Text = ""
    payer: Word = "department"


class CaseSpec(Document):
    """The size that a percentage refers to."""

    arch: Word
    vcpu: Number
    memory_gb: Number


class CaseUsage(Document):
    """A quantity of one SKU on one resource during ``[starts, ends)``; a one-off has one day."""

    resource: Word
    sku: Word
    quantity: Number
    starts: Day
    ends: Day
    department: Text = ""
    state: State = "active"
    spec: CaseSpec | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("ends is the first day that is not billed, and lies after starts")
        return self

    def usage(self) -> Usage:
        """The same as the rater takes it."""
        spec = Spec(**self.spec.model_dump()) if self.spec else None
        state = _AS_BILLED.get(self.state, self.state)
        days = (self.starts, self.ends)
        return Usage(self.resource, self.sku, self.quantity, *days, self.department, state, spec)


class CaseDiscount(Period):
    """A percentage off for one department and SKU; at most one on a day."""

    department: Text
    sku: Word
    percent: Percent


class CaseShare(Document):
    """The share of each line that one payer pays."""

    payer: Word
    percent: Percent


class CaseSplit(Period):
    """Who pays how much of one department's SKU, first listed first served; adds up to 100."""

    department: Text
    sku: Word
    shares: Annotated[tuple[CaseShare, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _all_is_paid(self) -> Self:
        if sum(share.percent for share in self.shares) != 100:  # noqa: PLR2004 - per cent
            raise ValueError("the percentages of a split add up to 100")
        return self


class Case(Document):
    """What to rate. Without `catalogues` and `skus`, those that the service has stored are used."""

    catalogues: tuple[CaseCatalogue, ...] | None = None
    skus: tuple[CaseSku, ...] | None = None
    usage: Annotated[tuple[CaseUsage, ...], Field(min_length=1)]
    discounts: tuple[CaseDiscount, ...] = ()
    payer_splits: tuple[CaseSplit, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.skus is not None and self.catalogues is None:
            raise ValueError("skus describe the SKUs of catalogues; give both or neither")
        for problem in (*self._overlaps(), *self._kinds()):
            raise ValueError(problem)
        return self

    def _overlaps(self) -> Iterator[str]:
        order = sorted(self.usage, key=lambda item: (item.resource, item.sku, item.starts))
        for one, other in pairwise(order):
            if (one.resource, one.sku) == (other.resource, other.sku) and other.starts < one.ends:
                yield f"usage of {other.sku} on {other.resource} is given twice from {other.starts} on"

    def _kinds(self) -> Iterator[str]:
        billing = {sku.sku: sku.billing for sku in self._sku_rows()} if self.catalogues is not None else {}
        for item in self.usage:
            kind = billing.get(item.sku)
            if kind == "one_off" and (item.ends - item.starts).days != 1:
                yield f"{item.sku} on {item.resource} is paid once: its usage is one day"
            if kind is not None and (kind == "percent_of_spec") != (item.spec is not None):
                wanted = "needs the spec that it refers to" if item.spec is None else "refers to no spec"
                yield f"{item.sku} on {item.resource} {wanted}"
        for catalogue in self.catalogues or ():
            for price in catalogue.prices:
                if (price.percent_of_spec is None) == (billing.get(price.sku) == "percent_of_spec"):
                    yield f"{price.sku} in {catalogue.code}: the kind of price does not fit its billing"

    def _sku_rows(self) -> list[CaseSku]:
        """The SKUs as declared; one that is not declared is billed as its first price says."""
        declared = {sku.sku: sku for sku in self.skus or ()}
        for catalogue in self.catalogues or ():
            for price in catalogue.prices:
                percent = price.percent_of_spec is not None
                guess = CaseSku(sku=price.sku, billing="percent_of_spec" if percent else "monthly")
                declared.setdefault(price.sku, guess)
        return list(declared.values())

    def rated_usage(self) -> list[Usage]:
        """The usage that gives lines: trial, releasing and released give none and need no price."""
        return [item for item in (one.usage() for one in self.usage) if item.state in set(BillingState)]

    def relations(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of prices, SKUs, discounts and splits; stored prices where the case has none."""
        relations_of_case: dict[str, list[dict[str, Any]]] = {
            "discounts": [item.model_dump() for item in self.discounts],
            "splits": [_split_row(item) for item in self.payer_splits],
        }
        if self.catalogues is not None:
            rows = [
                _price_row(catalogue, price) for catalogue in self.catalogues for price in catalogue.prices
            ]
            relations_of_case |= {"prices": rows, "skus": [item.model_dump() for item in self._sku_rows()]}
        return relations_of_case


def _price_row(catalogue: CaseCatalogue, price: CasePrice) -> dict[str, Any]:
    row = price.model_dump(exclude={"percent_of_spec"}) | {"percent": price.percent_of_spec}
    return row | {"catalogue": catalogue.code, "starts": catalogue.starts, "ends": catalogue.ends}


def _split_row(split: CaseSplit) -> dict[str, Any]:
    shares = {
        "payers": [share.payer for share in split.shares],
        "percents": [share.percent for share in split.shares],
    }
    return split.model_dump(exclude={"shares"}) | shares


def read_case(text: str) -> Case:
    """The case that a JSON text holds; numbers keep every decimal.

    Raises:
        ValueError: it is no JSON, or a field is wrong (pydantic's ValidationError names all of them).
    """
    return Case.model_validate(json.loads(text, parse_float=str, parse_constant=str), strict=False)


def answer(lines: Sequence[RatedLine]) -> dict[str, Any]:
    """The lines with their total and what each payer pays of it; the same lines give the same document."""
    payers: dict[str, int] = {}
    for line in lines:
        for payer, share in zip(line.payers, line.shares_fen, strict=True):
            payers[payer] = payers.get(payer, 0) + share
    total = sum(line.amount_fen for line in lines)
    return {
        "format": LINES_FORMAT,
        "lines": [_line(line) for line in lines],
        "payers": dict(sorted(payers.items())),
        "total": format_plain(total),
        "total_fen": total,
    }


def _line(line: RatedLine) -> dict[str, Any]:
    shares = [
        {"payer": payer, "amount_fen": share}
        for payer, share in zip(line.payers, line.shares_fen, strict=True)
    ]
    return {
        "resource": line.resource,
        "department": line.department,
        "sku": line.sku,
        "quantity": plain(line.quantity),
        "state": line.state,
        "catalogue": line.catalogue,
        "price_fen": line.price_fen,
        "percent_of_spec": None if line.percent is None else plain(line.percent),
        "discount_percent": plain(line.discount),
        "starts": line.starts.isoformat(),
        "ends": line.ends.isoformat(),
        "days": line.days,
        "days_in_month": line.month_days,
        "amount": format_plain(line.amount_fen),
        "amount_fen": line.amount_fen,
        "shares": shares,
    }


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end: 8, 0.5."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
