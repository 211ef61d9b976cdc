"""The page on which an execution plan is approved and started."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator.console.frame.views import (
    ActionSet,
    BudgetEffect,
    Finding,
    Happening,
    QuotaCard,
    Quote,
)
from orchestrator.runs.saved_plan import PlannedAction

EFFECTS = (PlannedAction.CREATE, PlannedAction.UPDATE, PlannedAction.DELETE, PlannedAction.REPLACE)


@dataclass(frozen=True)
class Sentence:
    """One sentence about an effect of the plan, in the reader's language; a note changes nothing."""

    effect: PlannedAction | Literal["note"]
    text: str


@dataclass(frozen=True)
class AttributeDiff:
    """One attribute: None means absent on that side, `unknown` known only after apply; never a secret."""

    name: str
    before: str | None
    after: str | None
    unknown: bool = False

    @property
    def effect(self) -> str:
        """How the attribute changes: create, delete, update, or nothing."""
        if self.before == self.after and not self.unknown:
            return ""
        if self.before is None:
            return "create"
        return "update" if self.unknown or self.after is not None else "delete"


@dataclass(frozen=True)
class ResourceDiff:
    """One resource of the plan: `address` as Terraform writes it, `name` for the reader."""

    address: str
    effect: PlannedAction
    name: str
    attributes: tuple[AttributeDiff, ...]


@dataclass(frozen=True)
class HostSteps:
    """For plans that configure hosts: one host and the steps that will run on it, in order."""

    host: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class DutyHolder:
    """The holder of one of the five duties of this plan; they are five different persons."""

    duty: str
    person: str


@dataclass(frozen=True)
class ApprovalRow:
    """One approval that the plan needs, by role; `person` is empty before the decision."""

    role: str
    decision: str
    person: str = ""
    organisation: str = ""
    at: datetime | None = None
    said: str = ""


@dataclass(frozen=True)
class BoundMember:
    """One member of the approved tuple: its code and its value, ready for the reader (digests in full)."""

    code: str
    value: str


@dataclass(frozen=True)
class PlanRun:
    """A run of this plan."""

    id: str
    kind: str
    status: str
    started_at: datetime | None


@dataclass(frozen=True)
class PlanDetail:
    """Page ``plans/detail.html``; `digest` is the tuple's digest, which approve and apply send back.

    `why_not` is a sentence when the plan can no longer be approved or applied (stale, expired, superseded).
    """

    id: str
    number: str
    kind: str
    status: str
    request_id: str
    request_number: str
    organisation: str
    system: str
    author: str
    created_at: datetime
    expires_at: datetime | None
    digest: str
    sentences: tuple[Sentence, ...]
    monthly_before_fen: int
    monthly_after_fen: int
    resources: tuple[ResourceDiff, ...]
    hosts: tuple[HostSteps, ...]
    quote: Quote | None
    quota: QuotaCard | None
    budget: tuple[BudgetEffect, ...]
    findings: tuple[Finding, ...]
    approvals: tuple[ApprovalRow, ...]
    duties: tuple[DutyHolder, ...]
    bound: tuple[BoundMember, ...]
    runs: tuple[PlanRun, ...]
    timeline: tuple[Happening, ...]
    acts: ActionSet
    why_not: str = ""

    @property
    def sums(self) -> tuple[tuple[str, int], ...]:
        """How many resources are created, updated, deleted and replaced; kinds without any are left out."""
        return count_effects(self.resources)


def count_effects(resources: Sequence[ResourceDiff]) -> tuple[tuple[str, int], ...]:
    """Return the number of resources by effect, in the order of the page."""
    tally = Counter(resource.effect for resource in resources)
    return tuple((effect, tally[effect]) for effect in EFFECTS if tally[effect])
