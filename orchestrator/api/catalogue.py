"""Price catalogue, resource pools, and the quota and budget of departments."""

from fastapi import APIRouter

from orchestrator.api.catalogue_shapes import PoolCapacity, PoolDetail, PriceList
from orchestrator.api.department_shapes import DepartmentDetail, DepartmentSummary
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
def read_catalogue(actor: TheActor, session: TheSession) -> PriceList:
    """Return the price catalogue in force today, in fen per unit and month."""
    require(actor, Permission.REQUESTS_READ)
    in_force = queries.catalogue_on(session, today(session))
    if in_force is None:
        raise NotFound("No price list is in force today.")
    skus = [
        sku.model_dump() | {"price_fen": price.price_fen, "percent": price.percent}
        for sku, price in queries.priced_skus(session, in_force.code)
    ]
    return PriceList.model_validate({"catalogue": in_force, "skus": skus})


@router.get("/pools")
def list_pools(actor: TheActor, session: TheSession) -> list[PoolDetail]:
    """List pools with capacity, held and committed amounts."""
    require(actor, Permission.REQUESTS_READ)
    capacities: dict[str, list[PoolCapacity]] = {}
    for row in quota_queries.pool_capacities(session):
        capacities.setdefault(row.pool_code, []).append(PoolCapacity.model_validate(row))
    return [
        PoolDetail.model_validate(pool.model_dump() | {"capacities": capacities.get(code, [])})
        for code, pool in quota_queries.pools(session).items()
    ]


@router.get("/departments")
def list_departments(actor: TheActor, session: TheSession) -> list[DepartmentSummary]:
    """List every organisation."""
    require(actor, Permission.REQUESTS_READ)
    return [DepartmentSummary.model_validate(row) for row in department_queries.organisations(session)]


@router.get("/departments/{code}")
def read_department(code: str, actor: TheActor, session: TheSession) -> DepartmentDetail:
    """Return one organisation with quota, budget, filing and systems."""
    organisation = department_queries.organisation(session, code)
    if organisation is None:
        raise NotFound
    require(actor, Permission.REQUESTS_READ, code)
    return DepartmentDetail.model_validate(
        organisation.model_dump()
        | {
            "quota": quota_queries.limits(session, code),
            "budget_lines": quota_queries.budget_lines(session, code),
            "officer_filing": department_queries.filing_status(session, code),
            "systems": system_queries.of_organisation(session, code),
        }
    )
