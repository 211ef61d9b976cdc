"""View models that several pages share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from orchestrator.departments.permissions import Actor


@dataclass(frozen=True)
class Frame:
    """The signed-in person, the counts of the menu, and the product's date.

    `badges` maps a menu entry's badge name (approvals, requests, runs, resources) to a count.
    """

    actor: Actor
    organisation: str
    badges: Mapping[str, int]
    now: datetime

    @property
    def roles(self) -> tuple[str, ...]:
        """The codes of the person's roles, in a fixed order."""
        return tuple(sorted(role.value for role in self.actor.roles))


@dataclass(frozen=True)
class Option:
    """One entry of a select box; `label` is ready for the reader."""

    value: str
    label: str


@dataclass(frozen=True)
class Pager:
    """Keyset pagination: a page starts after a key, so new rows do not shift the pages.

    `before` is the key that the address carries, "" on the first page; `next` the key of the following page,
    "" on the last; `total` counts all rows, None where counting would be too expensive.
    """

    total: int | None = None
    before: str = ""
    next: str = ""


@dataclass(frozen=True)
class Action:
    """One button: it posts to `path`, or is a link to it.

    Its text is `label`, or ``labels.WORDS["act"][code]`` where that is empty.

    `blocked` is the reason why this person may not press it now, ready for the reader; the page shows the
    reason instead of the button. Acts that this person can never do are left out.
    """

    code: str
    path: str
    tone: Literal["primary", "outline-secondary", "outline-danger"] = "outline-secondary"
    needs_reason: bool = False
    blocked: str = ""
    is_link: bool = False
    label: str = ""


@dataclass(frozen=True)
class ActionSet:
    """The buttons of one object in one form; every button sends the `hidden` fields (version, digest).

    `problem` is the reason why the last attempt was refused, `reason` the text typed with it.
    """

    actions: tuple[Action, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    reason: str = ""

    @property
    def ready(self) -> tuple[Action, ...]:
        """Return the buttons that can be pressed."""
        return tuple(action for action in self.actions if not action.blocked)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """Return the blocked buttons, with their reasons."""
        return tuple(action for action in self.actions if action.blocked)

    @property
    def takes_reason(self) -> bool:
        """Return True if one of the acts needs a reason."""
        return any(action.needs_reason for action in self.ready)


@dataclass(frozen=True)
class Happening:
    """One entry of a timeline; `what` is the text of the event, `said` the typed reason."""

    at: datetime
    who: str
    organisation: str
    what: str
    said: str = ""
    bad: bool = False


@dataclass(frozen=True)
class QuotaBar:
    """One quota class: limit, committed, held by live requests, and requested here (0 for nothing)."""

    code: str
    limit: int
    committed: int
    held: int
    asked: int = 0

    @property
    def taken(self) -> int:
        """Return the amount in use if this request passes."""
        return self.committed + self.held + self.asked

    @property
    def is_short(self) -> bool:
        """Return True if at least nine tenths of the limit are taken."""
        return self.taken * 10 >= self.limit * 9

    def share(self, amount: int) -> float:
        """Return `amount` as a percentage of the limit, at most 100, with two decimals."""
        return min(100.0, round(amount * 100 / self.limit, 2)) if self.limit else 100.0 * bool(amount)


@dataclass(frozen=True)
class QuotaCard:
    """The quota of one organisation in one zone class."""

    organisation: str
    zone_class: str
    bars: tuple[QuotaBar, ...]


@dataclass(frozen=True)
class BudgetEffect:
    """A budget line of the fiscal year and the amount that this request takes from it, in fen."""

    name: str
    fiscal_year: int
    appropriated_fen: int
    free_fen: int
    asked_fen: int


@dataclass(frozen=True)
class CostLine:
    """One priced line: `quantity` and `unit` ready for the reader, `price_fen` per unit and month."""

    sku: str
    name: str
    quantity: str
    unit: str
    price_fen: int
    amount_fen: int


@dataclass(frozen=True)
class Quote:
    """A monthly price by one version of the catalogue."""

    catalogue: str
    lines: tuple[CostLine, ...]
    total_fen: int


@dataclass(frozen=True)
class Finding:
    """The result of one policy rule; `quote` is the sentence of the notice, always Chinese."""

    rule: str
    verdict: str
    message: str
    clause: str = ""
    quote: str = ""
