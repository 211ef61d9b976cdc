"""Amounts that a request takes from the counters of quota, pool and budget; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class CounterKind(StrEnum):
    """The table of a counter: a department's limit, a pool's capacity or a budget line."""

    QUOTA = "quota"
    POOL = "pool"
    BUDGET = "budget"


@dataclass(frozen=True)
class Counter:
    """One counter: of a zone class or a pool for one resource class, or of a budget line, in fen.

    As text it is ``quota:production:vcpu``, ``pool:EXT-X86:vcpu`` or ``budget:<line id>``: the database, the
    API and the audit name it so.
    """

    kind: CounterKind
    owner: str
    resource_class: str = ""

    @classmethod
    def quota(cls, zone_class: str, resource_class: str) -> Self:
        """Return the counter of a department's quota."""
        return cls(CounterKind.QUOTA, zone_class, resource_class)

    @classmethod
    def pool(cls, code: str, resource_class: str) -> Self:
        """Return the counter of a pool's capacity."""
        return cls(CounterKind.POOL, code, resource_class)

    @classmethod
    def budget(cls, line_id: object) -> Self:
        """Return the counter of a budget line, in fen."""
        return cls(CounterKind.BUDGET, str(line_id))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the counter with this text.

        Raises:
            ValueError: the text names no kind of counter.
        """
        kind, _, rest = text.partition(":")
        owner, _, resource_class = rest.partition(":")
        return cls(CounterKind(kind), owner, resource_class)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return ":".join((self.kind, self.owner, *([self.resource_class] if self.resource_class else [])))


@dataclass(frozen=True)
class Take:
    """An amount of one counter; a negative amount is released."""

    counter: Counter
    amount: int


def takes(
    zone_classes: Iterable[str], by_pool: Mapping[str, Mapping[str, int]], budgets: Mapping[Any, int]
) -> list[Take]:
    """Return the amounts by counter, from `by_pool` (pool -> class -> amount) and `budgets` (line -> fen).

    They are sorted in the order in which counters are locked, so that two requests cannot deadlock.
    """
    totals: dict[Counter, int] = {}
    for pool, amounts in by_pool.items():
        for resource_class, amount in amounts.items():
            _add(totals, Counter.pool(pool, resource_class), amount)
            for zone_class in zone_classes:
                _add(totals, Counter.quota(zone_class, resource_class), amount)
    for line_id, fen in budgets.items():
        _add(totals, Counter.budget(line_id), fen)
    return [Take(counter, totals[counter]) for counter in in_locking_order(totals) if totals[counter]]


def in_locking_order(counters: Iterable[Counter]) -> list[Counter]:
    """Sort counters by their text, the order in which every transaction locks them."""
    return sorted(counters, key=str)


def _add(totals: dict[Counter, int], counter: Counter, amount: int) -> None:
    totals[counter] = totals.get(counter, 0) + amount


def difference(wanted: Mapping[str, int], present: Mapping[str, int]) -> dict[str, int]:
    """Return the amounts by resource class that a change adds (positive) or releases (negative)."""
    return {name: wanted.get(name, 0) - present.get(name, 0) for name in sorted({*wanted, *present})}
