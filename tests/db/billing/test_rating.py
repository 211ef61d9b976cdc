"""Every line follows the rules, to the fen, for all catalogues, sizes, months and terms."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.billing.errors import UnpricedUsage
from orchestrator.billing.queries import rate_by
from orchestrator.billing.rating import RatedLine, Spec, Usage
from orchestrator.core.db import create_database_engine, reading
from tests.db.billing import fraction_rater
from tests.postgres import Server

Terms = dict[str, list[dict[str, Any]]]
Rater = Callable[[Sequence[Usage], Mapping[str, Sequence[Mapping[str, Any]]]], list[RatedLine]]

# Three months with a leap February between a 31-day and another 31-day month, or a year's end.
FIRST = st.sampled_from([date(2020, 1, 1), date(2019, 11, 1), date(2021, 1, 1)])
LENGTH = 91
SKUS = [
    {"sku": "CPU", "billing": "monthly", "counts": "vcpu", "arch": "x86", "payer": "department"},
    {"sku": "MEM", "billing": "monthly", "counts": "memory_gb", "arch": "x86", "payer": "department"},
    {"sku": "BAND", "billing": "monthly", "counts": "none", "arch": "", "payer": "central"},
    {"sku": "STANDBY", "billing": "percent_of_spec", "counts": "none", "arch": "", "payer": "department"},
    {"sku": "WORK", "billing": "one_off", "counts": "none", "arch": "", "payer": "department"},
]
FEN = st.integers(0, 500_000)
QUANTITY = st.decimals(0, 4000, places=2) | st.integers(0, 64).map(Decimal)
SPEC = st.builds(Spec, st.just("x86"), st.integers(1, 64).map(Decimal), st.integers(1, 256).map(Decimal))
PERCENT = st.decimals(0, 100, places=2)


@pytest.fixture(scope="module")
def rater(server: Server, template: str) -> Iterator[Rater]:
    engine = create_database_engine(server.url(template))

    def rate(usage: Sequence[Usage], terms: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[RatedLine]:
        with reading(engine) as session:
            return rate_by(session, usage, terms)

    yield rate
    engine.dispose()


@st.composite
def periods(draw: st.DrawFn, first: date, most: int) -> list[tuple[date, date]]:
    """Periods one after the other, with and without days between them."""
    marks = sorted(draw(st.sets(st.integers(0, LENGTH), min_size=2, max_size=most + 1)))
    days = [first + timedelta(days=mark) for mark in marks]
    return [pair for pair in itertools.pairwise(days) if draw(st.integers(0, 3)) > 0]


@st.composite
def price_rows(draw: st.DrawFn, first: date) -> list[dict[str, Any]]:
    """One to three versions of the price list that cover every day once."""
    borders = sorted(draw(st.sets(st.integers(1, LENGTH - 1), max_size=2)))
    edges = [None, *(first + timedelta(days=border) for border in borders), None]
    rows = []
    for number, (starts, ends) in enumerate(itertools.pairwise(edges)):
        for kind in SKUS:
            tiers = None
            if draw(st.integers(0, 3)) == 0:
                limits = sorted(draw(st.sets(st.integers(1, 100), max_size=2)))
                tiers = [{"up_to": limit, "price_fen": draw(FEN)} for limit in [*limits, None]]
            is_percent = kind["billing"] == "percent_of_spec"
            rows.append(
                {
                    "sku": kind["sku"],
                    "catalogue": f"CAT-{number}",
                    "price_fen": None if is_percent or tiers else draw(FEN),
                    "percent": draw(st.integers(0, 100)) if is_percent else None,
                    "tiers": None if is_percent else tiers,
                    "suspended_percent": draw(st.none() | st.integers(0, 100)),
                    "starts": starts or date(2019, 1, 1),
                    "ends": ends,
                }
            )
    return rows


@st.composite
def bills(draw: st.DrawFn) -> tuple[list[Usage], Terms]:
    """Usage with resizes, states and gaps, and the prices, discounts and payer splits over it."""
    first = draw(FIRST)
    usage = []
    for resource in ("r1", "r2"):
        for kind in draw(st.lists(st.sampled_from(SKUS), unique_by=lambda kind: kind["sku"])):
            for starts, ends in draw(periods(first, 5)):
                once = kind["billing"] == "one_off"
                usage.append(
                    Usage(
                        resource,
                        kind["sku"],
                        draw(QUANTITY if draw(st.booleans()) else st.just(Decimal(8))),
                        starts,
                        starts + timedelta(days=1) if once else ends,
                        draw(st.just("D1") if resource == "r1" else st.just("D2")),
                        draw(st.sampled_from(["active", "active", "suspended", "waived"])),
                        draw(SPEC) if kind["billing"] == "percent_of_spec" else None,
                    )
                )
    terms: Terms = {"prices": draw(price_rows(first)), "skus": SKUS, "discounts": [], "splits": []}
    for department in ("D1", "D2"):
        for sku in ("CPU", "BAND", "STANDBY"):
            whose = {"department": department, "sku": sku}
            for starts, ends in draw(periods(first, 2)):
                percent = draw(st.sampled_from([Decimal(0), Decimal("12.5"), Decimal(100)]) | PERCENT)
                terms["discounts"].append({**whose, "percent": percent, "starts": starts, "ends": ends})
            for starts, ends in draw(periods(first, 2)):
                borders = sorted(draw(st.lists(PERCENT, min_size=1, max_size=2)))
                edges = [Decimal(0), *borders, Decimal(100)]
                percents = [high - low for low, high in itertools.pairwise(edges)]
                payers = ["p1", "p2", "p3"][: len(percents)]
                terms["splits"].append(
                    {**whose, "payers": payers, "percents": percents, "starts": starts, "ends": ends}
                )
    return usage, terms


def comparable(line: RatedLine) -> fraction_rater.Line:
    shares = tuple(line.shares_fen)
    days = (line.starts, line.ends)
    head = (line.resource, line.sku, Fraction(line.quantity), line.state, line.catalogue)
    return (*head, *days, line.amount_fen, shares)


@pytest.mark.invariant(5, 8)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bills())
def test_the_set_based_rater_agrees_with_exact_fractions_to_the_fen(
    rater: Rater, bill: tuple[list[Usage], Terms]
) -> None:
    usage, terms = bill
    lines = rater(usage, terms)
    assert [comparable(line) for line in lines] == fraction_rater.rate(usage, terms)
    assert all(sum(line.shares_fen) == line.amount_fen for line in lines)


def price(sku: str, fen: int, starts: str, ends: str | None, catalogue: str = "A") -> dict[str, Any]:
    days = {"starts": date.fromisoformat(starts), "ends": date.fromisoformat(ends) if ends else None}
    none = {"percent": None, "tiers": None, "suspended_percent": None}
    return {"sku": sku, "catalogue": catalogue, "price_fen": fen, **none, **days}


def cpu(starts: str, ends: str, quantity: int = 8, state: str = "active") -> Usage:
    days = (date.fromisoformat(starts), date.fromisoformat(ends))
    return Usage("web", "CPU", Decimal(quantity), *days, "D1", state)


def terms_of(*prices: dict[str, Any]) -> Terms:
    return {"prices": list(prices), "skus": SKUS, "discounts": [], "splits": []}


@pytest.mark.invariant(8)
@pytest.mark.parametrize(
    ("prices", "day", "words"),
    [
        ((price("CPU", 4200, "2020-01-01", "2020-02-10"),), "2020-02-10", "CPU has no price on 2020-02-10"),
        (
            (
                price("CPU", 4200, "2020-01-01", "2020-02-10"),
                price("CPU", 1, "2020-02-08", None, "B"),
            ),
            "2020-02-08",
            "CPU has 2 prices on 2020-02-08",
        ),
        (
            # A missing day and a double one do not make up for each other.
            (
                price("CPU", 4200, "2020-01-01", "2020-02-10"),
                price("CPU", 4200, "2020-02-11", "2020-02-15", "B"),
                price("CPU", 4200, "2020-02-14", None, "C"),
            ),
            "2020-02-10",
            "CPU has no price on 2020-02-10",
        ),
    ],
)
def test_a_day_without_exactly_one_price_is_refused_naming_sku_and_first_day(
    rater: Rater, prices: tuple[dict[str, Any], ...], day: str, words: str
) -> None:
    with pytest.raises(UnpricedUsage, match=words) as refused:
        rater([cpu("2020-02-01", "2020-03-01")], terms_of(*prices))
    assert refused.value.extra == {"sku": "CPU", "day": day}


def test_a_price_of_nothing_is_a_price(rater: Rater) -> None:
    (line,) = rater([cpu("2020-02-01", "2020-03-01")], terms_of(price("CPU", 0, "2020-01-01", None)))
    assert line.amount_fen == 0


def test_a_percentage_needs_the_prices_of_the_spec_and_names_the_missing_one(rater: Rater) -> None:
    standby = {**price("STANDBY", 0, "2020-01-01", None), "price_fen": None, "percent": 30}
    prices = (standby, price("CPU", 4200, "2020-01-01", None), price("MEM", 1500, "2020-01-01", "2020-02-02"))
    spec = Spec("x86", Decimal(8), Decimal(32))
    usage = Usage("dr", "STANDBY", Decimal(1), date(2020, 2, 1), date(2020, 3, 1), "D1", "active", spec)
    with pytest.raises(UnpricedUsage, match="MEM, which STANDBY needs, has no price on 2020-02-02"):
        rater([usage], terms_of(*prices))


def test_two_discounts_on_one_day_are_refused(rater: Rater) -> None:
    terms = terms_of(price("CPU", 4200, "2020-01-01", None))
    for percent, starts in ((5, date(2020, 1, 1)), (10, date(2020, 2, 5))):
        terms["discounts"].append(
            {"department": "D1", "sku": "CPU", "percent": percent, "starts": starts, "ends": None}
        )
    with pytest.raises(UnpricedUsage, match="CPU has 2 discounts on 2020-02-05"):
        rater([cpu("2020-02-01", "2020-03-01")], terms)


def test_an_event_that_changes_nothing_for_a_sku_does_not_split_its_line(rater: Rater) -> None:
    usage = [cpu("2020-02-01", "2020-02-10"), cpu("2020-02-10", "2020-02-20")]
    (line,) = rater(usage, terms_of(price("CPU", 4200, "2020-01-01", None)))
    assert (line.starts, line.ends) == (date(2020, 2, 1), date(2020, 2, 20))


def test_half_a_fen_goes_up(rater: Rater) -> None:
    (line,) = rater([cpu("2020-04-01", "2020-04-16", 1)], terms_of(price("CPU", 1, "2020-01-01", None)))
    assert line.amount_fen == 1


def test_leftover_fen_go_to_the_largest_fractions_and_ties_to_the_payer_listed_first(rater: Rater) -> None:
    terms = terms_of(price("CPU", 101, "2020-01-01", None))
    terms["splits"] = [
        {
            "department": "D1",
            "sku": "CPU",
            "payers": ["p1", "p2", "p3"],
            "percents": [Decimal(25), Decimal(25), Decimal(50)],
            "starts": date(2020, 1, 1),
            "ends": None,
        }
    ]
    (line,) = rater([cpu("2020-02-01", "2020-03-01", 1)], terms)
    # 25.25, 25.25 and 50.50: the largest fraction gets the fen; of 102 fen 25.5, 25.5 and 51 the first does.
    assert list(line.shares_fen) == [25, 25, 51]
    terms["prices"][0]["price_fen"] = 102
    (line,) = rater([cpu("2020-02-01", "2020-03-01", 1)], terms)
    assert list(line.shares_fen) == [26, 25, 51]
