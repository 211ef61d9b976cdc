"""Reads that join several domains: the standing of an organisation, and the sizes of a stored request.

The standing is all that the rules need besides the request: quota, pools, budget, filing and prices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from orchestrator.core import clock
from orchestrator.core.clock import cache_now
from orchestrator.core.errors import NotFound
from orchestrator.core.rows import from_document, require_version
from orchestrator.core.sql_blocks import load_driver_sql, load_sql
from orchestrator.departments.queries import Filing, filing_of
from orchestrator.policies.facts import PricePeriod, SystemFacts
from orchestrator.quotas.arithmetic import Counter
from orchestrator.quotas.queries import CLOUD_PURPOSE
from orchestrator.resource_requests.models import ResourceRequest

_FILES: Final = (Path(clock.__file__).with_suffix(".sql"), Path(__file__).with_name("standing.sql"))
_SQL: Final = load_sql(*_FILES)
_DRIVER_SQL: Final = load_driver_sql(*_FILES)
SIZES: Final = text(_SQL["sizes"])
"""Each row has the columns of a line and of its pool that `HostSize` needs."""
_PRICED: Final = text(_SQL["priced"])
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
    """The held and the committed amount of a counter, and its total."""

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
    return _standing(session, _read(session, "read_standing", request_id)[0])


def lock_standing(
    session: Session, request_id: UUID, version: int | None = None
) -> tuple[ResourceRequest, Standing]:
    """Lock the request for this transaction and return it with its organisation's standing, in one query.

    Raises:
        NotFound: there is no such request.
        VersionConflict: the request is no longer at `version`.
    """
    row, document = _read(session, "lock_standing", request_id)
    request = from_document(session, ResourceRequest, row)
    require_version(request, version)
    return request, _standing(session, document)


def _read(session: Session, block: str, request_id: UUID) -> Sequence[Any]:
    session.flush()
    values = {"request": request_id, "purpose": CLOUD_PURPOSE}
    row = session.connection().exec_driver_sql(_DRIVER_SQL[block], values).one_or_none()
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
