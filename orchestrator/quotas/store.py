"""Writes of quota, pool and budget: hold, commit, release. Never more than the limit, under any load.

Each counter is changed by one conditional UPDATE that takes the row lock itself; the counters are
visited in sorted order. The CHECKs of the tables repeat the rule.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlmodel import Session, col, delete, select

from orchestrator.core.clock import now
from orchestrator.quotas.arithmetic import Take
from orchestrator.quotas.errors import HoldSettled, NothingLeft
from orchestrator.quotas.models import Hold, HoldItem

_COUNTERS = {
    "quota": (
        "quota_limits SET {changes} WHERE organisation_code = :organisation"
        " AND zone_class = :first AND resource_class = :second",
        "held",
        "committed",
        "amount - held - committed",
    ),
    "pool": (
        "pool_capacities SET {changes} WHERE pool_code = :first AND resource_class = :second",
        "held",
        "committed",
        "allocatable - held - committed",
    ),
    "budget": (
        "budget_lines SET {changes} WHERE id = CAST(:first AS uuid)",
        "held_fen",
        "committed_fen",
        "appropriated_fen - held_fen - committed_fen - spent_fen",
    ),
}


def hold(
    session: Session, request_id: UUID, organisation: str, takes: Sequence[Take], expires_at: datetime
) -> Hold:
    """Hold every positive amount of `takes` for one request, or nothing at all.

    Raises:
        NothingLeft: an amount does not fit; the counter is named.
    """
    held = Hold(
        request_id=request_id, organisation_code=organisation, created_at=now(session), expires_at=expires_at
    )
    session.add(held)
    session.flush()
    for take in takes:
        if take.amount > 0:
            _take(session, organisation, take)
    session.add_all([HoldItem(hold_id=held.id, target=take.target, amount=take.amount) for take in takes])
    session.flush()
    return held


def release(session: Session, request_id: UUID) -> bool:
    """Give back what a live hold holds; False when there is none (any more). Repeating it is harmless."""
    held = lock_hold(session, request_id)
    if held is None or held.status != "live":
        return False
    for item in items(session, held.id):
        if item.amount > 0:
            _change(session, held.organisation_code, item.target, held_by=-item.amount, committed_by=0)
    _settle(session, held, "released")
    return True


def drop_live(session: Session, request_id: UUID) -> None:
    """Give back and forget a live hold, because the request is about to hold its new amounts."""
    if release(session, request_id):
        held = lock_hold(session, request_id)
        session.exec(delete(HoldItem).where(col(HoldItem.hold_id) == (held.id if held else None)))
        session.delete(held)
        session.flush()


def commit(session: Session, request_id: UUID) -> None:
    """Turn a live hold into a commitment; negative items give back what was committed before.

    Raises:
        HoldSettled: the hold is no longer live, so the change may not be made on its strength.
    """
    held = lock_hold(session, request_id)
    if held is None or held.status != "live":
        raise HoldSettled
    for item in items(session, held.id):
        released = -item.amount if item.amount > 0 else 0
        _change(session, held.organisation_code, item.target, held_by=released, committed_by=item.amount)
    _settle(session, held, "committed")


def lock_hold(session: Session, request_id: UUID) -> Hold | None:
    """The request's hold, locked."""
    return session.exec(select(Hold).where(Hold.request_id == request_id).with_for_update()).one_or_none()


def items(session: Session, hold_id: UUID) -> Sequence[HoldItem]:
    """The amounts of a hold in the order of locking."""
    return session.exec(select(HoldItem).where(HoldItem.hold_id == hold_id).order_by(HoldItem.target)).all()


def _settle(session: Session, held: Hold, status: str) -> None:
    held.status = status
    held.settled_at = now(session)
    session.add(held)
    session.flush()


def _take(session: Session, organisation: str, take: Take) -> None:
    kind, table, held, _, free, names = _counter(take.target)
    statement = f"UPDATE {table.format(changes=f'{held} = {held} + :amount')} AND {free} >= :amount"
    if not _execute(session, statement, organisation, names, take.amount):
        raise NothingLeft(f"{take.target} has less than {take.amount} left.", target=take.target, kind=kind)


def _change(session: Session, organisation: str, target: str, *, held_by: int, committed_by: int) -> None:
    _, table, held, committed, _, names = _counter(target)
    changes = f"{held} = {held} + :amount, {committed} = {committed} + :committed"
    statement = f"UPDATE {table.format(changes=changes)}"
    _execute(session, statement, organisation, names, held_by, committed_by)


def _counter(target: str) -> tuple[str, str, str, str, str, tuple[str, str]]:
    kind, first, *rest = target.split(":")
    return kind, *_COUNTERS[kind], (first, rest[0] if rest else "")


def _execute(
    session: Session,
    statement: str,
    organisation: str,
    names: tuple[str, str],
    amount: int,
    committed: int = 0,
) -> bool:
    # The statement is put together from the constants above alone; every value is a parameter.
    values = {
        "organisation": organisation,
        "first": names[0],
        "second": names[1],
        "amount": amount,
        "committed": committed,
    }
    result = session.execute(
        text(statement), {name: values[name] for name in values if f":{name}" in statement}
    )
    return isinstance(result, CursorResult) and result.rowcount == 1
