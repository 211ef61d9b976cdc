"""Three-way comparison of content: the changes that a load would write, and the conflicts that forbid it.

``wanted`` are the rows of the files, ``current`` the rows in force, ``base`` the rows of the last load. A row
that was changed, added or removed in the product since the last load, and that differs in the files, is a
conflict: a load never overwrites it (domain §6.13). A row that only the product has is left alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.content.bundle import Row, RowKey, Rows, Scalar, row_order

WHOLE_ROW = ""
"""The ``field`` of a difference that concerns a whole row."""


class Verdict(StrEnum):
    """The action of a load on a difference."""

    ADD = "add"
    CHANGE = "change"
    CONFLICT = "conflict"
    REMOVE = "remove"
    SAME = "same"


@dataclass(frozen=True)
class Difference:
    """A difference in one field, or in a whole row when ``field`` is empty, and the action of a load on it.

    ``before`` is the value in force, ``after`` the value of the files. For a whole row both are mappings of
    its fields, None where the row is absent; for ``same`` both are equal.
    """

    kind: str
    key: str
    field: str
    before: Scalar | Row
    after: Scalar | Row
    verdict: Verdict


def differences(current: Rows, wanted: Rows, base: Rows | None) -> list[Difference]:
    """Return the differences of every row of the three states, ordered by kind, key and field.

    ``base`` None means that nothing was loaded yet: every row in force then comes from the product. Lists
    and tuples with equal items are equal.
    """
    states = [{key: _plain(row) for key, row in (rows or {}).items()} for rows in (current, wanted, base)]
    all_differences: list[Difference] = []
    for key in sorted(set().union(*states), key=row_order):
        now, want, last = (state.get(key) for state in states)
        all_differences += _of_row(key, now, want, last)
    return all_differences


def changes(compared: Iterable[Difference]) -> list[Difference]:
    """Return the differences that a load would write."""
    return [row for row in compared if row.verdict not in {Verdict.SAME, Verdict.CONFLICT}]


def conflicts(compared: Iterable[Difference]) -> list[Difference]:
    """Return the differences that make a load fail."""
    return [row for row in compared if row.verdict is Verdict.CONFLICT]


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
