"""What a request takes of quota, pool and budget; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Take:
    """An amount of one counter; `target` is written as in `HoldItem`, a negative amount gives back."""

    target: str
    amount: int


BUDGET = "budget:"
"""How the target of a budget line begins."""


def quota_target(zone_class: str, resource_class: str) -> str:
    """The counter of an organisation's quota."""
    return f"quota:{zone_class}:{resource_class}"


def pool_target(pool: str, resource_class: str) -> str:
    """The counter of a pool's capacity."""
    return f"pool:{pool}:{resource_class}"


def budget_target(line_id: object) -> str:
    """The counter of a budget line, in fen."""
    return f"{BUDGET}{line_id}"


def takes(
    zone_classes: Iterable[str], by_pool: Mapping[str, Mapping[str, int]], budgets: Mapping[Any, int]
) -> list[Take]:
    """Every counter that `by_pool` (pool -> class -> amount) and `budgets` (line -> fen) touch, sorted.

    The order is the order in which counters are locked, so that two requests never wait for each
    other in a circle.
    """
    totals: dict[str, int] = {}
    for pool, amounts in by_pool.items():
        for name, amount in amounts.items():
            _add(totals, pool_target(pool, name), amount)
            for zone_class in zone_classes:
                _add(totals, quota_target(zone_class, name), amount)
    for line, fen in budgets.items():
        _add(totals, budget_target(line), fen)
    return [Take(target, amount) for target, amount in sorted(totals.items()) if amount]


def _add(totals: dict[str, int], target: str, amount: int) -> None:
    totals[target] = totals.get(target, 0) + amount


def difference(wanted: Mapping[str, int], present: Mapping[str, int]) -> dict[str, int]:
    """What a change adds (positive) or gives back (negative), per resource class."""
    return {name: wanted.get(name, 0) - present.get(name, 0) for name in sorted({*wanted, *present})}
