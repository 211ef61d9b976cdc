"""Quota, budget and prices as pages show them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestrator.console.frame.views import BudgetEffect, CostLine, QuotaBar, QuotaCard, Quote
from orchestrator.console.frame.visit import Visit
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.quotas import queries
from orchestrator.quotas.arithmetic import CounterKind
from orchestrator.quotas.models import HoldStatus
from orchestrator.resource_requests.models import ResourceRequest


def quota_card(
    visit: Visit, organisation: str, asked: Mapping[str, int] | None = None, *, held: bool = False
) -> QuotaCard | None:
    """Return the production quota of an organisation; with `held`, `asked` is part of the held amounts."""
    wanted = dict(asked or {})
    bars = tuple(
        QuotaBar(
            code=item.resource_class,
            limit=item.amount,
            committed=item.committed,
            held=item.held - (max(0, wanted.get(item.resource_class, 0)) if held else 0),
            asked=max(0, wanted.get(item.resource_class, 0)),
        )
        for item in queries.limits(visit.session, organisation)
        if item.zone_class == ZoneClass.PRODUCTION
    )
    return QuotaCard(visit.names.organisation(organisation), ZoneClass.PRODUCTION, bars) if bars else None


def held_classes(visit: Visit, request_id: UUID) -> tuple[dict[str, int], bool]:
    """Return the production quota that a request's hold takes, by class, and whether the hold is live."""
    hold_and_items = queries.hold_of(visit.session, request_id)
    if hold_and_items is None:
        return {}, False
    counters = {item.counter: item.amount for item in hold_and_items[1]}
    amounts = {
        counter.resource_class: amount
        for counter, amount in counters.items()
        if (counter.kind, counter.owner) == (CounterKind.QUOTA, "production")
    }
    return amounts, hold_and_items[0].status == HoldStatus.LIVE


def plan_quota(visit: Visit, request: ResourceRequest) -> QuotaCard | None:
    """Return the quota card with the share of this request."""
    amounts, live = held_classes(visit, request.id)
    return quota_card(visit, request.organisation_code, amounts if live else {}, held=True)


def budget_effect(visit: Visit, request: ResourceRequest) -> tuple[BudgetEffect, ...]:
    """Return the budget lines of the request's hold, with the amount that it takes or releases."""
    return tuple(
        BudgetEffect(
            name=visit.word(line.purpose, "budget_purpose"),
            fiscal_year=line.fiscal_year,
            appropriated_fen=line.appropriated_fen,
            free_fen=line.free_fen,
            asked_fen=amount,
        )
        for line, amount in queries.held_budgets(visit.session, request.id)
    )


def quote_view(visit: Visit, catalogue: str | None, lines: Any, total_fen: int) -> Quote | None:
    """Return a stored or new quote for a page, or None if nothing is priced."""
    if not lines:
        return None
    return Quote(catalogue or "", tuple(_cost_line(visit, line) for line in lines), total_fen)


def _cost_line(visit: Visit, line: Mapping[str, Any]) -> CostLine:
    name, unit = visit.names.sku(str(line["sku"]))
    return CostLine(
        sku=str(line["sku"]),
        name=name,
        quantity=f"{int(line['quantity']):,}",
        unit=visit.word(unit, "unit"),
        price_fen=int(line["price_fen"]),
        amount_fen=int(line["amount_fen"]),
    )
