"""The oracle of months in a row: random histories, prices and terms, and their results.

It knows the rules alone: the state of a day after its last event, how a day is priced, that a confirmed month
is corrected by counter-lines in the next one that is metered, and that a month builds on the one before it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import strategies as st

from orchestrator.billing.intervals import NOT_BILLED
from orchestrator.billing.months import month_after
from orchestrator.billing.rating import Spec, Usage
from tests.db.billing import fraction_rater
from tests.db.billing.fraction_rater import Line

# A leap February between months of 31 days, a price change at a year's end, and plain months.
FIRST = st.sampled_from([date(2019, 12, 1), date(2020, 11, 1), date(2019, 6, 1)])
MONTHS = 4
DEPARTMENTS = ("SLJ", "MZJ")
MONTHLY = ("ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-OFF")
ONCE, STANDBY, ANCHOR = "MIG-DAY", "DR-STBY", "EVS-SATA"
USED = (*MONTHLY, ONCE, STANDBY, ANCHOR)
SPEC = Spec("x86", Decimal(8), Decimal(32))
PRICE_CHANGE = date(2021, 1, 1)
ONE_DAY = timedelta(days=1)
# In which order people try things with one statement after each close; what is refused changes nothing.
WAYS = (
    ("issue", "confirm"),
    ("issue", "confirm"),
    ("issue",),
    ("issue", "uphold", "close", "issue"),
    ("uphold",),
    ("close", "issue"),
    ("again",),
    (),
)
CAN_BE_METERED = ("open", "metered")


@dataclass(frozen=True)
class Report:
    """A reported event: how many days after the first day, and the new state."""

    resource: int
    day: int
    state: str | None
    skus: dict[str, Decimal] | None
    once: Decimal | None = None


@dataclass(frozen=True)
class Act:
    """An attempt on the statement of a month, counted from the first; a close is for all."""

    kind: str
    month: int
    department: str
    reported: Report | None


@dataclass(frozen=True)
class Month:
    """Reports before a month is closed, and the acts on this and earlier months after it."""

    reported: list[Report]
    again: bool
    acts: list[Act]


@dataclass
class Stated:
    """The expected content and status of a statement, and how many events it was metered from."""

    status: str = "open"
    known: int = 0
    ordinary: Counter[Line] = field(default_factory=Counter)
    counters: dict[date, Counter[Line]] = field(default_factory=dict)
    rights: dict[date, Counter[Line]] = field(default_factory=dict)
    movement: dict[str, tuple[Fraction, ...]] = field(default_factory=dict)
    closing: dict[tuple[str, str], Fraction] = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """When a random price list begins, prices by list and SKU, a discount and a payer split."""

    list_begins: int
    prices: dict[tuple[str, str], tuple[int, int | None]]
    discount: tuple[str, str, Decimal, int, int]
    split: tuple[str, str, Decimal, int, int]


SIZES = st.dictionaries(st.sampled_from([*MONTHLY, STANDBY]), st.decimals(0, 900, places=2), max_size=4)
STATES = st.sampled_from([None, "active", "suspended", "waived", NOT_BILLED])
LISTS = ("CAT-2019-01", "CAT-RANDOM", "CAT-2021-01")


@st.composite
def reports(draw: st.DrawFn, days: int) -> Report:
    """An event on one of the days up to now, however late."""
    resource, day = draw(st.integers(0, 2)), draw(st.integers(0, days - 1))
    if draw(st.integers(0, 5)) == 0:
        return Report(resource, day, None, None, draw(st.decimals(1, 20, places=1)))
    state, skus = draw(STATES), draw(st.none() | SIZES)
    return Report(resource, day, "active" if state is None and skus is None else state, skus)


@st.composite
def acts(draw: st.DrawFn, newest: int, days: int) -> list[Act]:
    """Mostly a month goes its way; some stay behind, are metered once more, or are disputed and upheld."""
    found = []
    for month in range(newest + 1):
        for department in DEPARTMENTS:
            for kind in draw(st.sampled_from(WAYS)):
                reported = draw(st.none() | reports(days)) if kind in ("uphold", "again") else None
                found.append(Act(kind, month, department, reported))
    return found


@st.composite
def years(draw: st.DrawFn) -> tuple[date, list[Month], Terms]:
    """Four months of two departments, and the terms that hold in them."""
    first, month = draw(FIRST), None
    done: list[Month] = []
    for number in range(MONTHS):
        month = month_after(month or first)
        reported = draw(st.lists(reports((month - first).days), max_size=4))
        done.append(Month(reported, draw(st.booleans()), draw(acts(number, (month - first).days))))
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
    """The oracle: reports, and every department's newest statement of each month."""

    first: date
    owners: Sequence[tuple[str, str]]
    given: dict[str, list[dict[str, Any]]]
    reported: list[Report] = field(default_factory=list)
    stated: dict[tuple[str, date], Stated] = field(default_factory=dict)

    def carried(self, resource: int, day: date) -> dict[str, tuple[Decimal, str]]:
        """Return the last reported state and sizes of a day."""
        known = [one for one in self.reported if one.resource == resource and self.on(one) <= day]
        known.sort(key=self.on)
        states = [one.state for one in known if one.state is not None]
        skus = [one.skus for one in known if one.skus is not None]
        if not states or not skus or states[-1] == NOT_BILLED:
            return {}
        return {sku: (quantity, states[-1]) for sku, quantity in skus[-1].items() if quantity}

    def on(self, reported: Report) -> date:
        return self.first + reported.day * ONE_DAY

    def usage(self, department: str, month: date) -> list[Usage]:
        """Day by day; a charge on one day counts once."""
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
                charged = [
                    one.once for one in self.reported if one.resource == number and self.on(one) == day
                ]
                if once := sum((one for one in charged if one is not None), Decimal(0)):
                    found.append(Usage(resource, ONCE, once, day, until, department))
                day = until
        return found

    def rated(self, department: str, month: date) -> Counter[Line]:
        return Counter(fraction_rater.rate(self.usage(department, month), self.given))

    def movement(
        self, department: str, month: date, opening: dict[tuple[str, str], Fraction]
    ) -> tuple[dict[str, tuple[Fraction, ...]], dict[tuple[str, str], Fraction]]:
        """Opening, increases, decreases and closing by SKU, day over day; then the final sizes."""
        now = dict(opening)
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
        return {sku: tuple(figures) for sku, figures in moved.items() if any(figures)}, now

    def months(self) -> list[date]:
        """The months that were closed so far."""
        return sorted({month for _, month in self.stated})

    def months_before(self, month: date) -> list[date]:
        found = [self.first]
        while found[-1] < month:
            found.append(month_after(found[-1]))
        return found[:-1]

    def of(self, department: str) -> dict[date, Stated]:
        return {month: one for (owner, month), one in sorted(self.stated.items()) if owner == department}

    def is_stale(self, department: str, month: date) -> bool:
        """Something that happened up to this month became known after it was metered."""
        one = self.stated[department, month]
        return one.status == "metered" and any(
            self.owners[reported.resource][0] == department and self.on(reported) < month_after(month)
            for reported in self.reported[one.known :]
        )

    def close(self, month: date, again: bool) -> bool:
        """Meter open or changed months, then later months that are not issued; return False if refused."""
        earlier = product(DEPARTMENTS, self.months_before(month))
        if any(self.stated.get(key, Stated()).status == "open" for key in earlier):
            return False
        for department in DEPARTMENTS:
            one = self.stated.setdefault((department, month), Stated())
            if one.status == "metered" and (again or self.is_stale(department, month)):
                one.status = "open"
        ordered = {month}
        for each in (this for this in self.months() if this >= month):
            if each in ordered:
                ordered |= self.meter(each)
        return True

    def meter(self, month: date) -> set[date]:
        """Fill the open statements of a month; the later months that are to be metered after it."""
        ordered = set()
        for department in DEPARTMENTS:
            if self.stated[department, month].status != "open":
                continue
            for later, one in self.of(department).items():
                if later > month and one.status in CAN_BE_METERED:
                    self.stated[department, later] = Stated()
                    ordered.add(later)
            self.stated[department, month] = self.filled(department, month)
        return ordered

    def filled(self, department: str, month: date) -> Stated:
        """Return the lines that hold now, and corrections of confirmed months before."""
        earlier = {each: one for each, one in self.of(department).items() if each < month}
        made = Stated("metered", len(self.reported), self.rated(department, month))
        for each in (each for each, one in earlier.items() if one.status == "confirmed"):
            said, right = self.said(earlier, each), self.rated(department, each)
            made.counters[each], made.rights[each] = said - right, right - said
        opening = earlier[max(earlier)].closing if earlier else {}
        made.movement, made.closing = self.movement(department, month, opening)
        return made

    @staticmethod
    def said(statements: dict[date, Stated], month: date) -> Counter[Line]:
        """Return the lines of one month over these statements."""
        said = Counter(statements[month].ordinary)
        for one in statements.values():
            said = said - one.counters.get(month, Counter()) + one.rights.get(month, Counter())
        return said

    def may_issue(self, department: str, month: date) -> bool:
        before = [one for each, one in self.of(department).items() if each < month]
        issuable = self.stated[department, month].status == "metered" and not self.is_stale(department, month)
        return issuable and not (before and before[-1].status in CAN_BE_METERED)

    def may_uphold(self, department: str, month: date) -> bool:
        later = [one for each, one in self.of(department).items() if each > month]
        is_newest = all(one.status in CAN_BE_METERED for one in later)
        return self.stated[department, month].status == "issued" and is_newest
