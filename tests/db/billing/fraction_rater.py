"""The billing rules of the domain once more, day by day in exact fractions; the SQL must agree."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any

from orchestrator.billing.rating import Spec, Usage

Row = Mapping[str, Any]
Line = tuple[str, str, Fraction, str, str, date, date, int, tuple[int, ...]]
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """Everything about one billed day that may differ from the day before."""

    month: tuple[int, int]
    quantity: Fraction
    state: str
    catalogue: str
    spec: Spec | None
    full: Fraction
    discount: Fraction
    shares: tuple[Fraction, ...]
    once: date | None


def rate(usage: Sequence[Usage], given: Mapping[str, Sequence[Row]]) -> list[Line]:
    """Resource, SKU, quantity, state, catalogue, first day, end, amount and shares of each line, in order."""
    lines: list[Line] = []
    of_one: Callable[[Usage], tuple[str, str]] = lambda item: (item.resource, item.sku)  # noqa: E731
    for (resource, sku), items in groupby(sorted(usage, key=of_one), key=of_one):
        days = {day: _day(item, day, given) for item in items for day in _days(item.starts, item.ends)}
        for starts, ends, day in _runs(days):
            amount = _amount(day, (ends - starts).days)
            shares = tuple(_divide(amount, day.shares))
            lines.append(
                (resource, sku, day.quantity, day.state, day.catalogue, starts, ends, amount, shares)
            )
    return sorted(lines, key=lambda line: (line[0], line[1], line[5]))


def _days(starts: date, ends: date) -> Iterator[date]:
    while starts < ends:
        yield starts
        starts += ONE_DAY


def _runs(days: Mapping[date, Day]) -> Iterator[tuple[date, date, Day]]:
    begun: date | None = None
    for day in sorted(days):
        begun = begun or day
        if days.get(day + ONE_DAY) != days[day]:
            yield begun, day + ONE_DAY, days[day]
            begun = None


def _in_force(rows: Sequence[Row], day: date, **wanted: str) -> list[Row]:
    return [
        row
        for row in rows
        if row["starts"] <= day
        and (row["ends"] is None or day < row["ends"])
        and all(row[name] == value for name, value in wanted.items())
    ]


def _day(item: Usage, day: date, given: Mapping[str, Sequence[Row]]) -> Day:
    (kind,) = [row for row in given["skus"] if row["sku"] == item.sku]
    (price,) = _in_force(given["prices"], day, sku=item.sku)
    of_department = {"department": item.department, "sku": item.sku}
    discounts = _in_force(given["discounts"], day, **of_department)
    splits = _in_force(given["splits"], day, **of_department)
    share = {"waived": 0, "suspended": price["suspended_percent"]}.get(item.state, 100)
    percent = Fraction(100 if share is None else share, 100)
    return Day(
        month=(day.year, day.month),
        quantity=Fraction(item.quantity),
        state=item.state,
        catalogue=price["catalogue"],
        spec=item.spec,
        full=_full(item, day, price, given) * percent,
        discount=Fraction(discounts[0]["percent"]) if discounts else Fraction(0),
        shares=tuple(Fraction(one) for one in splits[0]["percents"]) if splits else (Fraction(100),),
        once=day if kind["billing"] == "one_off" else None,
    )


def _full(item: Usage, day: date, price: Row, given: Mapping[str, Sequence[Row]]) -> Fraction:
    """A whole month, or a whole one-off, in fen before state and discount."""
    if price["percent"] is None:
        return _graduated(Fraction(item.quantity), price)
    assert item.spec is not None
    sizes = {"vcpu": item.spec.vcpu, "memory_gb": item.spec.memory_gb}
    of_spec = Fraction(0)
    for kind in given["skus"]:
        if kind["arch"] == item.spec.arch and kind["counts"] in sizes:
            (part,) = _in_force(given["prices"], day, sku=kind["sku"])
            of_spec += _graduated(Fraction(sizes[kind["counts"]]), part)
    return Fraction(item.quantity) * of_spec * Fraction(price["percent"]) / 100


def _graduated(quantity: Fraction, price: Row) -> Fraction:
    if price["tiers"] is None:
        return quantity * Fraction(price["price_fen"])
    total, above = Fraction(0), Fraction(0)
    for tier in price["tiers"]:
        limit = quantity if tier["up_to"] is None else min(quantity, Fraction(tier["up_to"]))
        if limit > above:
            total += (limit - above) * tier["price_fen"]
            above = limit
    return total


def _amount(day: Day, days: int) -> int:
    year, month = day.month
    of_month = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
    part = Fraction(1) if day.once else Fraction(days, of_month)
    exact = day.full * (100 - day.discount) / 100 * part
    return int(exact + Fraction(1, 2))


def _divide(amount: int, percents: tuple[Fraction, ...]) -> list[int]:
    exact = [amount * percent / 100 for percent in percents]
    shares = [int(one) for one in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place], place))
    for place in by_rest[: amount - sum(shares)]:
        shares[place] += 1
    return shares
