"""The days on which a resource is billed, computed from its events; pure.

A day has the state after the last event of that day or earlier; events of one day are ordered by
their instant, then by their number. So of two resizes on one day only the last counts, opening and
closing on one day bill nothing, and an event that changes nothing for a SKU does not split its days.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from uuid import UUID

from orchestrator.billing.rating import BillingState, Spec

NOT_BILLED = "none"
"""The state of an event that ends billing."""


class EventKind(StrEnum):
    """Kind of a usage event; *charged* is a one-off charge and changes nothing that lasts."""

    OPENED = "opened"
    RESIZED = "resized"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    WAIVED = "waived"
    RELEASED = "released"
    CORRECTED = "corrected"
    CHARGED = "charged"


@dataclass(frozen=True)
class SkuUse:
    """A quantity of one SKU; only SKUs billed as a percentage of a spec have a `spec`."""

    sku: str
    quantity: Decimal
    spec: Spec | None = None


@dataclass(frozen=True)
class Origin:
    """The apply that made a quantity: the run, and the serial of the Terraform state after it."""

    run_id: UUID
    state_serial: int


@dataclass(frozen=True)
class Event:
    """One event; None for `state` or `skus` changes nothing. `once` is charged on its day only."""

    seq: int
    day: date
    at: datetime
    state: str | None
    skus: Sequence[SkuUse] | None
    origin: Origin
    once: Sequence[SkuUse] = ()


@dataclass(frozen=True)
class Interval:
    """One use in one state on the days `[starts, ends)`; it is open-ended without `ends`."""

    use: SkuUse
    state: str
    starts: date
    ends: date | None
    event_seq: int
    origin: Origin


@dataclass(frozen=True)
class _Condition:
    state: str
    skus: Mapping[str, tuple[SkuUse, Origin]]
    event_seq: int

    def after(self, event: Event) -> "_Condition":
        """Return the condition after `event`; a one-off charge does not change it."""
        if event.state is None and event.skus is None:
            return self
        state = self.state if event.state is None else event.state
        skus = self.skus
        if event.skus is not None:
            skus = {use.sku: self._with_origin(use, event) for use in event.skus if use.quantity}
        return _Condition(state, skus, event.seq)

    def _with_origin(self, use: SkuUse, event: Event) -> tuple[SkuUse, Origin]:
        before = self.skus.get(use.sku)
        return before if before is not None and before[0] == use else (use, event.origin)

    def billed(self) -> Mapping[str, tuple[SkuUse, Origin]]:
        return {} if self.state == NOT_BILLED else self.skus


_NOTHING = _Condition(NOT_BILLED, {}, 0)


def fold(events: Iterable[Event]) -> list[Interval]:
    """Return the intervals of one resource: one-off charges, then ended ones by end, then open ones."""
    ordered = sorted(events, key=lambda event: (event.day, event.at, event.seq))
    closed = _charges(ordered)
    running: dict[str, Interval] = {}
    for day, condition in _ends_of_days(ordered):
        billed = condition.billed()
        for sku, interval in list(running.items()):
            use = billed.get(sku, (None,))[0]
            if (use, condition.state) != (interval.use, interval.state):
                closed.append(replace(running.pop(sku), ends=day))
        for sku, (use, origin) in billed.items():
            if sku not in running:
                running[sku] = Interval(use, condition.state, day, None, condition.event_seq, origin)
    return [*closed, *running.values()]


def _charges(ordered: Iterable[Event]) -> list[Interval]:
    """Return one-off charges; those of one SKU on one day are added up."""
    charges: dict[tuple[date, str], Interval] = {}
    for event in ordered:
        for use in event.once:
            first = charges.get((event.day, use.sku))
            if first is None:
                next_day = event.day + timedelta(days=1)
                charge = Interval(use, BillingState.ACTIVE, event.day, next_day, event.seq, event.origin)
            else:
                charge = replace(first, use=replace(use, quantity=first.use.quantity + use.quantity))
            charges[event.day, use.sku] = charge
    return list(charges.values())


def _ends_of_days(ordered: Iterable[Event]) -> Iterator[tuple[date, _Condition]]:
    condition = _NOTHING
    for day, of_day in groupby(ordered, key=lambda event: event.day):
        for event in of_day:
            condition = condition.after(event)
        yield day, condition
