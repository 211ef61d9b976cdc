"""Writes of quota, pool and budget: hold, commit, release. Never more than the limit, under any load.

Each counter is changed by one conditional UPDATE that takes the row lock itself; the counters are
visited in sorted order. The CHECKs of the tables repeat the rule.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from sqlmodel import Session, col, delete, select

from orchestrator.core.clock import now
from orchestrator.quotas.arithmetic import Take
from orchestrator.quotas.errors import HoldSettled, NothingLeft
from orchestrator.quotas.models import Hold, HoldItem

_COUNTERS: Final = {
    "quota": (
        "UPDATE quota_limits SET held = held + %(held)s, committed = committed + %(committed)s"
        " WHERE organisation_code = %(organisation)s AND zone_class = %(first)s"
        " AND resource_class = %(second)s AND amount - held - committed >= %(needed)s"
    ),
    "pool": (
        "UPDATE pool_capacities SET held = held + %(held)s, committed = committed + %(committed)s"
        " WHERE pool_code = %(first)s AND resource_class = %(second)s"
        " AND allocatable - held - committed >= %(needed)s"
    ),
    "budget": (
        "UPDATE budget_lines SET held_fen = held_fen + %(held)s,"
        " committed_fen = committed_fen + %(committed)s"
        " WHERE id = %(first)s AND appropriated_fen - held_fen - committed_fen - spent_fen >= %(needed)s"
    ),
}
_HOLD: Final = """
INSERT INTO holds (id, request_id, organisation_code, status, created_at, expires_at)
VALUES (%(id)s, %(request)s, %(organisation)s, 'live', %(now)s, %(expires)s)
"""
_ITEMS: Final = """
INSERT INTO hold_items (hold_id, target, amount)
SELECT %(id)s, * FROM unnest(%(targets)s::text[], %(amounts)s::bigint[])
"""
_ANY_AMOUNT: Final = -(2**62)

Step = tuple[LiteralString, dict[str, Any]]


def hold(
    session: Session, request_id: UUID, organisation: str, takes: Sequence[Take], expires_at: datetime
) -> None:
    """Hold every positive amount of `takes` for one request, or nothing at all.

    Raises:
        NothingLeft: an amount does not fit; the counter is named. What else was taken goes with the rollback.
    """
    needed = [take for take in takes if take.amount > 0]
    facts = {
        "id": uuid4(),
        "request": request_id,
        "organisation": organisation,
        "now": now(session),
        "expires": expires_at,
        "targets": [take.target for take in takes],
        "amounts": [take.amount for take in takes],
    }
    counters = [_change(organisation, take.target, held=take.amount, needed=take.amount) for take in needed]
    found = _at_once(session, [*counters, (_HOLD, facts), (_ITEMS, facts)])
    for take, rows in zip(needed, found, strict=False):
        if rows != 1:
            kind = take.target.split(":", 1)[0]
            raise NothingLeft(
                f"{take.target} has less than {take.amount} left.", target=take.target, kind=kind
            )


def release(session: Session, request_id: UUID) -> bool:
    """Give back what a live hold holds; False when there is none (any more). Repeating it is harmless."""
    held = lock_hold(session, request_id)
    if held is None or held.status != "live":
        return False
    amounts = [item for item in items(session, held.id) if item.amount > 0]
    _at_once(session, [_change(held.organisation_code, item.target, held=-item.amount) for item in amounts])
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
    changes = [
        _change(held.organisation_code, item.target, held=min(0, -item.amount), committed=item.amount)
        for item in items(session, held.id)
    ]
    _at_once(session, changes)
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


def _change(
    organisation: str, target: str, *, held: int, committed: int = 0, needed: int = _ANY_AMOUNT
) -> Step:
    """The statement that adds to a counter if it has `needed` left."""
    kind, first, *rest = target.split(":")
    values = {
        "organisation": organisation,
        "first": first,
        "second": rest[0] if rest else "",
        "held": held,
        "committed": committed,
        "needed": needed,
    }
    return _COUNTERS[kind], values


def _at_once(session: Session, steps: Sequence[Step]) -> list[int]:
    """Run statements in their order with one round trip, so that hot rows are locked for as short as can be.

    Returns:
        How many rows each of them changed.
    """
    session.flush()
    driver: Any = session.connection().connection.driver_connection
    with driver.pipeline():
        cursors = [driver.execute(statement, values) for statement, values in steps]
    return [cursor.rowcount for cursor in cursors]
