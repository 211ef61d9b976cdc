"""A load writes the changes of the files, and never overwrites a change made in the product."""

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.content.bundle import ROW_KINDS, Row, RowKey, Rows, row_order
from orchestrator.content.differences import Difference, Verdict, changes, conflicts, differences

KEY: RowKey = ("quota", "SLJ/production/vcpu")

KEYS = st.tuples(st.sampled_from(["organisation", "quota", "system", "unheard_of"]), st.sampled_from("ABC"))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["x", "y"]), st.just(("x", "y"))
)
ROWS = st.dictionaries(KEYS, st.dictionaries(st.sampled_from("fg"), VALUES, min_size=1), max_size=6)


def one(current: Row | None, wanted: Row | None, base: Row | None) -> list[tuple[str, Verdict]]:
    states = [{KEY: row} if row is not None else {} for row in (current, wanted, base)]
    return [(found.field, found.verdict) for found in differences(*states)]


def test_everything_is_added_to_an_empty_database() -> None:
    assert one(None, {"amount": 32}, None) == [("", Verdict.ADD)]


def test_what_only_the_files_changed_is_a_change_of_its_fields() -> None:
    assert one({"amount": 32, "a": 1}, {"amount": 40, "a": 1}, {"amount": 32, "a": 1}) == [
        ("amount", Verdict.CHANGE)
    ]


def test_what_was_changed_in_the_product_and_is_different_in_the_files_is_a_conflict() -> None:
    assert one({"amount": 48}, {"amount": 40}, {"amount": 32}) == [("amount", Verdict.CONFLICT)]
    assert one({"amount": 48}, {"amount": 32}, {"amount": 32}) == [("amount", Verdict.CONFLICT)]


def test_the_same_change_in_both_places_is_no_conflict() -> None:
    assert one({"amount": 40}, {"amount": 40}, {"amount": 32}) == [("", Verdict.SAME)]


def test_a_row_made_in_the_product_is_left_alone() -> None:
    assert one({"amount": 1}, None, None) == [("", Verdict.SAME)]
    assert one({"amount": 1}, {"amount": 2}, None) == [("amount", Verdict.CONFLICT)]


def test_a_row_that_left_the_files_is_removed_unless_the_product_changed_it() -> None:
    assert one({"amount": 1}, None, {"amount": 1}) == [("", Verdict.REMOVE)]
    assert one({"amount": 2}, None, {"amount": 1}) == [("", Verdict.CONFLICT)]


def test_a_row_that_was_removed_in_the_product_is_not_brought_back() -> None:
    assert one(None, {"amount": 1}, {"amount": 1}) == [("", Verdict.CONFLICT)]
    assert one(None, None, {"amount": 1}) == []


def written(current: Rows, found: list[Difference]) -> dict[RowKey, dict[str, object]]:
    """Return the rows after a load has written these differences."""
    state: dict[RowKey, dict[str, object]] = {key: dict(row) for key, row in current.items()}
    for change in changes(found):
        key = (change.kind, change.key)
        if change.verdict is Verdict.REMOVE:
            del state[key]
        elif change.verdict is Verdict.ADD:
            assert isinstance(change.after, Mapping)
            state[key] = dict(change.after)
        else:
            state[key][change.field] = change.after
    return state


@given(ROWS, ROWS)
def test_a_load_after_a_load_makes_the_database_say_what_the_files_say(base: Rows, wanted: Rows) -> None:
    found = differences(base, wanted, base)
    assert not conflicts(found)
    after = written(base, found)
    for key, row in wanted.items():
        assert {**dict.fromkeys(after[key]), **row} == after[key]
    assert set(after) == set(wanted)


@given(ROWS)
def test_a_second_load_of_the_same_files_changes_nothing(wanted: Rows) -> None:
    found = differences(wanted, wanted, wanted)
    assert {one.verdict for one in found} <= {Verdict.SAME}
    assert len(found) == len(wanted)


@given(ROWS, ROWS, ROWS)
def test_no_change_touches_a_row_that_the_product_changed(current: Rows, wanted: Rows, base: Rows) -> None:
    for change in changes(differences(current, wanted, base)):
        key = (change.kind, change.key)
        assert current.get(key) == base.get(key)


@given(ROWS, ROWS, ROWS)
def test_a_conflict_is_exactly_a_product_change_that_the_files_want_otherwise(
    current: Rows, wanted: Rows, base: Rows
) -> None:
    refused = {(one.kind, one.key) for one in conflicts(differences(current, wanted, base))}
    for key in {*current, *wanted, *base}:
        now, want, last = current.get(key), wanted.get(key), base.get(key)
        is_product_change = now != last
        is_wanted_otherwise = now != want and (want is not None or last is not None)
        assert (key in refused) == (is_product_change and is_wanted_otherwise)


@given(ROWS, ROWS, ROWS, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_rows(
    current: Rows, wanted: Rows, base: Rows, random: Random
) -> None:
    def shuffled(rows: Rows) -> Rows:
        pairs = list(rows.items())
        random.shuffle(pairs)
        return dict(pairs)

    found = differences(current, wanted, base)
    assert found == differences(shuffled(current), shuffled(wanted), shuffled(base))
    keys = [(one.kind, one.key) for one in found]
    assert keys == sorted(keys, key=row_order)


def test_lists_from_a_stored_document_equal_the_tuples_of_the_files() -> None:
    stored: Any = {KEY: {"depends": ["SYS-001"]}}
    wanted: Rows = {KEY: {"depends": ("SYS-001",)}}
    assert [one.verdict for one in differences(stored, wanted, stored)] == [Verdict.SAME]


def test_kinds_are_ordered_so_that_what_is_referred_to_comes_first() -> None:
    assert row_order((ROW_KINDS[0], "Z")) < row_order((ROW_KINDS[1], "A"))
    assert row_order(("unheard_of", "A")) > row_order((ROW_KINDS[-1], "Z"))
