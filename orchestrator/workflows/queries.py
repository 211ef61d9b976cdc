"""Reads that join several domains: how an organisation stands, and the sizes of a stored request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from sqlalchemy import text
from sqlmodel import Session

from orchestrator.billing.queries import TERMS_DIGEST
from orchestrator.core.clock import PRODUCT_NOW, remember
from orchestrator.core.errors import NotFound
from orchestrator.departments.queries import Filing, filing_of
from orchestrator.policies.facts import PricePeriod, SystemFacts
from orchestrator.quotas.queries import CLOUD_PURPOSE
from orchestrator.resource_requests.models import ResourceRequest

_SIZES = """
SELECT pool_code, key, arch, count, vcpu, memory_gb, disk_gb, disk_tier, backup_gb, host_services, free
FROM request_lines JOIN resource_pools ON code = pool_code WHERE request_id = :request ORDER BY position
"""
SIZES = text(_SIZES)
"""Each row has what a size needs of a line and of its pool."""

_STANDING = text(f"""
WITH product AS (SELECT {PRODUCT_NOW} AS now),
periods AS (
    SELECT array_agg(sku_code) AS skus, array_agg(valid_from) AS since, array_agg(valid_to) AS until
    FROM sku_prices JOIN price_catalogues ON code = catalogue_code)
SELECT product.now, organisation.kind,
    ARRAY(SELECT status FROM officer_filings WHERE organisation_code = organisation.code) AS filings,
    (SELECT jsonb_build_object('code', code, 'classification', classification, 'mlps_level', mlps_level,
                               'zombie', zombie)
     FROM systems WHERE code = :system) AS system,
    (SELECT jsonb_object_agg('quota:' || zone_class || ':' || resource_class,
                             jsonb_build_array(held, committed, amount))
     FROM quota_limits WHERE organisation_code = organisation.code) AS limits,
    (SELECT jsonb_object_agg('pool:' || pool_code || ':' || resource_class,
                             jsonb_build_array(held, committed, allocatable))
     FROM pool_capacities) AS capacities,
    (SELECT jsonb_build_object('id', id, 'name', organisation_code || '/' || fiscal_year || '/' || purpose,
                               'appropriated_fen', appropriated_fen, 'held_fen', held_fen,
                               'committed_fen', committed_fen, 'spent_fen', spent_fen)
     FROM budget_lines
     WHERE organisation_code = organisation.code AND purpose = :purpose AND payer = 'department'
       AND fiscal_year = extract(year FROM product.now AT TIME ZONE 'Asia/Shanghai')) AS budget,
    ARRAY(SELECT to_jsonb(size) FROM ({_SIZES}) AS size) AS sizes,
    ({TERMS_DIGEST}) AS terms, skus, since, until
FROM organisations AS organisation, product, periods WHERE organisation.code = :organisation
""")  # noqa: S608 - constants alone


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

    `counters` has held, committed and total of each target of a hold, money excepted. `sizes` are the lines
    of the request, `terms` changes with every price and term, `prices` are the days on which SKUs have one.
    """

    organisation_kind: str
    filing: Filing
    system: SystemFacts | None
    counters: Mapping[str, Sequence[int]]
    budget: Budget | None
    sizes: Sequence[SimpleNamespace]
    terms: str
    prices: Sequence[PricePeriod]


def read_standing(session: Session, request: ResourceRequest) -> Standing:
    """How the organisation of a request stands today, in one reading.

    Raises:
        NotFound: there is no such organisation.
    """
    values = {
        "organisation": request.organisation_code,
        "request": request.id,
        "system": request.system_code,
        "purpose": CLOUD_PURPOSE,
    }
    row = session.execute(_STANDING, values).one_or_none()
    if row is None:
        raise NotFound
    remember(session, row.now)
    return Standing(
        organisation_kind=row.kind,
        filing=filing_of(row.filings),
        system=SystemFacts(**row.system) if row.system else None,
        counters={**(row.limits or {}), **(row.capacities or {})},
        budget=Budget(**row.budget) if row.budget else None,
        sizes=[SimpleNamespace(**size) for size in row.sizes],
        terms=row.terms,
        prices=tuple(map(PricePeriod, row.skus or (), row.since or (), row.until or ())),
    )
