"""Price catalogue, resource pools, and the quota and budget of departments."""

from typing import Any

from fastapi import APIRouter

from orchestrator.api.deps import TheActor, TheSession
from orchestrator.catalogue import queries
from orchestrator.core.clock import today
from orchestrator.core.errors import NotFound
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import Permission, require
from orchestrator.quotas import queries as quota_queries
from orchestrator.systems import queries as system_queries

router = APIRouter(tags=["catalogue"])


@router.get("/catalogue")
def read_catalogue(actor: TheActor, session: TheSession) -> dict[str, Any]:
    """Return the price catalogue in force today, in fen per unit and month."""
    require(actor, Permission.REQUESTS_READ)
    in_force = queries.catalogue_on(session, today(session))
    if in_force is None:
        raise NotFound("No price list is in force today.")
    priced = queries.priced_skus(session, in_force.code)
    return {
        "catalogue": in_force.model_dump(mode="json"),
        "skus": [
            sku.model_dump(mode="json") | {"price_fen": price.price_fen, "percent": price.percent}
            for sku, price in priced
        ],
    }


@router.get("/pools")
def list_pools(actor: TheActor, session: TheSession) -> list[dict[str, Any]]:
    """List pools with capacity, held and committed amounts."""
    require(actor, Permission.REQUESTS_READ)
    amounts: dict[str, list[dict[str, Any]]] = {}
    for item in quota_queries.pool_capacities(session):
        amounts.setdefault(item.pool_code, []).append(item.model_dump(mode="json", exclude={"pool_code"}))
    return [
        pool.model_dump(mode="json") | {"capacities": amounts.get(code, [])}
        for code, pool in quota_queries.pools(session).items()
    ]


@router.get("/departments")
def list_departments(actor: TheActor, session: TheSession) -> list[dict[str, Any]]:
    """List every organisation."""
    require(actor, Permission.REQUESTS_READ)
    return [item.model_dump(mode="json") for item in department_queries.organisations(session)]


@router.get("/departments/{code}")
def read_department(code: str, actor: TheActor, session: TheSession) -> dict[str, Any]:
    """Return one organisation with quota, budget, filing and systems."""
    found = department_queries.organisation(session, code)
    if found is None:
        raise NotFound
    require(actor, Permission.REQUESTS_READ, code)
    return found.model_dump(mode="json") | {
        "quota": [item.model_dump(mode="json") for item in quota_queries.limits(session, code)],
        "budget_lines": [
            line.model_dump(mode="json") | {"free_fen": line.free_fen}
            for line in quota_queries.budget_lines(session, code)
        ],
        "officer_filing": department_queries.filing_status(session, code),
        "systems": [item.model_dump(mode="json") for item in system_queries.of_organisation(session, code)],
    }
