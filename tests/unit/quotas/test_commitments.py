"""Budget commitments over days, prices, sizes and years: nothing is lost and nothing returned twice."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.quotas.commitments import Change, Commitment, Committed, Key, endings

FIRST = date(2019, 11, 1)
KEYS: tuple[Key, ...] = (("instance/web", "CPU"), ("instance/web", "MEM"), ("volume/web-data", "SSD"))


def commitment(quantity: int = 8, fen: int = 800, starts: str = "2019-07-01") -> Commitment:
    first = date.fromisoformat(starts)
    return Commitment("instance/web", "CPU", quantity, "CAT", 100, first, date(first.year + 1, 1, 1), fen)


def committed(*commitments: Commitment, line: UUID | None = None) -> list[Committed]:
    """Commitments of as many requests, the first the newest."""
    at, line_id = datetime(2019, 1, 1, tzinfo=UTC), line or uuid4()
    return [Committed(uuid4(), line_id, uuid4(), at, one) for one in commitments]


@pytest.mark.parametrize(
    ("day", "left"),
    [
        ("2019-06-01", 60_000),
        ("2019-07-01", 60_000),
        ("2019-07-16", 60_000 - 4_839),
        ("2019-12-01", 10_000),
        ("2019-12-31", 323),
        ("2020-01-01", 0),
    ],
)
def test_every_month_of_a_commitment_costs_the_same_and_its_days_a_part_of_it(day: str, left: int) -> None:
    assert commitment(fen=60_000).fen_from(date.fromisoformat(day)) == left


def test_of_several_commitments_the_newest_end_first_and_one_in_part() -> None:
    newest, oldest = committed(commitment(2, 1_200), commitment(8, 2_400))
    (first, second) = endings([newest, oldest], {newest.commitment.key: 6}, date(2019, 10, 1))
    assert (first.committed, first.kept, first.given_back_fen) == (newest, None, 600)
    assert second.kept == commitment(6, 900, "2019-10-01")
    assert (second.used_fen, second.given_back_fen) == (1_200, 300)


def test_two_prices_of_one_commitment_end_together() -> None:
    prices = [commitment(8, 600), commitment(8, 900)]
    request, line, at = uuid4(), uuid4(), datetime(2019, 1, 1, tzinfo=UTC)
    standing = [Committed(uuid4(), line, request, at, one) for one in prices]
    found = endings(standing, {prices[0].key: 4}, date(2019, 7, 1))
    assert [ending.given_back_fen for ending in found] == [300, 450]


def test_a_change_made_later_never_takes_more_than_was_held() -> None:
    """A released amount gets cheaper in December; an added amount costs the same all year."""
    line, ends, cheap_from = uuid4(), date(2020, 1, 1), date(2019, 12, 1)
    dear = Commitment("instance/db", "CPU", 1, "CAT", 1, date(2019, 11, 1), cheap_from, 10_000)
    cheap = Commitment("instance/db", "CPU", 1, "CAT-2", 1, cheap_from, ends, 100)
    standing = committed(dear, cheap, line=line)
    added = [Commitment("instance/web", "CPU", 1, "CAT", 1, date(2019, 11, 1), ends, 4_000)]
    change = Change(line, added, standing, {added[0].key: 1})
    assert change.fen_on(date(2019, 11, 1)) == {line: 4_000 - 10_100}
    assert change.fen_to_hold(date(2019, 11, 1)) == {line: 2_000 - 100}


@dataclass
class Budget:
    """One workspace and its budget lines, one a fiscal year; `amounts` is the committed amount of each."""

    amounts: Counter[int] = field(default_factory=Counter)
    lines: dict[int, UUID] = field(default_factory=dict)
    standing: list[Committed] = field(default_factory=list)
    sizes: Counter[Key] = field(default_factory=Counter)

    def change(self, sizes: Counter[Key], asked: date, done: date, prices: Iterable[int]) -> None:
        line, ends = self.lines.setdefault(asked.year, uuid4()), date(asked.year + 1, 1, 1)
        added = [
            Commitment(*key, more, "CAT", price, asked, ends, price * more * (ends - asked).days)
            for key, price in zip(KEYS, prices, strict=True)
            if (more := sizes[key] - self.sizes[key]) > 0
        ]
        change = Change(line, added, [one for one in self.standing if one.commitment.ends > asked], sizes)
        held = change.fen_to_hold(asked)
        totals = change.fen_on(done)
        assert all(fen <= max(0, held.get(one, 0)) for one, fen in totals.items())
        self.write(change, done, totals)
        self.sizes = sizes

    def write(self, change: Change, done: date, totals: dict[UUID, int]) -> None:
        ended = {one.committed.id: one for one in endings(change.standing, change.wanted, done)}
        assert all(one.given_back_fen >= 0 and one.used_fen >= 0 for one in ended.values())
        kept = [
            Committed(uuid4(), one.committed.line_id, one.committed.request_id, done_at(done), one.kept)
            for one in ended.values()
            if one.kept
        ]
        request = uuid4()
        fresh = [
            Committed(uuid4(), self.lines[one.starts.year], request, done_at(done), one.from_day(done))
            for one in change.added
        ]
        still = [one for one in self.standing if one.id not in ended]
        self.standing = [*fresh, *kept, *still]
        year_of = {line: year for year, line in self.lines.items()}
        # What ended keeps the days that were used; the budget keep only their sum.
        for line, fen in totals.items():
            assert year_of[line] == done.year, "a line of another year is left alone"
            self.amounts[done.year] += fen


def done_at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


steps = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(0, 10),
        st.lists(st.integers(0, 5), min_size=3, max_size=3),
        st.lists(st.integers(0, 7_001), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.invariant(9)
@given(steps)
def test_whatever_changes_when_no_line_gives_back_more_than_it_committed(
    made: list[tuple[int, int, list[int], list[int]]],
) -> None:
    budget, day = Budget(), FIRST
    for wait, delay, quantities, prices in made:
        asked = day + timedelta(days=wait)
        day = min(asked + timedelta(days=delay), date(asked.year, 12, 31))
        budget.change(Counter(dict(zip(KEYS, quantities, strict=True))), asked, day, prices)
        for key in KEYS:
            covered = sum(
                one.commitment.quantity
                for one in budget.standing
                if one.commitment.key == key and one.commitment.ends > day
            )
            assert covered <= budget.sizes[key]
        assert min(budget.amounts.values(), default=0) >= 0
        ahead = sum(one.commitment.fen_from(day) for one in budget.standing)
        assert ahead <= budget.amounts[day.year]
    budget.change(Counter(), day, day, [0, 0, 0])
    assert not [one for one in budget.standing if one.commitment.ends > day]
    assert min(budget.amounts.values(), default=0) >= 0
