"""What a load of the content would change: a comparison of three states, decided without any reading.

``wanted`` is what the files say, ``current`` what is in force now, ``base`` what the last load wrote. A
row that somebody changed, added or removed in the product since the last load, and that the files want
otherwise, is a conflict: a load never overwrites it (domain §6.13). A row that only the product has is
left alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.content.bundle import Row, RowKey, Rows, Scalar, row_order

WHOLE_ROW = ""
"""The field of a difference that concerns its row as a whole."""


class Verdict(StrEnum):
    """What a load does about a difference."""

    ADD = "add"
    CHANGE = "change"
    CONFLICT = "conflict"
    REMOVE = "remove"
    SAME = "same"


@dataclass(frozen=True)
class Difference:
    """One field, or with ``field`` empty one whole row, and what a load would do about it.

    ``before`` is what is in force, ``after`` what the files want. For a whole row both are mappings of
    its fields, None where the row is absent; ``same`` always has ``before`` equal to ``after``.
    """

    kind: str
    key: str
    field: str
    before: Scalar | Row
    after: Scalar | Row
    verdict: Verdict


def differences(current: Rows, wanted: Rows, base: Rows | None) -> list[Difference]:
    """Compare every row of the three states, ordered by kind, key and field.

    ``base`` None means that no load has written anything: then whatever is in force came from the
    product. Lists and tuples of texts are equal when their items are.
    """
    states = [{key: _plain(row) for key, row in (rows or {}).items()} for rows in (current, wanted, base)]
    found: list[Difference] = []
    for key in sorted(set().union(*states), key=row_order):
        now, want, last = (state.get(key) for state in states)
        found += _of_row(key, now, want, last)
    return found


def changes(found: list[Difference]) -> list[Difference]:
    """Give the differences that a load would write."""
    return [one for one in found if one.verdict not in {Verdict.SAME, Verdict.CONFLICT}]


def conflicts(found: list[Difference]) -> list[Difference]:
    """Give the differences because of which a load is refused."""
    return [one for one in found if one.verdict is Verdict.CONFLICT]


def _plain(row: Mapping[str, Any]) -> Row:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _of_row(key: RowKey, now: Row | None, want: Row | None, last: Row | None) -> Iterator[Difference]:
    is_only_in_product = want is None and last is None
    if now == want or is_only_in_product:
        if now is not None:
            yield Difference(*key, WHOLE_ROW, now, now, Verdict.SAME)
        return
    is_product_change = now != last
    if now is None or want is None:
        gain = Verdict.ADD if now is None else Verdict.REMOVE
        verdict = Verdict.CONFLICT if is_product_change else gain
        yield Difference(*key, WHOLE_ROW, now, want, verdict)
        return
    verdict = Verdict.CONFLICT if is_product_change else Verdict.CHANGE
    yield from _of_fields(key, now, want, verdict)


def _of_fields(key: RowKey, now: Row, want: Row, verdict: Verdict) -> Iterator[Difference]:
    for name in sorted({*now, *want}):
        before, after = now.get(name), want.get(name)
        if before != after or (name in now) != (name in want):
            yield Difference(*key, name, before, after, verdict)
