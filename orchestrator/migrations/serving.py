"""Judge which side serves from a reading of both. Pure: nothing is remembered, so a crash loses nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import Sides


class Verdict(StrEnum):
    """The sides that accept writes."""

    SOURCE = "source"
    TARGET = "target"
    NEITHER = "neither"
    BOTH = "both"
    UNKNOWN = "unknown"

    @property
    def side(self) -> Side | None:
        """The one side that accepts writes, or None."""
        return Side(self.value) if self in (Verdict.SOURCE, Verdict.TARGET) else None


@dataclass(frozen=True)
class Serving:
    """The verdict, and the side that may safely be opened when neither accepts writes.

    `name_follows` is False when the name does not point to the side that serves.
    """

    verdict: Verdict
    reopen: Side | None
    name_follows: bool | None


def judge(sides: Sides, addresses: Mapping[Side, str]) -> Serving:
    """Return which side serves. Both sides open is an alarm.

    If one side cannot be read, the verdict is `unknown` unless the other one is open. The side that was
    fenced last holds every acknowledged write until the other was opened, so it may be opened again; the
    newest fence that either database reports names the side that was to take over.
    """
    opened = {side: sides.of(side).accepts_writes for side in Side}
    if opened[Side.SOURCE] and opened[Side.TARGET]:
        return Serving(Verdict.BOTH, None, None)
    for side in Side:
        if opened[side]:
            return _served(sides, addresses, side)
    if None in opened.values():
        return Serving(Verdict.UNKNOWN, None, None)
    return Serving(Verdict.NEITHER, _fenced_last(sides), None)


def _served(sides: Sides, addresses: Mapping[Side, str], side: Side) -> Serving:
    follows = None if sides.name_address is None else sides.name_address == addresses[side]
    return Serving(Verdict(side), None, follows)


def _fenced_last(sides: Sides) -> Side | None:
    """Return the side that served until the newest fence; the source if nothing was ever fenced."""
    fences = [*sides.source.fences, *sides.target.fences]
    newest = max(fences, key=lambda fence: fence[3], default=None)
    if newest is None:
        return Side.SOURCE
    _, kind, to, _ = newest
    side = Side(to)
    return side if kind == "open" else side.other
