"""Reads that join several domains: how an organisation stands, and the sizes of a stored request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from orchestrator.billing.queries import PRICE_TERMS
from orchestrator.core.clock import PRODUCT_NOW, remember
from orchestrator.core.errors import NotFound
from orchestrator.core.rows import from_document, require_version
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

_STANDING = f"""
json_build_object(
    'now', {PRODUCT_NOW},
    'kind', organisation.kind,
    'filings', ARRAY(SELECT status FROM officer_filings WHERE organisation_code = organisation.code),
    'system', (
        SELECT json_build_object('code', code, 'classification', classification, 'mlps_level', mlps_level,
                                 'zombie', zombie)
        FROM systems WHERE code = request.system_code),
    'limits', (
        SELECT json_object_agg('quota:' || zone_class || ':' || resource_class,
                               json_build_array(held, committed, amount))
        FROM quota_limits WHERE organisation_code = organisation.code),
    'capacities', (
        SELECT json_object_agg('pool:' || pool_code || ':' || resource_class,
                               json_build_array(held, committed, allocatable))
        FROM pool_capacities),
    'budget', (
        SELECT json_build_object('id', id, 'name', organisation_code || '/' || fiscal_year || '/' || purpose,
                                 'appropriated_fen', appropriated_fen, 'held_fen', held_fen,
                                 'committed_fen', committed_fen, 'spent_fen', spent_fen)
        FROM budget_lines
        WHERE organisation_code = organisation.code AND purpose = %(purpose)s AND payer = 'department'
            AND fiscal_year = extract(year FROM ({PRODUCT_NOW}) AT TIME ZONE 'Asia/Shanghai')),
    'sizes', ARRAY(SELECT to_json(size) FROM ({_SIZES}) AS size),
    'terms', ({PRICE_TERMS}))
"""  # noqa: S608 - constants alone
_FROM = """
FROM resource_requests AS request JOIN organisations AS organisation ON organisation.code = organisation_code
WHERE request.id = :request
"""
_READ: Final = f"SELECT {_STANDING} {_FROM}".replace(":request", "%(request)s")
_LOCK: Final = f"SELECT row_to_json(request), {_STANDING} {_FROM} FOR UPDATE OF request".replace(
    ":request", "%(request)s"
)
_PRICED: Final = text(f"""
SELECT ({PRICE_TERMS})::text AS terms, sku_code AS sku, valid_from AS since, valid_to AS until
FROM sku_prices JOIN price_catalogues ON code = catalogue_code
""")  # noqa: S608 - constants alone
_PRICES: Final[dict[str, tuple[PricePeriod, ...]]] = {}
"""Under a token the days on which SKUs have a price; the token of other prices is another one."""
_TOKENS_KEPT: Final = 8


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


def read_standing(session: Session, request_id: UUID) -> Standing:
    """How the organisation of a stored request stands today, in one reading.

    Raises:
        NotFound: there is no such request.
    """
    return _standing(session, _read(session, _READ, request_id)[0])


def lock_standing(
    session: Session, request_id: UUID, version: int | None = None
) -> tuple[ResourceRequest, Standing]:
    """The request, locked for this transaction, and how its organisation stands, in one reading.

    Raises:
        NotFound: there is no such request.
        VersionConflict: it is no longer at `version`.
    """
    row, standing = _read(session, _LOCK, request_id)
    request = from_document(session, ResourceRequest, row)
    require_version(request, version)
    return request, _standing(session, standing)


def _read(session: Session, statement: str, request_id: UUID) -> Sequence[Any]:
    session.flush()
    values = {"request": request_id, "purpose": CLOUD_PURPOSE}
    found = session.connection().exec_driver_sql(statement, values).one_or_none()
    if found is None:
        raise NotFound
    return found


def _standing(session: Session, found: Mapping[str, Any]) -> Standing:
    remember(session, datetime.fromisoformat(found["now"]))
    return Standing(
        organisation_kind=found["kind"],
        filing=filing_of(found["filings"]),
        system=SystemFacts(**found["system"]) if found["system"] else None,
        counters={**(found["limits"] or {}), **(found["capacities"] or {})},
        budget=Budget(**found["budget"]) if found["budget"] else None,
        sizes=[SimpleNamespace(**size) for size in found["sizes"]],
        terms=found["terms"],
        prices=_prices(session, found["terms"]),
    )


def _prices(session: Session, terms: str) -> tuple[PricePeriod, ...]:
    known = _PRICES.get(terms)
    if known is not None:
        return known
    rows = session.execute(_PRICED).all()
    found = tuple(PricePeriod(row.sku, row.since, row.until) for row in rows)
    if rows and rows[0].terms == terms:  # Otherwise somebody has changed a price since the token was read.
        while len(_PRICES) >= _TOKENS_KEPT:
            _PRICES.pop(next(iter(_PRICES)), None)
        _PRICES[terms] = found
    return found
