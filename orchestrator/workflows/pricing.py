"""What a request costs and what it takes: the same rater for quote, plan cost and bill.

Nothing here changes status; `quote_request` writes its result on the request.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing.queries import RatedLine, Usage, rate
from orchestrator.catalogue import queries as catalogue_queries
from orchestrator.catalogue.specification import HostSize, SkuQuantity, resource_classes, sku_quantities
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, NotFound
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Take, difference, takes
from orchestrator.quotas.models import BudgetLine, ResourcePool
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.drafting import LineDraft
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.runs import queries as run_queries


@dataclass(frozen=True)
class Quote:
    """A price in fen: a whole month, and from today to the end of the fiscal year, with its lines by SKU."""

    catalogue: str
    monthly_fen: int
    year_fen: int
    lines: Sequence[Mapping[str, Any]]


def quote_lines(session: Session, lines: Sequence[LineDraft]) -> Quote:
    """The price of lines that nobody has stored: what the form and ``POST /quotes`` show.

    Raises:
        BadInput: a pool is unknown.
        UnpricedUsage: a SKU has no price on some day until the end of the year.
    """
    pools = quota_queries.pools(session)
    return quote_hosts(session, [_size(_pool(pools, line.pool), line) for line in lines])


def quote_hosts(session: Session, hosts: Sequence[HostSize]) -> Quote:
    """The price of hosts of given sizes."""
    day = today(session)
    quantities = sku_quantities(hosts)
    month = _rated(
        session, quantities, _first_of_next_month(day), _first_of_next_month(_first_of_next_month(day))
    )
    year = _rated(session, quantities, day, date(day.year + 1, 1, 1))
    in_force = catalogue_queries.catalogue_on(session, day)
    return Quote(
        catalogue=in_force.code if in_force else "",
        monthly_fen=sum(line.amount_fen for line in month),
        year_fen=sum(line.amount_fen for line in year),
        lines=_by_sku(month),
    )


def _rated(session: Session, quantities: Iterable[SkuQuantity], starts: date, ends: date) -> list[RatedLine]:
    return rate(
        session, [Usage(item.address, item.sku, Decimal(item.quantity), starts, ends) for item in quantities]
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
        raise BadInput(f"There is no resource pool {code}.", field="lines.pool")
    return pools[code]


def _size(pool: ResourcePool, line: LineDraft | RequestLine) -> HostSize:
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


def sizes_of(session: Session, request: ResourceRequest) -> list[HostSize]:
    """The hosts of a stored request; a release has none."""
    pools = quota_queries.pools(session)
    return [_size(_pool(pools, line.pool_code), line) for line in request_queries.lines(session, request.id)]


def zone_of(session: Session, request: ResourceRequest) -> str:
    """The one zone in which all pools of a request lie.

    Raises:
        BadInput: the pools lie in several zones; traffic between zones needs an exchange channel (R-23).
    """
    pools = quota_queries.pools(session)
    zones = {_pool(pools, line.pool_code).zone for line in request_queries.lines(session, request.id)}
    if len(zones) != 1:
        raise BadInput(
            "All hosts of one request lie in one zone; ask for each zone apart.", field="lines.pool"
        )
    return zones.pop()


def quote_request(session: Session, request: ResourceRequest) -> None:
    """Write today's price on the request. For a change, `year_fen` is what it adds to the present cost."""
    quote = quote_hosts(session, sizes_of(session, request))
    present = present_request(session, request)
    before = quote_hosts(session, sizes_of(session, present)).year_fen if present else 0
    request.catalogue_code = quote.catalogue or None
    request.monthly_fen = quote.monthly_fen
    request.year_fen = quote.year_fen - before
    request.quote = {"lines": [dict(line) for line in quote.lines], "before_year_fen": before}
    session.add(request)
    session.flush()


def present_request(session: Session, request: ResourceRequest) -> ResourceRequest | None:
    """The request whose sizes stand in the target workspace now; None for a provision."""
    if request.target_workspace_id is None:
        return None
    return current_request(session, request.target_workspace_id)


def current_request(session: Session, workspace_id: UUID) -> ResourceRequest:
    """The request behind the last plan that was applied in a workspace.

    Raises:
        NotFound: nothing was applied there.
    """
    plan = run_queries.last_applied(session, workspace_id)
    if plan is None:
        raise NotFound("Nothing is provisioned in this workspace.")
    return request_queries.get(session, plan.request_id)


def request_takes(session: Session, request: ResourceRequest) -> tuple[list[Take], BudgetLine | None]:
    """What the request takes of quota, pool and budget (negative = gives back), and the line that pays."""
    present = present_request(session, request)
    wanted = _classes_by_pool(session, request)
    before = _classes_by_pool(session, present) if present else {}
    by_pool = {
        pool: difference(wanted.get(pool, {}), before.get(pool, {})) for pool in sorted({*wanted, *before})
    }
    # A trial holds production quota from submission on and counts in the trial quota too (domain §6.2).
    zone_class = (present or request).zone_class
    zone_classes = ("production", "trial") if zone_class == "trial" else ("production",)
    line = quota_queries.cloud_budget(session, request.organisation_code, today(session))
    money = (line.id, request.year_fen) if line else None
    return takes(zone_classes, by_pool, money), line


def _classes_by_pool(session: Session, request: ResourceRequest) -> dict[str, dict[str, int]]:
    pools = quota_queries.pools(session)
    grouped: dict[str, list[HostSize]] = {}
    for line in request_queries.lines(session, request.id):
        grouped.setdefault(line.pool_code, []).append(_size(_pool(pools, line.pool_code), line))
    return {pool: resource_classes(hosts) for pool, hosts in grouped.items()}


def skus_by_address(session: Session, request: ResourceRequest) -> dict[str, list[tuple[str, int]]]:
    """Per logical address the SKUs and quantities that are billed for it."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for item in sku_quantities(sizes_of(session, request)):
        grouped.setdefault(item.address, []).append((item.sku, item.quantity))
    return grouped
