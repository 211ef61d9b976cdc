"""Budget commitments by resource, SKU and days: division by days and quantity, ends by a change; pure.

Amounts are divided so that every fen stays in exactly one part. A part is therefore never negative, and the
parts of a commitment never add up to more than it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Self
from uuid import UUID

Key = tuple[str, str]
"""The logical address of a resource, and a SKU."""
_MONTH = 377_580
"""The weight of a month; divisible by 28, 29, 30 and 31."""


@dataclass(frozen=True)
class Commitment:
    """Money for a quantity of one SKU on one resource over the days ``[starts, ends)``, at one price."""

    address: str
    sku: str
    quantity: int
    catalogue: str
    price_fen: int | None
    starts: date
    ends: date
    amount_fen: int

    @property
    def key(self) -> Key:
        """Resource and SKU."""
        return self.address, self.sku

    def fen_from(self, day: date) -> int:
        """Return the part of the amount that belongs to `day` and later days."""
        return _fen_ahead(self.amount_fen, self.starts, self.ends, day)

    def from_day(self, day: date) -> Self:
        """Return the commitment without its days before `day`."""
        return replace(self, starts=min(max(day, self.starts), self.ends), amount_fen=self.fen_from(day))

    def with_quantity(self, quantity: int) -> Self:
        """Return the commitment for a part of its quantity."""
        return replace(self, quantity=quantity, amount_fen=_share(self.amount_fen, quantity, self.quantity))

    def as_document(self) -> dict[str, Any]:
        """Return the stored form of the commitment in a quote."""
        return vars(self) | {"starts": self.starts.isoformat(), "ends": self.ends.isoformat()}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the commitment from its stored form in a quote."""
        days = {name: date.fromisoformat(document[name]) for name in ("starts", "ends")}
        return cls(**{**document, **days})


def _fen_ahead(amount: int, starts: date, ends: date, day: date) -> int:
    return _share(amount, _weight(max(day, starts), ends), _weight(starts, ends))


def _share(amount: int, part: int, whole: int) -> int:
    """`part` of `whole` of an amount, rounded half up; 0 of nothing."""
    return (2 * amount * part + whole) // (2 * whole) if part > 0 else 0


@lru_cache(maxsize=4096)
def _weight(starts: date, ends: date) -> int:
    """Return the length of the days ``[starts, ends)``, in which every month is equally long."""
    total, day = 0, starts
    while day < ends:
        next_month = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        month_days = (next_month - timedelta(days=1)).day
        total += (min(next_month, ends) - day).days * (_MONTH // month_days)
        day = next_month
    return total


@dataclass(frozen=True)
class Committed:
    """A commitment in force, with its budget line, the request that made it, and the instant."""

    id: UUID
    line_id: UUID
    request_id: UUID
    committed_at: datetime
    commitment: Commitment


@dataclass(frozen=True)
class Ending:
    """The end of a commitment on `day`; the days before it stay, and `kept` is the part that continues."""

    committed: Committed
    day: date
    kept: Commitment | None

    @property
    def ended_quantity(self) -> int:
        """The quantity that is no longer used."""
        return self.committed.commitment.quantity - (self.kept.quantity if self.kept else 0)

    @property
    def used_fen(self) -> int:
        """The amount of the days before, which stays committed."""
        one = self.committed.commitment
        return one.amount_fen - one.fen_from(self.day)

    @property
    def given_back_fen(self) -> int:
        """The amount that the budget line gets back."""
        kept_fen = self.kept.amount_fen if self.kept else 0
        return self.committed.commitment.fen_from(self.day) - kept_fen


def endings(standing: Sequence[Committed], wanted: Mapping[Key, int], day: date) -> list[Ending]:
    """Return the commitments that end because from `day` on only the `wanted` quantities are used.

    `standing` is sorted by age, the newest request first: of several for one resource and SKU the newest end.
    """
    ahead = [item for item in standing if item.commitment.ends > day]
    # The commitments of one request for one resource and SKU follow each other: the quantity counts once.
    by_request: dict[Key, dict[UUID, int]] = {}
    for item in ahead:
        quantities = by_request.setdefault(item.commitment.key, {})
        quantities[item.request_id] = max(quantities.get(item.request_id, 0), item.commitment.quantity)
    kept = {key: _kept(quantities, wanted.get(key, 0)) for key, quantities in by_request.items()}
    return [
        Ending(item, day, item.commitment.from_day(day).with_quantity(quantity) if quantity else None)
        for item in ahead
        if (quantity := kept[item.commitment.key][item.request_id]) < item.commitment.quantity
    ]


def _kept(quantities: Mapping[UUID, int], wanted: int) -> dict[UUID, int]:
    """Return the quantity that each request keeps; together they keep at most `wanted`."""
    excess = sum(quantities.values()) - wanted
    kept = {}
    for request, quantity in quantities.items():
        ended = min(max(excess, 0), quantity)
        kept[request], excess = quantity - ended, excess - ended
    return kept


@dataclass(frozen=True)
class Change:
    """A request's change of the commitments of its workspace.

    `added` is new on the budget line `line_id`. `standing` are the present ones, the newest first; from the
    day of the change on they cover no more than the `wanted` quantities.
    """

    line_id: UUID | None
    added: Sequence[Commitment]
    standing: Sequence[Committed]
    wanted: Mapping[Key, int]

    def given_back_fen(self, day: date) -> int:
        """Return the sum that all budget lines get back if the change is made on `day`."""
        return sum(ending.given_back_fen for ending in endings(self.standing, self.wanted, day))

    def fen_on(self, day: date) -> dict[UUID, int]:
        """Return the amount that each budget line commits (positive) or gets back (negative) on `day`."""
        totals: dict[UUID, int] = {}
        for ending in endings(self.standing, self.wanted, day):
            line = ending.committed.line_id
            totals[line] = totals.get(line, 0) - ending.given_back_fen
        if self.line_id is not None and self.added:
            added = sum(item.fen_from(day) for item in self.added)
            totals[self.line_id] = totals.get(self.line_id, 0) + added
        return {line: fen for line, fen in totals.items() if fen}

    def fen_to_hold(self, day: date) -> dict[UUID, int]:
        """Return amounts, as `fen_on` does, that are enough if the change is made on `day` or later.

        With each later day both the added and the released amount are smaller. With several prices a year
        the difference can grow.
        """
        totals = self.fen_on(day)
        ended = [
            one for one in endings(self.standing, self.wanted, day) if one.committed.line_id == self.line_id
        ]
        if self.line_id is None or not self.added or not ended:
            return totals
        # Equal hosts have equal amounts: each is divided once a day, however many there are.
        added = Counter(_Amount.of(one, one.quantity) for one in self.added)
        given_back = Counter(_Amount.of(one.committed.commitment, one.ended_quantity) for one in ended)
        last = max(one.ends for one in self.added)
        days = (day + timedelta(days=later) for later in range((last - day).days))
        most = max(_fen_from(added, one) - _fen_from(given_back, one) for one in days)
        return totals | {self.line_id: most} if most > 0 else totals


class _Amount(NamedTuple):
    """The amount of a commitment, and how much of its quantity counts."""

    fen: int
    starts: date
    ends: date
    quantity: int
    counted: int

    @classmethod
    def of(cls, commitment: Commitment, counted: int) -> Self:
        return cls(commitment.amount_fen, commitment.starts, commitment.ends, commitment.quantity, counted)


def _fen_from(amounts: Counter[_Amount], day: date) -> int:
    total = 0
    for one, count in amounts.items():
        ahead = _fen_ahead(one.fen, one.starts, one.ends, day)
        total += count * (ahead - _share(ahead, one.quantity - one.counted, one.quantity))
    return total
