"""Responses that several routes share. Amounts are integer fen, instants are UTC, dates are Asia/Shanghai."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.core.documents import Reason
from orchestrator.resource_requests.drafting import LineFields
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs.lifecycle import PlanStatus, RunStatus


class Shape(BaseModel):
    """A response that is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class QuoteOut(Shape):
    """A price: a whole month, and from today to the end of the fiscal year."""

    catalogue: str
    monthly_fen: int
    year_fen: int
    lines: list[dict[str, Any]]


class LineOut(LineFields):
    """`count` equal hosts of a request, with the code of their resource pool."""

    model_config = ConfigDict(from_attributes=True)

    pool_code: str


class RequestOut(Shape):
    """A resource request; `version` is its ETag."""

    id: UUID
    number: str
    kind: str
    organisation_code: str
    system_code: str | None
    zone_class: str
    target_workspace_id: UUID | None
    title: str
    justification: str
    status: RequestStatus
    status_at: datetime
    version: int
    requester_id: UUID
    endorser_id: UUID | None
    reviewer_id: UUID | None
    created_at: datetime
    submitted_at: datetime | None
    reason: str | None
    catalogue_code: str | None
    monthly_fen: int
    year_fen: int


class RequestDetail(RequestOut):
    """A request with its lines, price, policy results and hold.

    `removals` are the live hosts and data disks that its plan will destroy, by address.
    """

    lines: list[LineOut]
    quote: dict[str, Any]
    judgement: list[dict[str, Any]]
    hold: dict[str, Any] | None
    comments: list[dict[str, Any]]
    removals: list[str] = []


class RunOut(Shape):
    """One execution of an engine."""

    id: UUID
    kind: str
    workspace_id: UUID
    plan_id: UUID | None
    organisation_code: str
    status: RunStatus
    status_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    exit_code: int | None
    reason: str | None
    reason_zh: str | None
    next_step: str | None
    next_step_zh: str | None
    outcome: dict[str, Any]


class PlanOut(Shape):
    """An execution plan; an approval must send its `tuple_digest`."""

    id: UUID
    number: str
    kind: str
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
    required_approvals: list[str]
    tuple_digest: str | None
    monthly_fen: int
    catalogue_code: str | None
    summary: dict[str, Any]
    findings: list[dict[str, Any]]


class PlanDetail(PlanOut):
    """A plan with the members of the approved tuple, its changes, its approvals and its runs."""

    members: dict[str, Any]
    changes: list[dict[str, Any]]
    approvals: list[dict[str, Any]]
    missing_approvals: list[str]
    runs: list[RunOut]


class ResourceOut(Shape):
    """A resource; `address` is its logical name in the workspace."""

    id: UUID
    workspace_id: UUID
    address: str
    kind: str
    request_id: UUID
    organisation_code: str
    system_code: str | None
    status: ResourceStatus
    status_at: datetime
    version: int
    cloud_id: str | None
    ip_address: str | None
    trial_ends_on: date | None
    opened_on: date | None
    released_on: date | None
    spec: dict[str, Any]
    drift: dict[str, Any]


class WorkspaceOut(Shape):
    """One Terraform state and its system."""

    id: UUID
    key: str
    cloud: str
    zone: str
    organisation_code: str
    system_code: str | None
    origin_request_id: UUID
    serial: int


class Page(BaseModel):
    """The link to the next page, absent on the last one."""

    next: str | None = None


class ReasonIn(BaseModel):
    """The reason, shown to everyone who can see the object."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class DigestIn(BaseModel):
    """The digest that you were shown."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
