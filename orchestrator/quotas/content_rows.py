"""Limits, budget lines and pools as flat rows of the content files."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlmodel import Session, select

from orchestrator.quotas.errors import StillInUse
from orchestrator.quotas.models import BudgetLine, PoolCapacity, QuotaLimit, ResourceClass, ResourcePool

Row = Mapping[str, Any]
_POOL_FIELDS = (
    "name_zh",
    "name_en",
    "zone",
    "arch",
    "overcommit_percent",
    "warn_at_percent",
    "free",
    "expiry_days",
)


def read(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Return every row of this package in force; held and committed amounts are not content."""
    for limit in session.exec(select(QuotaLimit)):
        key = f"{limit.organisation_code}/{limit.zone_class}/{limit.resource_class}"
        yield ("quota", key), limit.model_dump(exclude={"held", "committed"})
    for line in session.exec(select(BudgetLine)):
        key = f"{line.organisation_code}/{line.fiscal_year}/{line.purpose}/{line.payer}"
        fields = {"organisation_code", "fiscal_year", "purpose", "payer", "appropriated_fen"}
        yield ("budget_line", key), line.model_dump(include=fields)
    capacities: dict[str, dict[str, int]] = {}
    for item in session.exec(select(PoolCapacity)):
        capacities.setdefault(item.pool_code, {})[item.resource_class] = item.capacity
    for pool in session.exec(select(ResourcePool)):
        yield ("resource_pool", pool.code), pool.model_dump(exclude={"code"}) | capacities.get(pool.code, {})


def write(session: Session, kind: str, key: str, row: Row | None) -> None:
    """Write one row, or remove it if `row` is None. A CHECK refuses a limit below the used amount.

    Raises:
        StillInUse: a part of the limit or budget line to remove is held, committed or spent.
    """
    _WRITERS[kind](session, key, row)
    session.flush()


def _quota(session: Session, key: str, row: Row | None) -> None:
    organisation, zone_class, resource_class = key.split("/")
    limit = session.get(QuotaLimit, (organisation, zone_class, resource_class), with_for_update=True)
    if row is None:
        _remove(session, limit, "quota", key, ("held", "committed"))
        return
    limit = limit or QuotaLimit(
        organisation_code=organisation, zone_class=zone_class, resource_class=resource_class, amount=0
    )
    limit.amount = row["amount"]
    session.add(limit)


def _remove(session: Session, counter: Any, kind: str, key: str, amounts: Iterable[str]) -> None:
    """Remove a limit or a budget line unless an amount may still be released to it."""
    if any(getattr(counter, name) for name in amounts):
        raise StillInUse(f"A part of {kind} {key} is still held, committed or spent.")
    session.delete(counter)


def _budget_line(session: Session, key: str, row: Row | None) -> None:
    organisation, year, purpose, payer = key.split("/")
    statement = select(BudgetLine).where(
        BudgetLine.organisation_code == organisation,
        BudgetLine.fiscal_year == int(year),
        BudgetLine.purpose == purpose,
        BudgetLine.payer == payer,
    )
    line = session.exec(statement.with_for_update()).one_or_none()
    if row is None:
        _remove(session, line, "budget_line", key, ("held_fen", "committed_fen", "spent_fen"))
        return
    line = line or BudgetLine(
        organisation_code=organisation,
        fiscal_year=int(year),
        purpose=purpose,
        payer=payer,
        appropriated_fen=0,
    )
    line.appropriated_fen = row["appropriated_fen"]
    session.add(line)


def _pool(session: Session, key: str, row: Row | None) -> None:
    pool = session.get(ResourcePool, key)
    if row is None:
        for resource_class in ResourceClass:
            session.delete(session.get(PoolCapacity, (key, resource_class)))
        session.flush()
        session.delete(pool)
        return
    values = {name: row[name] for name in _POOL_FIELDS}
    pool = pool or ResourcePool(code=key, **values)
    for name, value in values.items():
        setattr(pool, name, value)
    session.add(pool)
    session.flush()
    for resource_class in ResourceClass:
        _capacity(session, pool, resource_class, row[resource_class])


def _capacity(session: Session, pool: ResourcePool, name: str, amount: int) -> None:
    capacity = session.get(PoolCapacity, (pool.code, name), with_for_update=True)
    allocatable = amount * pool.overcommit_percent // 100
    capacity = capacity or PoolCapacity(
        pool_code=pool.code, resource_class=name, capacity=amount, allocatable=allocatable
    )
    capacity.capacity, capacity.allocatable = amount, allocatable
    session.add(capacity)


_WRITERS = {"quota": _quota, "budget_line": _budget_line, "resource_pool": _pool}
KINDS = tuple(_WRITERS)
