"""Reads that join several domains: the standing of an organisation, and the sizes of a stored request.

The standing is all that the rules need besides the request: quota, pools, budget, filing and prices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from orchestrator.billing.queries import PRICE_TERMS
from orchestrator.core.clock import PRODUCT_NOW, cache_now
from orchestrator.core.errors import NotFound
from orchestrator.core.rows import from_document, require_version
from orchestrator.departments.queries import Filing, filing_of
from orchestrator.policies.facts import PricePeriod, SystemFacts
from orchestrator.quotas.arithmetic import Counter
from orchestrator.quotas.queries import CLOUD_PURPOSE
from orchestrator.resource_requests.models import ResourceRequest

_SIZES = """
SELECT pool_code, key, arch, count, vcpu, memory_gb, disk_gb, disk_tier, backup_gb, host_services, free
FROM request_lines JOIN resource_pools ON code = pool_code WHERE request_id = :request ORDER BY position
"""
SIZES = text(_SIZES)
"""Each row has the columns of a line and of its pool that `HostSize` needs."""

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
"""The days on which SKUs have a price, by token. Every change of a price or term makes a new token."""
_TOKENS_KEPT: Final = 8


@dataclass(frozen=True)
class Budget:
    """The budget line that pays for cloud services in the current fiscal year; amounts in fen."""

    id: str
    name: str
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int


class CounterState(NamedTuple):
    """What is held and committed of a counter, and its total."""

    held: int
    committed: int
    total: int


NO_COUNTER: Final = CounterState(0, 0, 0)
"""The state of a counter that does not exist."""


@dataclass(frozen=True)
class Standing:
    """The facts that the rules need besides the request itself.

    `counters` has held, committed and total of each quota and pool. `sizes` are the lines of the request,
    `terms` is a token that changes with every price and term, `prices` are the days on which SKUs have a
    price.
    """

    organisation_kind: str
    filing: Filing
    system: SystemFacts | None
    counters: Mapping[Counter, CounterState]
    budget: Budget | None
    sizes: Sequence[SimpleNamespace]
    terms: str
    prices: Sequence[PricePeriod]


def read_standing(session: Session, request_id: UUID) -> Standing:
    """Return today's standing of the organisation of a stored request, in one query.

    Raises:
        NotFound: there is no such request.
    """
    return _standing(session, _read(session, _READ, request_id)[0])


def lock_standing(
    session: Session, request_id: UUID, version: int | None = None
) -> tuple[ResourceRequest, Standing]:
    """Lock the request for this transaction and return it with its organisation's standing, in one query.

    Raises:
        NotFound: there is no such request.
        VersionConflict: the request is no longer at `version`.
    """
    row, document = _read(session, _LOCK, request_id)
    request = from_document(session, ResourceRequest, row)
    require_version(request, version)
    return request, _standing(session, document)


def _read(session: Session, statement: str, request_id: UUID) -> Sequence[Any]:
    session.flush()
    values = {"request": request_id, "purpose": CLOUD_PURPOSE}
    row = session.connection().exec_driver_sql(statement, values).one_or_none()
    if row is None:
        raise NotFound
    return row


def _standing(session: Session, document: Mapping[str, Any]) -> Standing:
    cache_now(session, datetime.fromisoformat(document["now"]))
    return Standing(
        organisation_kind=document["kind"],
        filing=filing_of(document["filings"]),
        system=SystemFacts(**document["system"]) if document["system"] else None,
        counters=_counters(document["limits"]) | _counters(document["capacities"]),
        budget=Budget(**document["budget"]) if document["budget"] else None,
        sizes=[SimpleNamespace(**size) for size in document["sizes"]],
        terms=document["terms"],
        prices=_prices(session, document["terms"]),
    )


def _counters(document: Mapping[str, Sequence[int]] | None) -> dict[Counter, CounterState]:
    return {Counter.parse(text): CounterState(*amounts) for text, amounts in (document or {}).items()}


def _prices(session: Session, terms: str) -> tuple[PricePeriod, ...]:
    cached = _PRICES.get(terms)
    if cached is not None:
        return cached
    rows = session.execute(_PRICED).all()
    periods = tuple(PricePeriod(row.sku, row.since, row.until) for row in rows)
    if rows and rows[0].terms == terms:  # Otherwise a price was changed after the token was read.
        while len(_PRICES) >= _TOKENS_KEPT:
            _PRICES.pop(next(iter(_PRICES)), None)
        _PRICES[terms] = periods
    return periods
