"""Which side serves, judged from a reading of both. Pure: it remembers nothing, so no crash matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.migrations.movers import Sides
from orchestrator.migrations.transfer import SIDES, Side, other

Verdict = Literal["source", "target", "neither", "both", "unknown"]


@dataclass(frozen=True)
class Serving:
    """`verdict` says who accepts writes; `reopen` is the side that may safely be opened when nobody does.

    `name_follows` is False when the name leads somewhere else than to the side that serves.
    """

    verdict: Verdict
    reopen: Side | None
    name_follows: bool | None


def judge(sides: Sides, addresses: Mapping[Side, str]) -> Serving:
    """Who serves. Both open is an alarm; a side that is away leaves `unknown` unless the other is open.

    The side that was fenced last holds every acknowledged write until the other was opened, so it may be
    opened again; the newest fence that either database tells names the side that was to take over.
    """
    opened = {"source": sides.source.accepts_writes, "target": sides.target.accepts_writes}
    if opened["source"] and opened["target"]:
        return Serving("both", None, None)
    for side in SIDES:
        if opened[side]:
            return _served(sides, addresses, side)
    if None in opened.values():
        return Serving("unknown", None, None)
    return Serving("neither", _fenced_last(sides), None)


def _served(sides: Sides, addresses: Mapping[Side, str], side: Side) -> Serving:
    follows = None if sides.name_address is None else sides.name_address == addresses[side]
    return Serving(side, None, follows)


def _fenced_last(sides: Sides) -> Side | None:
    """The side that served until the newest fence; the source where nothing was ever fenced."""
    fences = [*sides.source.fences, *sides.target.fences]
    newest = max(fences, key=lambda fence: fence[3], default=None)
    if newest is None:
        return "source"
    _, kind, to, _ = newest
    side: Side = "target" if to == "target" else "source"
    return side if kind == "open" else other(side)
