"""Shapes of execution plans: the approved tuple, the changes, the approvals."""

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from orchestrator.api.run_shapes import RunDetail
from orchestrator.api.shapes import Page, ResourceAttributes, Shape
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Role
from orchestrator.runs.kinds import Decision
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.saved_plan import PlannedAction


class ChangeCounts(TypedDict):
    """The number of resources that the plan creates, updates, deletes and replaces."""

    create: int
    update: int
    delete: int
    replace: int


class ChangeSentence(TypedDict):
    """One change in both languages."""

    action: PlannedAction
    en: str
    zh: str


class PlaybookStep(TypedDict):
    """One playbook that the plan plays, with its hosts and their addresses."""

    playbook: str
    host: str
    address: str
    text_en: NotRequired[str]
    text_zh: NotRequired[str]


class ChangeSummary(TypedDict, total=False):
    """The plan in plain words; empty until the plan was generated."""

    counts: ChangeCounts
    sentences: list[ChangeSentence]
    steps: list[PlaybookStep]


class PlanFinding(TypedDict):
    """A fact that keeps a plan from being submitted (`blocks`) or that the approver must know."""

    code: str
    address: str
    message: str
    message_zh: str
    blocks: bool


class ApprovedTuple(TypedDict, total=False):
    """The members that an approval binds; `tuple_digest` is over them. Empty until the plan was generated."""

    plan_id: UUID
    kind: PlanKind
    workspace: str
    bundle_digest: str
    lock_file_digest: str
    engine_version: str
    plan_file_sha256: str
    changes_digest: str
    state_lineage: str
    state_serial: int
    catalogue: str
    monthly_fen: int
    hold: str
    expires_at: str


class PlannedChange(TypedDict):
    """One object that the plan touches, before and after; `unknown` attributes are known after the apply."""

    address: str
    logical: str
    type: str
    kind: str
    action: PlannedAction
    before: ResourceAttributes
    after: ResourceAttributes
    unknown: ResourceAttributes
    never_worked: bool
    deposed: bool


class PlanApproval(Shape):
    """The decision of one approver about the digest that was shown."""

    id: UUID
    plan_id: UUID
    role: Role
    approver_id: UUID
    decision: Decision
    digest: str
    reason: str | None
    at: datetime


class PlanSummary(Shape):
    """An execution plan; an approval must send its `tuple_digest`."""

    id: UUID
    number: str
    kind: PlanKind
    request_id: UUID
    workspace_id: UUID
    organisation_code: str
    status: PlanStatus
    status_at: datetime
    version: int
    reason: str | None
    reason_zh: str | None
    created_at: datetime
    expires_at: datetime | None
    author_id: UUID
    applier_id: UUID | None
    required_approvals: list[Role]
    tuple_digest: str | None
    monthly_fen: int
    catalogue_code: str | None
    summary: ChangeSummary
    findings: list[PlanFinding]


class PlanDetail(PlanSummary):
    """A plan with the members of the approved tuple, its changes, its approvals and its runs."""

    members: ApprovedTuple
    changes: list[PlannedChange]
    approvals: list[PlanApproval]
    missing_approvals: list[Role]
    runs: list[RunDetail]


class PlanPage(Page):
    """Plans, newest first."""

    items: list[PlanSummary]
