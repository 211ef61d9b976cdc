"""Intervals follow from the events of each day, without overlap and without gap."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.billing.intervals import NOT_BILLED, Event, Interval, Origin, SkuUse, fold

FIRST = date(2020, 2, 1)
RUN = Origin(UUID(int=1), 4)


def happened(seq: int, day: int, state: str | None = None, hour: int = 9, **skus: int) -> Event:
    at = datetime(2020, 2, 1, hour, tzinfo=UTC) + timedelta(days=day)
    uses = [SkuUse(sku, Decimal(quantity)) for sku, quantity in skus.items()] if skus else None
    return Event(seq, FIRST + timedelta(days=day), at, state, uses, RUN)


def shown(intervals: Sequence[Interval]) -> list[tuple[str, int, str, int, int | None]]:
    return [
        (
            one.use.sku,
            int(one.use.quantity),
            one.state,
            (one.starts - FIRST).days,
            None if one.ends is None else (one.ends - FIRST).days,
        )
        for one in intervals
    ]


def test_opening_day_counts_and_closing_day_does_not() -> None:
    assert shown(fold([happened(1, 0, "active", CPU=8), happened(2, 10, NOT_BILLED)])) == [
        ("CPU", 8, "active", 0, 10)
    ]


def test_of_two_resizes_on_one_day_only_the_last_counts() -> None:
    events = [
        happened(1, 0, "active", CPU=8),
        happened(2, 5, None, 9, CPU=4),
        happened(3, 5, None, 10, CPU=2),
    ]
    assert shown(fold(events)) == [("CPU", 8, "active", 0, 5), ("CPU", 2, "active", 5, None)]


def test_events_of_one_instant_are_ordered_by_their_number() -> None:
    events = [happened(3, 5, None, CPU=2), happened(2, 5, None, CPU=4), happened(1, 0, "active", CPU=8)]
    assert shown(fold(events))[-1] == ("CPU", 2, "active", 5, None)


def test_open_and_close_on_one_day_bill_nothing() -> None:
    assert fold([happened(1, 3, "active", CPU=8), happened(2, 3, NOT_BILLED, 10)]) == []


def test_a_resize_there_and_back_on_one_day_splits_nothing() -> None:
    events = [
        happened(1, 0, "active", CPU=8),
        happened(2, 5, None, 9, CPU=4),
        happened(3, 5, None, 10, CPU=8),
    ]
    assert shown(fold(events)) == [("CPU", 8, "active", 0, None)]


def test_an_event_that_changes_one_sku_leaves_the_others_whole() -> None:
    events = [happened(1, 0, "active", CPU=8, SSD=500), happened(2, 5, None, CPU=4, SSD=500)]
    assert shown(fold(events)) == [
        ("CPU", 8, "active", 0, 5),
        ("SSD", 500, "active", 0, None),
        ("CPU", 4, "active", 5, None),
    ]


def test_a_quantity_keeps_the_run_to_which_it_goes_back() -> None:
    later = Event(
        2,
        FIRST + timedelta(days=5),
        datetime(2020, 2, 6, tzinfo=UTC),
        "suspended",
        None,
        Origin(UUID(int=2), 5),
    )
    first, second = fold([happened(1, 0, "active", CPU=8), later])
    assert (first.origin, second.origin) == (RUN, RUN)
    assert (first.event_seq, second.event_seq) == (1, 2)


def test_charges_of_one_day_are_one_and_end_nothing() -> None:
    day = FIRST + timedelta(days=3)
    charge = [SkuUse("WORK", Decimal("1.5"))]
    at = datetime(2020, 2, 4, tzinfo=UTC)
    events = [
        happened(1, 0, "active", CPU=8),
        *(Event(seq, day, at, None, None, RUN, charge) for seq in (2, 3)),
    ]
    assert shown(fold(events)) == [("WORK", 3, "active", 3, 4), ("CPU", 8, "active", 0, None)]


def test_a_charge_on_the_day_of_another_event_is_not_what_an_interval_began_with() -> None:
    charge = Event(
        2, FIRST, datetime(2020, 2, 1, 10, tzinfo=UTC), None, None, RUN, [SkuUse("WORK", Decimal(1))]
    )
    found = {one.use.sku: one.event_seq for one in fold([happened(1, 0, "active", CPU=8), charge])}
    assert found == {"WORK": 2, "CPU": 1}


STATES = st.sampled_from([None, "active", "suspended", "waived", NOT_BILLED])
SKUS = st.none() | st.dictionaries(st.sampled_from(["CPU", "MEM", "SSD"]), st.integers(0, 3), max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    events = []
    for seq in range(draw(st.integers(0, 12))):
        at = datetime(2020, 2, 1, draw(st.integers(0, 3)), tzinfo=UTC)
        skus = draw(SKUS)
        uses = None if skus is None else [SkuUse(sku, Decimal(quantity)) for sku, quantity in skus.items()]
        events.append(
            Event(seq, FIRST + timedelta(days=draw(st.integers(0, 10))), at, draw(STATES), uses, RUN)
        )
    return draw(st.permutations(events))


def on(events: Sequence[Event], day: date) -> dict[str, tuple[Decimal, str]]:
    """Return the state of a day by the rule alone."""
    before = sorted((event for event in events if event.day <= day), key=lambda e: (e.day, e.at, e.seq))
    states = [event.state for event in before if event.state is not None]
    skus = [event.skus for event in before if event.skus is not None]
    if not states or not skus or states[-1] == NOT_BILLED:
        return {}
    return {use.sku: (use.quantity, states[-1]) for use in skus[-1] if use.quantity}


@pytest.mark.invariant(4)
@given(histories())
def test_every_day_is_billed_exactly_as_the_last_event_before_its_end_says(events: list[Event]) -> None:
    intervals = fold(events)
    for number in range(12):
        day = FIRST + timedelta(days=number)
        covering = [one for one in intervals if one.starts <= day and (one.ends is None or day < one.ends)]
        assert len({one.use.sku for one in covering}) == len(covering)
        assert {one.use.sku: (one.use.quantity, one.state) for one in covering} == on(events, day)


@given(histories())
def test_neighbouring_intervals_differ(events: list[Event]) -> None:
    intervals = fold(events)
    ends = {(one.use, one.state, one.ends) for one in intervals}
    assert not [one for one in intervals if (one.use, one.state, one.starts) in ends]
