"""Writes of quota, pool and budget: hold, commit, release. Never more than the limit, under any load.

Each counter is changed by one conditional UPDATE that takes the row lock itself; the database's
`change_counters` visits them in sorted order. The CHECKs of the tables repeat the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlmodel import Session, col, delete, select

from orchestrator.core import audit
from orchestrator.core.clock import now
from orchestrator.quotas.arithmetic import Take
from orchestrator.quotas.errors import HoldSettled, NothingLeft
from orchestrator.quotas.models import Hold, HoldItem

_CHANGE: Final = text("""
SELECT change_counters(:organisation, CAST(:targets AS text[]), CAST(:held AS bigint[]),
                       CAST(:committed AS bigint[]), CAST(:needed AS bigint[]))
""")
_HOLD: Final = text("""
WITH hold AS (
    INSERT INTO holds (id, request_id, organisation_code, status, created_at, expires_at)
    VALUES (:id, :request, :organisation, 'live', :now, :expires)
)
INSERT INTO hold_items (hold_id, target, amount)
SELECT :id, * FROM unnest(CAST(:targets AS text[]), CAST(:amounts AS bigint[]))
""")


@dataclass(frozen=True)
class _Change:
    """What is added to one counter, if it has `needed` left; None asks for nothing."""

    target: str
    held: int
    committed: int = 0
    needed: int | None = None


def hold(
    session: Session, request_id: UUID, organisation: str, takes: Sequence[Take], expires_at: datetime
) -> None:
    """Hold every positive amount of `takes` for one request, or nothing at all.

    Raises:
        NothingLeft: an amount does not fit; the counter is named. What else was taken goes with the rollback.
    """
    facts = {
        "id": uuid4(),
        "request": request_id,
        "organisation": organisation,
        "now": now(session),
        "expires": expires_at,
        "targets": [take.target for take in takes],
        "amounts": [take.amount for take in takes],
    }
    session.flush()
    session.execute(_HOLD, facts)
    needed = [_Change(take.target, take.amount, needed=take.amount) for take in takes if take.amount > 0]
    # Last, because everybody else who wants of the same counters waits from here to the commit.
    lacking = _change(session, organisation, needed)
    if lacking is not None:
        raise NothingLeft.of(lacking.target, lacking.held)


def release(session: Session, request_id: UUID, actor: str) -> bool:
    """Give back what a live hold holds; False when there is none (any more). Repeating it is harmless."""
    held = lock_hold(session, request_id)
    if held is None or held.status != "live":
        return False
    every = items(session, held.id)
    changes = [_Change(item.target, -item.amount) for item in every if item.amount > 0]
    _change(session, held.organisation_code, changes)
    _settle(session, held, "released", every, actor)
    return True


def drop_live(session: Session, request_id: UUID, actor: str) -> None:
    """Give back and forget a live hold, because the request is about to hold its new amounts."""
    if release(session, request_id, actor):
        held = lock_hold(session, request_id)
        session.exec(delete(HoldItem).where(col(HoldItem.hold_id) == (held.id if held else None)))
        session.delete(held)
        session.flush()


def commit(session: Session, request_id: UUID, actor: str) -> None:
    """Turn a live hold into a commitment; negative items give back what was committed before.

    Raises:
        HoldSettled: the hold is no longer live, so the change may not be made on its strength.
    """
    held = lock_hold(session, request_id)
    if held is None or held.status != "live":
        raise HoldSettled
    every = items(session, held.id)
    changes = [_Change(item.target, min(0, -item.amount), item.amount) for item in every]
    _change(session, held.organisation_code, changes)
    _settle(session, held, "committed", every, actor)


def lock_hold(session: Session, request_id: UUID) -> Hold | None:
    """The request's hold, locked."""
    return session.exec(select(Hold).where(Hold.request_id == request_id).with_for_update()).one_or_none()


def items(session: Session, hold_id: UUID) -> Sequence[HoldItem]:
    """The amounts of a hold in the order of locking."""
    return session.exec(select(HoldItem).where(HoldItem.hold_id == hold_id).order_by(HoldItem.target)).all()


def _settle(session: Session, held: Hold, status: str, every: Sequence[HoldItem], actor: str) -> None:
    held.status = status
    held.settled_at = now(session)
    session.add(held)
    session.flush()
    amounts = {item.target: item.amount for item in every}
    audit.record(
        session,
        f"hold:{status}",
        ("hold", held.id),
        actor=actor,
        organisation=held.organisation_code,
        data={"request": str(held.request_id), "amounts": amounts},
    )


def _change(session: Session, organisation: str, changes: Sequence[_Change]) -> _Change | None:
    """Change the counters in this order, or return the first that has less left than is needed."""
    values = {
        "organisation": organisation,
        "targets": [change.target for change in changes],
        "held": [change.held for change in changes],
        "committed": [change.committed for change in changes],
        "needed": [change.needed for change in changes],
    }
    lacking = session.execute(_CHANGE, values).scalar_one()
    return next((change for change in changes if change.target == lacking), None)
