"""Facts about a request that the rules judge. None means not known; a rule that needs it reports it missing.

Callers pass raw facts, never conclusions. Money is in fen, periods are half-open, and ``until`` None means
without end.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from orchestrator.core.zone_classes import ZoneClass
from orchestrator.policies.pack import JudgedKind

CLOUD_SERVICE = "cloud_service"
BIG_SCREEN = "big_screen"


@dataclass(frozen=True)
class LineFacts:
    """One line of a request. ``category`` comes from a list, never from free text."""

    key: str
    skus: tuple[str, ...] = ()
    category: str = CLOUD_SERVICE


@dataclass(frozen=True)
class SystemFacts:
    """The system that a request serves; MLPS level 0 means not graded yet."""

    code: str
    classification: str | None
    mlps_level: int | None
    zombie: bool | None


@dataclass(frozen=True)
class Claim:
    """The amount that a request takes from one quota (``production/vcpu``) or pool (``EXT-X86/vcpu``)."""

    name: str
    requested: int
    held: int
    committed: int
    limit: int

    @property
    def exceeds(self) -> bool:
        """Whether the request takes more than is free; exactly the free amount fits."""
        return self.requested > 0 and self.requested + self.held + self.committed > self.limit


@dataclass(frozen=True)
class BudgetClaim:
    """The cost of a request to one budget line until the end of its fiscal year, in fen."""

    line: str
    projected_fen: int
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int

    @property
    def free_fen(self) -> int:
        """The amount that the line still has."""
        return self.appropriated_fen - self.held_fen - self.committed_fen - self.spent_fen


@dataclass(frozen=True)
class PricePeriod:
    """The days ``[since, until)`` on which one SKU has a price."""

    sku: str
    since: dt.date
    until: dt.date | None


@dataclass(frozen=True)
class LiveExemption:
    """An exemption granted to a system: its scope, the level of its legal basis, valid before ``until``."""

    system: str
    scope: Literal["cloud", "hardware", "room", "extranet", "big_screen"]
    level: Literal["national", "provincial", "municipal"]
    until: dt.date


@dataclass(frozen=True)
class RequestFacts:
    """All facts of one request.

    ``organisation`` is the code of the department. ``texts`` holds the free texts of the request by field
    name. ``priced_days`` are the days ``[first, end)`` that the quote covers.
    """

    kind: JudgedKind
    day: dt.date
    organisation: str
    organisation_kind: str
    zone_class: ZoneClass = ZoneClass.PRODUCTION
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    lines: tuple[LineFacts, ...] = ()
    system: SystemFacts | None = None
    officer_filing: Literal["current", "lapsed", "never_filed"] | None = None
    quota: tuple[Claim, ...] | None = None
    pools: tuple[Claim, ...] | None = None
    budget: tuple[BudgetClaim, ...] | None = None
    yearly_cost_fen: int | None = None
    prices: tuple[PricePeriod, ...] | None = None
    priced_days: tuple[dt.date, dt.date] | None = None
    exemptions: tuple[LiveExemption, ...] = ()
