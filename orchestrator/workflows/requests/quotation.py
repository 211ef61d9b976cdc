"""Prices of requests, and the amounts that they take of quota, pools and budget.

Quote, plan cost and bill use the same rater. No function here changes a status; `quote_request` writes its
result on the request.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing.queries import rate
from orchestrator.billing.rating import RatedLine, Usage
from orchestrator.catalogue import queries as catalogue_queries
from orchestrator.catalogue.specification import HostSize, SkuQuantity, resource_classes, sku_quantities
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, NotFound
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Take, difference, takes
from orchestrator.quotas.commitments import Change, Commitment, Committed, Key
from orchestrator.quotas.models import ResourcePool
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.drafting import LineDraft
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.workflows.requests.standing_queries import SIZES, Standing


@dataclass(frozen=True)
class Quote:
    """A price in fen: of a whole month, and from today to the end of the fiscal year; lines are by SKU."""

    catalogue: str
    monthly_fen: int
    year_fen: int
    lines: Sequence[Mapping[str, Any]]


def quote_lines(session: Session, lines: Sequence[LineDraft]) -> Quote:
    """Return the price of lines that are not stored, for the form and for ``POST /quotes``.

    Raises:
        BadInput: a pool does not exist.
        UnpricedUsage: a SKU has no price on some day until the end of the year.
    """
    pools = quota_queries.pools(session)
    return quote_hosts(session, [_size(_pool(pools, line.pool), line) for line in lines])


def quote_hosts(session: Session, hosts: Sequence[HostSize]) -> Quote:
    """Return the price of hosts of these sizes."""
    return _quote(session, _rated_from_today(session, hosts))


def _rated_from_today(session: Session, hosts: Sequence[HostSize]) -> list[RatedLine]:
    """Rate these hosts from today to the end of the fiscal year, and at least to the end of next month."""
    day = today(session)
    ends = max(_year_end(day), _first_of_next_month(_first_of_next_month(day)))
    return _rated(session, sku_quantities(hosts), day, ends)


def _quote(session: Session, rated: Sequence[RatedLine]) -> Quote:
    day = today(session)
    month = _first_of_next_month(day)
    a_month = [line for line in rated if month <= line.starts < _first_of_next_month(month)]
    return Quote(
        catalogue=_catalogue_on(session, day, rated),
        monthly_fen=sum(line.amount_fen for line in a_month),
        year_fen=sum(line.amount_fen for line in rated if line.starts < _year_end(day)),
        lines=_by_sku(a_month),
    )


def _year_end(day: date) -> date:
    """Return the first day of the next fiscal year."""
    return date(day.year + 1, 1, 1)


def _catalogue_on(session: Session, day: date, rated: Sequence[RatedLine]) -> str:
    """Return the price catalogue in force on `day`; rated lines of that day already name it."""
    if rated:
        return next(line.catalogue for line in rated if line.starts == day)
    in_force = catalogue_queries.catalogue_on(session, day)
    return in_force.code if in_force else ""


def _rated(session: Session, quantities: Iterable[SkuQuantity], starts: date, ends: date) -> list[RatedLine]:
    return rate(
        session,
        [
            Usage(quantity.address, quantity.sku, Decimal(quantity.quantity), starts, ends)
            for quantity in quantities
        ],
    )


def _first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _by_sku(lines: Iterable[RatedLine]) -> list[dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for line in lines:
        row = grouped.setdefault(
            line.sku, {"sku": line.sku, "quantity": 0, "price_fen": line.price_fen, "amount_fen": 0}
        )
        row["quantity"] += int(line.quantity)
        row["amount_fen"] += line.amount_fen
    return [grouped[sku] for sku in sorted(grouped)]


def _pool(pools: Mapping[str, ResourcePool], code: str) -> ResourcePool:
    if code not in pools:
        raise BadInput(
            f"There is no resource pool {code}. Choose an existing pool.",
            field="lines.pool",
            detail_zh=f"没有资源池 {code}，请从列表中选择",
        )
    return pools[code]


def _size(pool: ResourcePool, line: LineDraft) -> HostSize:
    return HostSize(
        key=line.key,
        arch=pool.arch,
        count=line.count,
        vcpu=line.vcpu,
        memory_gb=line.memory_gb,
        disk_gb=line.disk_gb,
        disk_tier=line.disk_tier,
        backup_gb=line.backup_gb,
        services=tuple(line.host_services),
        free=pool.free,
    )


@dataclass(frozen=True)
class Sizing:
    """Hosts with their pools: `wanted` by the request, and `before` a change (none for a provision)."""

    wanted: Sequence[tuple[str, HostSize]]
    before: Sequence[tuple[str, HostSize]]
    zone_class: str

    @property
    def hosts(self) -> list[HostSize]:
        """The wanted hosts in the order of the lines; none for a release."""
        return [size for _, size in self.wanted]


def size_request(session: Session, request: ResourceRequest, standing: Standing | None = None) -> Sizing:
    """Return the sizes of a stored request; without `standing` its lines are read from the database."""
    present = present_request(session, request)
    return Sizing(
        wanted=_placed(standing.sizes) if standing else _stored(session, request),
        before=_stored(session, present) if present else (),
        zone_class=_first_request(session, request).zone_class,
    )


def _first_request(session: Session, request: ResourceRequest) -> ResourceRequest:
    """Return the request that created the target workspace; its zone class holds for all later changes."""
    if request.target_workspace_id is None:
        return request
    workspace = run_queries.workspace(session, request.target_workspace_id)
    return request_queries.get(session, workspace.origin_request_id)


def _stored(session: Session, request: ResourceRequest) -> list[tuple[str, HostSize]]:
    return _placed(session.execute(SIZES, {"request": request.id}).all())


def _placed(rows: Sequence[Any]) -> list[tuple[str, HostSize]]:
    return [(row.pool_code, _size(row, row)) for row in rows]


def zone_of(session: Session, request: ResourceRequest) -> str:
    """Return the zone of all pools of a request.

    Raises:
        BadInput: the pools lie in several zones; traffic between zones needs an exchange channel (R-23).
    """
    pools = quota_queries.pools(session)
    zones = {_pool(pools, line.pool_code).zone for line in request_queries.lines(session, request.id)}
    if len(zones) != 1:
        raise several_zones()
    return zones.pop()


def several_zones() -> BadInput:
    """Return the error of a request whose pools lie in several zones."""
    return BadInput(
        "All hosts of one request must lie in one zone. File one request for each zone.",
        field="lines.pool",
        detail_zh="一份申请的云主机须在同一网络分区，请按分区分别申请",
    )


def quote_request(session: Session, request: ResourceRequest, standing: Standing) -> Sizing:
    """Write today's price on the request. For a change, `year_fen` is the increase of its budget commitments.

    A stored quote stays valid while its inputs are unchanged: the day, the sizes, every price and term, the
    budget line, and the commitments of the workspace.
    """
    sizing = size_request(session, request, standing)
    standing_commitments = _standing_commitments(session, request)
    line_id = UUID(standing.budget.id) if standing.budget else None
    inputs = (today(session).isoformat(), standing.terms, line_id, standing_commitments, sizing)
    basis = hashlib.sha256(repr(inputs).encode()).hexdigest()
    if request.quote.get("basis") == basis:
        return sizing
    rated = _rated_from_today(session, sizing.hosts)
    quote = _quote(session, rated)
    added = _added(session, rated, sizing)
    change = Change(line_id, added, standing_commitments, _quantities(sizing.wanted))
    request.catalogue_code = quote.catalogue or None
    request.monthly_fen = quote.monthly_fen
    request.year_fen = sum(commitment.amount_fen for commitment in added) - change.given_back_fen(
        today(session)
    )
    request.quote = {
        "lines": [dict(line) for line in quote.lines],
        "basis": basis,
        "budget_line": str(line_id) if line_id else None,
        "commitments": [commitment.as_document() for commitment in added],
        "budgets": {str(line): fen for line, fen in change.fen_to_hold(today(session)).items()},
    }
    session.add(request)
    return sizing


def _standing_commitments(session: Session, request: ResourceRequest) -> Sequence[Committed]:
    if request.target_workspace_id is None:
        return ()
    return quota_queries.commitments(session, request.target_workspace_id, today(session))


def _added(session: Session, rated: Sequence[RatedLine], sizing: Sizing) -> list[Commitment]:
    """Return the cost of the growth from present to wanted sizes to the end of the fiscal year.

    Commitments are at today's prices, one for each resource, SKU and price.
    """
    day, present, wanted = today(session), _quantities(sizing.before), _quantities(sizing.wanted)
    grown = [SkuQuantity(*key, fewer) for key, fewer in present.items() if fewer < wanted.get(key, 0)]
    before = {
        (line.resource, line.sku, line.starts): line.amount_fen
        for line in _rated(session, grown, day, _year_end(day))
    }
    in_year = [line for line in rated if line.starts < _year_end(day)]
    commitments = []
    for _, months in groupby(in_year, _terms):
        lines = list(months)
        first, last = lines[0], lines[-1]
        more = int(first.quantity) - present.get((first.resource, first.sku), 0)
        fen = sum(line.amount_fen - before.get((line.resource, line.sku, line.starts), 0) for line in lines)
        if more > 0:
            terms = (first.resource, first.sku, more, first.catalogue, first.price_fen)
            commitments.append(Commitment(*terms, first.starts, last.ends, max(fen, 0)))
    return commitments


def _terms(line: RatedLine) -> tuple[Any, ...]:
    """Return the terms that the months of one commitment share: each of its days costs the same."""
    return line.resource, line.sku, line.catalogue, line.price_fen, line.percent, line.discount


def _quantities(placed: Iterable[tuple[str, HostSize]]) -> dict[Key, int]:
    """Return the quantity of every SKU on every resource."""
    return {
        (quantity.address, quantity.sku): quantity.quantity
        for quantity in sku_quantities(size for _, size in placed)
    }


def budgeted_year(request: ResourceRequest) -> int | None:
    """Return the fiscal year of the commitments that the request adds; None when it adds none."""
    added = [Commitment.of_document(stored) for stored in request.quote["commitments"]]
    return added[0].starts.year if added else None


def budget_change(session: Session, request: ResourceRequest, workspace_id: UUID) -> Change:
    """Return the change that the request makes to the budget commitments of its workspace, by its quote."""
    line_id = request.quote["budget_line"]
    return Change(
        line_id=UUID(line_id) if line_id else None,
        added=[Commitment.of_document(stored) for stored in request.quote["commitments"]],
        standing=quota_queries.commitments(session, workspace_id, today(session)),
        wanted=_quantities(_stored(session, request)),
    )


def present_request(session: Session, request: ResourceRequest) -> ResourceRequest | None:
    """Return the request whose sizes the target workspace has now; None for a provision."""
    if request.target_workspace_id is None:
        return None
    return current_request(session, request.target_workspace_id)


def current_request(session: Session, workspace_id: UUID) -> ResourceRequest:
    """Return the request of the last plan that was applied in a workspace.

    Raises:
        NotFound: no plan was applied in this workspace.
    """
    plan = run_queries.last_applied(session, workspace_id)
    if plan is None:
        raise NotFound("No resources have been provisioned in this workspace.")
    return request_queries.get(session, plan.request_id)


def request_takes(request: ResourceRequest, sizing: Sizing) -> list[Take]:
    """Return the amounts that the request takes of quota, pools and budget; negative ones are released."""
    wanted, before = _classes_by_pool(sizing.wanted), _classes_by_pool(sizing.before)
    by_pool = {
        pool: difference(wanted.get(pool, {}), before.get(pool, {})) for pool in sorted({*wanted, *before})
    }
    # A trial holds production quota from submission on and trial quota as well (domain §6.2).
    is_trial = sizing.zone_class == ZoneClass.TRIAL
    zone_classes = (ZoneClass.PRODUCTION, ZoneClass.TRIAL) if is_trial else (ZoneClass.PRODUCTION,)
    return takes(zone_classes, by_pool, request.quote["budgets"])


def _classes_by_pool(placed: Iterable[tuple[str, HostSize]]) -> dict[str, dict[str, int]]:
    grouped: dict[str, list[HostSize]] = {}
    for pool, size in placed:
        grouped.setdefault(pool, []).append(size)
    return {pool: resource_classes(hosts) for pool, hosts in grouped.items()}


def skus_by_address(session: Session, request: ResourceRequest) -> dict[str, list[tuple[str, int]]]:
    """Return the SKUs and quantities that are billed for each logical address."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for quantity in sku_quantities(size_request(session, request).hosts):
        grouped.setdefault(quantity.address, []).append((quantity.sku, quantity.quantity))
    return grouped
