"""Parts that several pages share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from orchestrator.departments.permissions import Actor

Effect = Literal["create", "update", "delete", "replace", "read"]


@dataclass(frozen=True)
class Frame:
    """Who looks at the page: the signed-in person, what waits in each menu entry, and the product's date.

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
class Crumb:
    """One step of the path above the page; the last one has no address."""

    label: str
    path: str = ""


@dataclass(frozen=True)
class Option:
    """One entry of a select box; `label` is ready for the reader."""

    value: str
    label: str


@dataclass(frozen=True)
class Pager:
    """Where the reader is in a list whose pages go on from a key, so that none shifts under the reader.

    `before` is the key that the address carries, "" on the first page; `next` the key of the following page,
    "" on the last; `total` counts all rows, None where counting would cost more than it tells.
    """

    total: int | None = None
    before: str = ""
    next: str = ""


@dataclass(frozen=True)
class Action:
    """One button: it posts to `path` or, as a link, leads there.

    It reads `label`, or ``labels.WORDS["act"][code]`` where that is empty.

    `blocked` is the reason why this person may not press it now, ready for the reader; the page then shows
    the reason in place of the button. Acts that this person could never do are left out instead.
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
    """The buttons of one object, in one form: `hidden` (version, digest) goes with whichever is pressed.

    `problem` says why the last try was not accepted, `reason` is what had been typed.
    """

    actions: tuple[Action, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    reason: str = ""

    @property
    def ready(self) -> tuple[Action, ...]:
        """Those that can be pressed."""
        return tuple(action for action in self.actions if not action.blocked)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """Those that cannot, with their reasons."""
        return tuple(action for action in self.actions if action.blocked)

    @property
    def takes_reason(self) -> bool:
        """Whether one of the acts needs words."""
        return any(action.needs_reason for action in self.ready)


@dataclass(frozen=True)
class Happening:
    """One entry of a timeline: who did what when, and what was said. `what` is ready for the reader."""

    at: datetime
    who: str
    organisation: str
    what: str
    said: str = ""
    bad: bool = False


@dataclass(frozen=True)
class QuotaBar:
    """One quota class: limit, committed, held by live requests, and asked for here (0 for nothing)."""

    code: str
    limit: int
    committed: int
    held: int
    asked: int = 0

    @property
    def taken(self) -> int:
        """What is gone if this request passes."""
        return self.committed + self.held + self.asked

    @property
    def is_short(self) -> bool:
        """Nine tenths of the limit or more are taken."""
        return self.taken * 10 >= self.limit * 9

    def share(self, amount: int) -> float:
        """`amount` as hundredths of the limit, at most 100, two decimals."""
        return min(100.0, round(amount * 100 / self.limit, 2)) if self.limit else 100.0 * bool(amount)


@dataclass(frozen=True)
class QuotaCard:
    """The quota of one organisation in one zone class."""

    organisation: str
    zone_class: str
    bars: tuple[QuotaBar, ...]


@dataclass(frozen=True)
class BudgetEffect:
    """A budget line of the fiscal year and what this would take from it, all in fen."""

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
    """What one rule of the policy pack said; `quote` is the notice's own sentence, always Chinese."""

    rule: str
    verdict: str
    message: str
    clause: str = ""
    quote: str = ""
