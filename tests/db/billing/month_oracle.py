"""The oracle of months in a row: random histories, prices and terms, and what they come to.

It knows the rules alone: what a day carries after its last event, how a day is priced, and that a confirmed
month is corrected by counter-lines in the next one that is closed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from orchestrator.billing.intervals import NOT_BILLED
from orchestrator.billing.months import month_after
from orchestrator.billing.rating import Spec, Usage
from tests.db.billing import fraction_rater
from tests.db.billing.fraction_rater import Line

# A leap February between months of 31 days, the price cut at a year's end, and plain months.
FIRST = st.sampled_from([date(2019, 12, 1), date(2020, 11, 1), date(2019, 6, 1)])
MONTHS = 4
DEPARTMENTS = ("SLJ", "MZJ")
MONTHLY = ("ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-OFF")
ONCE, STANDBY, ANCHOR = "MIG-DAY", "DR-STBY", "EVS-SATA"
USED = (*MONTHLY, ONCE, STANDBY, ANCHOR)
SPEC = Spec("x86", Decimal(8), Decimal(32))
CUT = date(2021, 1, 1)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """An event as somebody tells it: how many days after the first day, and what then holds."""

    resource: int
    day: int
    state: str | None
    skus: dict[str, Decimal] | None
    once: Decimal | None = None


@dataclass(frozen=True)
class Month:
    """What becomes known before a month is closed, and what people do with its statements then."""

    told: list[Told]
    again: bool
    confirmed: bool


@dataclass(frozen=True)
class Terms:
    """When a random price list begins, prices by list and SKU, a discount and a payer split."""

    cut: int
    prices: dict[tuple[str, str], tuple[int, int | None]]
    discount: tuple[str, str, Decimal, int, int]
    split: tuple[str, str, Decimal, int, int]


SIZES = st.dictionaries(st.sampled_from([*MONTHLY, STANDBY]), st.decimals(0, 900, places=2), max_size=4)
STATES = st.sampled_from([None, "active", "suspended", "waived", NOT_BILLED])
LISTS = ("CAT-2019-01", "CAT-RANDOM", "CAT-2021-01")


@st.composite
def tales(draw: st.DrawFn, days: int) -> Told:
    """An event on one of the days up to now, however late."""
    resource, day = draw(st.integers(0, 2)), draw(st.integers(0, days - 1))
    if draw(st.integers(0, 5)) == 0:
        return Told(resource, day, None, None, draw(st.decimals(1, 20, places=1)))
    state, skus = draw(STATES), draw(st.none() | SIZES)
    return Told(resource, day, "active" if state is None and skus is None else state, skus)


@st.composite
def years(draw: st.DrawFn) -> tuple[date, list[Month], Terms]:
    """Four months of two departments, and the terms that hold in them."""
    first, month = draw(FIRST), None
    done: list[Month] = []
    for _ in range(MONTHS):
        month = month_after(month or first)
        told = draw(st.lists(tales((month - first).days), max_size=4))
        done.append(Month(told, draw(st.booleans()), draw(st.integers(0, 2)) > 0))
    fen = st.tuples(st.integers(0, 500_000), st.none() | st.integers(0, 100))
    prices = {(code, sku): draw(fen) for code in LISTS for sku in USED}
    period = st.sets(st.integers(0, 120), min_size=2, max_size=2).map(sorted)
    whose = st.tuples(st.sampled_from(DEPARTMENTS), st.sampled_from([*MONTHLY, STANDBY, ONCE]))
    percent = st.decimals(0, 100, places=2)

    def term() -> tuple[str, str, Decimal, int, int]:
        (department, sku), (starts, ends) = draw(whose), draw(period)
        return department, sku, draw(percent), starts, ends

    return first, done, Terms(draw(st.integers(1, 110)), prices, term(), term())


@dataclass
class Book:
    """The oracle: what is told, what each month states that still holds, and what was stated last."""

    first: date
    owners: Sequence[tuple[str, str]]
    given: dict[str, list[dict[str, Any]]]
    told: list[Told] = field(default_factory=list)
    valid: dict[tuple[str, date], Counter[Line]] = field(default_factory=dict)
    closing: dict[str, dict[tuple[str, str], Fraction]] = field(default_factory=lambda: defaultdict(dict))

    def carried(self, resource: int, day: date) -> dict[str, tuple[Decimal, str]]:
        """What a day carries: the last word on the state and the last word on the sizes."""
        known = [one for one in self.told if one.resource == resource and self.on(one) <= day]
        known.sort(key=self.on)
        states = [one.state for one in known if one.state is not None]
        skus = [one.skus for one in known if one.skus is not None]
        if not states or not skus or states[-1] == NOT_BILLED:
            return {}
        return {sku: (quantity, states[-1]) for sku, quantity in skus[-1].items() if quantity}

    def on(self, told: Told) -> date:
        return self.first + told.day * ONE_DAY

    def usage(self, department: str, month: date) -> list[Usage]:
        """Day by day; what is charged once on one day is one charge."""
        found = []
        for number, (owner, resource) in enumerate(self.owners):
            if owner != department:
                continue
            day = month
            while day < month_after(month):
                until = day + ONE_DAY
                for sku, (quantity, state) in self.carried(number, day).items():
                    spec = SPEC if sku == STANDBY else None
                    found.append(Usage(resource, sku, quantity, day, until, department, state, spec))
                charged = [one.once for one in self.told if one.resource == number and self.on(one) == day]
                if once := sum((one for one in charged if one is not None), Decimal(0)):
                    found.append(Usage(resource, ONCE, once, day, until, department))
                day = until
        return found

    def rated(self, department: str, month: date) -> Counter[Line]:
        return Counter(fraction_rater.rate(self.usage(department, month), self.given))

    def movement(self, department: str, month: date) -> dict[str, tuple[Fraction, ...]]:
        """Opening, increases, decreases and closing by SKU, day over day and resource by resource."""
        now = dict(self.closing[department])
        moved: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 4)
        for (_, sku), quantity in now.items():
            moved[sku][0] += quantity
        by_day: dict[date, dict[tuple[str, str], Fraction]] = defaultdict(dict)
        for one in self.usage(department, month):
            if one.sku != ONCE:
                by_day[one.starts][one.resource, one.sku] = Fraction(one.quantity)
        day = month
        while day < month_after(month):
            today = by_day[day]
            for key in {*now, *today}:
                change = today.get(key, Fraction(0)) - now.get(key, Fraction(0))
                moved[key[1]][1 if change > 0 else 2] += abs(change)
            now, day = today, day + ONE_DAY
        for (_, sku), quantity in now.items():
            moved[sku][3] += quantity
        self.closing[department] = now
        return {sku: tuple(figures) for sku, figures in moved.items() if any(figures)}
