"""Reads that join several domains: how an organisation stands, and the sizes of a stored request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select, text
from sqlmodel import Session, col

from orchestrator.core.clock import today
from orchestrator.core.errors import NotFound
from orchestrator.departments.queries import Filing, filing_of
from orchestrator.policies.facts import SystemFacts
from orchestrator.quotas.models import ResourcePool
from orchestrator.quotas.queries import CLOUD_PURPOSE
from orchestrator.resource_requests.models import RequestLine, ResourceRequest

_STANDING = text("""
SELECT organisation.kind,
    ARRAY(SELECT status FROM officer_filings WHERE organisation_code = organisation.code),
    (SELECT jsonb_build_object('code', code, 'classification', classification, 'mlps_level', mlps_level,
                               'zombie', zombie)
     FROM systems WHERE code = :system),
    (SELECT jsonb_object_agg('quota:' || zone_class || ':' || resource_class,
                             jsonb_build_array(held, committed, amount))
     FROM quota_limits WHERE organisation_code = organisation.code),
    (SELECT jsonb_object_agg('pool:' || pool_code || ':' || resource_class,
                             jsonb_build_array(held, committed, allocatable))
     FROM pool_capacities),
    (SELECT jsonb_build_object('id', id, 'name', organisation_code || '/' || fiscal_year || '/' || purpose,
                               'appropriated_fen', appropriated_fen, 'held_fen', held_fen,
                               'committed_fen', committed_fen, 'spent_fen', spent_fen)
     FROM budget_lines
     WHERE organisation_code = organisation.code AND fiscal_year = :year AND purpose = :purpose
       AND payer = 'department')
FROM organisations AS organisation WHERE organisation.code = :organisation
""")


SIZES = (
    select(
        col(RequestLine.pool_code),
        col(RequestLine.key),
        col(ResourcePool.arch),
        col(RequestLine.count),
        col(RequestLine.vcpu),
        col(RequestLine.memory_gb),
        col(RequestLine.disk_gb),
        col(RequestLine.disk_tier),
        col(RequestLine.backup_gb),
        col(RequestLine.host_services),
        col(ResourcePool.free),
    )
    .join(ResourcePool, col(ResourcePool.code) == col(RequestLine.pool_code))
    .where(col(RequestLine.request_id) == bindparam("request"))
    .order_by(col(RequestLine.position))
)
"""Each row has what a size needs of a pool and of a line; every submission and every plan reads them."""


@dataclass(frozen=True)
class Budget:
    """The line that pays for cloud services in the fiscal year; amounts in fen."""

    id: str
    name: str
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int


@dataclass(frozen=True)
class Standing:
    """What the rules need to know besides the request itself.

    `counters` has held, committed and total of each target of a hold, money excepted.
    """

    organisation_kind: str
    filing: Filing
    system: SystemFacts | None
    counters: Mapping[str, Sequence[int]]
    budget: Budget | None


def read_standing(session: Session, request: ResourceRequest) -> Standing:
    """How the organisation of a request stands today.

    Raises:
        NotFound: there is no such organisation.
    """
    values = {
        "organisation": request.organisation_code,
        "system": request.system_code,
        "year": today(session).year,
        "purpose": CLOUD_PURPOSE,
    }
    row = session.execute(_STANDING, values).one_or_none()
    if row is None:
        raise NotFound
    kind, filings, system, limits, capacities, budget = row
    return Standing(
        organisation_kind=kind,
        filing=filing_of(filings),
        system=SystemFacts(**system) if system else None,
        counters={**(limits or {}), **(capacities or {})},
        budget=Budget(**budget) if budget else None,
    )
