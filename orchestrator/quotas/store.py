"""Writes of quota, pool and budget: hold, commit, release. No load makes them exceed a limit.

The database function `change_counters` changes each counter with one conditional UPDATE, which also takes the
row lock, in sorted order. The CHECKs of the tables repeat the rule.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from orchestrator.core import audit
from orchestrator.core.clock import now
from orchestrator.core.db import rolled_back
from orchestrator.core.events import Event
from orchestrator.core.sql_blocks import load_sql
from orchestrator.quotas.arithmetic import Counter, CounterKind, Take, in_locking_order
from orchestrator.quotas.commitments import Change, Commitment, endings
from orchestrator.quotas.errors import HoldEnded, MoreThanCommitted, NothingLeft
from orchestrator.quotas.models import Hold, HoldItem, HoldStatus

_SQL: Final = {
    name: text(statement) for name, statement in load_sql(Path(__file__).with_suffix(".sql")).items()
}


@dataclass(frozen=True)
class Booking:
    """A request's change of the budget commitments of a workspace, and the day of the change."""

    workspace_id: UUID
    change: Change
    day: date


@dataclass(frozen=True)
class _Change:
    """Amounts to add to one counter; with `needed` only if so much is left of it."""

    counter: Counter
    held: int
    committed: int = 0
    needed: int | None = None


def hold(
    session: Session, request_id: UUID, organisation: str, takes: Sequence[Take], expires_at: datetime
) -> None:
    """Hold every positive amount of `takes` for one request, or nothing at all.

    Raises:
        NothingLeft: an amount does not fit; the counter is named. The rollback takes the other amounts back.
    """
    facts = {
        "id": uuid4(),
        "request": request_id,
        "organisation": organisation,
        "now": now(session),
        "expires": expires_at,
        "targets": [str(take.counter) for take in takes],
        "amounts": [take.amount for take in takes],
    }
    session.flush()
    session.execute(_SQL["hold"], facts)
    needed = [_Change(take.counter, take.amount, needed=take.amount) for take in takes if take.amount > 0]
    # Last, because all other requests for these counters wait from here to the commit.
    lacking = _change(session, organisation, needed)
    if lacking is not None:
        raise NothingLeft.of(lacking.counter, lacking.held)


def release(session: Session, request_id: UUID, actor: str) -> bool:
    """Release the live hold of a request; return False if there is none. Can be repeated."""
    held = lock_hold(session, request_id)
    if held is None or held.status != HoldStatus.LIVE:
        return False
    every = items(session, held.id)
    changes = [_Change(item.counter, -item.amount) for item in every if item.amount > 0]
    _give_back(session, held.organisation_code, changes)
    _end_hold(session, held, HoldStatus.RELEASED, every, actor)
    return True


def drop_live(session: Session, request_id: UUID, actor: str) -> None:
    """Release and delete the live hold of a request that is about to hold new amounts."""
    if release(session, request_id, actor):
        held = lock_hold(session, request_id)
        session.exec(delete(HoldItem).where(col(HoldItem.hold_id) == (held.id if held else None)))
        session.delete(held)
        session.flush()


def commit(session: Session, request_id: UUID, actor: str, booking: Booking | None = None) -> None:
    """Turn a live hold into a commitment; negative items release earlier commitments.

    A `booking` replaces the held money by the amount of its change on its day, also in the items of the hold.

    Raises:
        HoldEnded: the hold is no longer live, so nothing may be applied.
        MoreThanCommitted: more would be released than is committed; the error names the counter.
    """
    held = _lock_live(session, request_id)
    before = items(session, held.id)
    amounts = _book(session, held, before, booking)
    for item in before:
        item.amount = amounts.get(item.counter, 0)
    for counter in amounts.keys() - {item.counter for item in before}:
        session.add(HoldItem(hold_id=held.id, target=str(counter), amount=amounts[counter]))
    session.flush()
    _end_hold(session, held, HoldStatus.COMMITTED, items(session, held.id), actor)


def require_bookable(session: Session, request_id: UUID, booking: Booking) -> None:
    """Try `commit` and roll it back, before anything irreversible is done.

    Raises:
        HoldEnded, MoreThanCommitted: as `commit`.
    """
    held = _lock_live(session, request_id)
    before = items(session, held.id)
    try:
        with rolled_back(session):
            _book(session, held, before, booking)
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise MoreThanCommitted.of(str(constraint)) from error


def _lock_live(session: Session, request_id: UUID) -> Hold:
    held = lock_hold(session, request_id)
    if held is None or held.status != HoldStatus.LIVE:
        raise HoldEnded
    return held


def _book(
    session: Session, held: Hold, before: Sequence[HoldItem], booking: Booking | None
) -> dict[Counter, int]:
    """Change counters and budget commitments; return the change of each counter's committed amount."""
    holds = {item.counter: item.amount for item in before}
    amounts = dict(holds)
    if booking is not None:
        fen_by_line = booking.change.fen_on(booking.day)
        amounts = {counter: amount for counter, amount in holds.items() if counter.kind != CounterKind.BUDGET}
        amounts |= {Counter.budget(line_id): fen for line_id, fen in fen_by_line.items()}
        _end_commitments(session, booking)
    changes = [
        _Change(counter, min(0, -holds.get(counter, 0)), amounts.get(counter, 0))
        for counter in in_locking_order({*holds, *amounts})
    ]
    _give_back(session, held.organisation_code, changes)
    if booking is not None:
        _add_commitments(session, held.request_id, booking)
    return amounts


def _end_commitments(session: Session, booking: Booking) -> None:
    """Take from each ended commitment the days that it no longer pays for."""
    ended = endings(booking.change.standing, booking.change.wanted, booking.day)
    values = {
        "day": booking.day,
        "ids": [item.committed.id for item in ended],
        "used": [item.used_fen for item in ended],
    }
    session.execute(_SQL["end_commitments"], values)


def _add_commitments(session: Session, request_id: UUID, booking: Booking) -> None:
    """Write the new commitments, and the rest of ended ones that continue with a smaller quantity."""
    change, day = booking.change, booking.day
    rows = [
        _row(item.kept, item.committed.line_id, item.committed.request_id, item.committed.committed_at)
        for item in endings(change.standing, change.wanted, day)
        if item.kept is not None
    ]
    if change.line_id is not None:
        ahead = (item.from_day(day) for item in change.added if item.ends > day)
        rows += [_row(item, change.line_id, request_id, now(session)) for item in ahead]
    values = {"workspace": booking.workspace_id, "added": json.dumps(rows, default=str)}
    session.execute(_SQL["add_commitments"], values)


def _row(
    commitment: Commitment, line_id: UUID, request_id: UUID, committed_at: datetime
) -> Mapping[str, object]:
    whose = {"line_id": line_id, "request_id": request_id, "committed_at": committed_at}
    return {**commitment.as_document(), **whose}


def lock_hold(session: Session, request_id: UUID) -> Hold | None:
    """Lock and return the hold of a request, or return None."""
    return session.exec(select(Hold).where(Hold.request_id == request_id).with_for_update()).one_or_none()


def items(session: Session, hold_id: UUID) -> Sequence[HoldItem]:
    """Return the items of a hold in locking order."""
    return session.exec(select(HoldItem).where(HoldItem.hold_id == hold_id).order_by(HoldItem.target)).all()


def _end_hold(
    session: Session, held: Hold, status: HoldStatus, every: Sequence[HoldItem], actor: str
) -> None:
    held.status = status
    held.ended_at = now(session)
    session.add(held)
    session.flush()
    amounts = {item.target: item.amount for item in every}
    audit.record(
        session,
        Event(
            f"hold:{status}",
            ("hold", held.id),
            actor=actor,
            organisation=held.organisation_code,
            data={"request": str(held.request_id), "amounts": amounts},
        ),
    )


def _give_back(session: Session, organisation: str, changes: Sequence[_Change]) -> None:
    """Change the counters of a hold that ends.

    Raises:
        MoreThanCommitted: a counter has less than is taken from it, or no longer exists.
    """
    lacking = _change(session, organisation, changes)
    if lacking is not None:
        raise MoreThanCommitted.of(lacking.counter)


def _change(session: Session, organisation: str, changes: Sequence[_Change]) -> _Change | None:
    """Change the counters in this order, or return the first change that is not possible.

    Such a counter has less left than is needed, has less held or committed than is released, or is missing.
    """
    values = {
        "organisation": organisation,
        "targets": [str(change.counter) for change in changes],
        "held": [change.held for change in changes],
        "committed": [change.committed for change in changes],
        "needed": [change.needed for change in changes],
    }
    lacking = session.execute(_SQL["change_counters"], values).scalar_one()
    return next((change for change in changes if str(change.counter) == lacking), None)
