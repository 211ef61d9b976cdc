"""Shapes of statements, their lines and the origin of a line, of month closes and the usage report."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel
from typing_extensions import TypeAliasType, TypedDict

from orchestrator.api.shapes import Instant, Page, Shape
from orchestrator.billing.intervals import EventKind
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.rating import BillingState, LineKind
from orchestrator.departments.permissions import Role
from orchestrator.runs.kinds import Decision, RunKind
from orchestrator.runs.lifecycle import PlanStatus, RunStatus

UsageState = TypeAliasType("UsageState", Literal["active", "suspended", "waived", "none"])


class StatementDetail(Shape):
    """A statement; `version` is its ETag, amounts are in fen."""

    id: UUID
    organisation_code: str
    month: date
    revision: int
    replaces_id: UUID | None
    number: str | None
    status: StatementStatus
    version: int
    line_count: int
    total_fen: int
    issued_on: date | None
    answer_due: date | None
    digest: str | None
    verified_by_id: UUID | None
    confirmed_by_id: UUID | None
    confirmed_on: date | None
    disputed_by_id: UUID | None
    dispute_reason: str | None
    decided_by_id: UUID | None
    decision_reason: str | None


class StatementPage(Page):
    """Statements, newest month first."""

    items: list[StatementDetail]


class StatementLineDetail(BaseModel):
    """A line and the resource that it belongs to; a counter-line names the line that it reverses."""

    position: int
    kind: LineKind
    month: str
    resource_id: UUID
    address: str
    system: str | None
    zone: str
    sku: str
    quantity: Decimal
    state: BillingState
    catalogue: str
    price_fen: int | None
    percent_of_spec: int | None
    discount_percent: Decimal
    starts: date
    ends: date
    month_days: int
    amount_fen: int
    payers: list[str]
    shares_fen: list[int]
    run_id: UUID
    reverses_statement_id: UUID | None
    reverses_position: int | None


class StatementLinePage(Page):
    """Lines in the order of the statement."""

    items: list[StatementLineDetail]


class UsageIntervalDetail(TypedDict):
    """One quantity of one SKU on the days from `starts` to before `ends`; null if it goes on.

    The spec is the size to which a percentage refers.
    """

    id: UUID
    resource_id: UUID
    organisation_code: str
    sku_code: str
    quantity: Decimal
    spec_arch: str
    spec_vcpu: Decimal | None
    spec_memory_gb: Decimal | None
    billing_state: BillingState
    event_seq: int
    run_id: UUID
    state_serial: int
    starts: date
    ends: date | None


class OriginRun(TypedDict):
    """The run that made the billed quantity."""

    id: UUID
    kind: RunKind
    status: RunStatus


class OriginPlan(TypedDict):
    """The plan that the run carried out, with the approved digest."""

    id: UUID
    number: str
    digest: str | None
    status: PlanStatus


class OriginApproval(TypedDict):
    """One decision about the plan."""

    role: Role
    approver_id: UUID
    decision: Decision
    digest: str
    at: Instant


class OriginRequest(TypedDict):
    """The request that the plan belongs to."""

    id: UUID
    number: str
    title: str


class StatementLineOrigin(TypedDict):
    """A line and its origin: usage and run, and of a run with a plan also plan, approvals and request."""

    line: StatementLineDetail
    intervals: list[UsageIntervalDetail]
    run: OriginRun
    plan: NotRequired[OriginPlan]
    approvals: NotRequired[list[OriginApproval]]
    request: NotRequired[OriginRequest]


class SkuMovementDetail(Shape):
    """Movement of the billed quantity of one SKU: opening + increases - decreases = closing."""

    sku_code: str
    opening: Decimal
    increases: Decimal
    decreases: Decimal
    closing: Decimal


class MonthClose(BaseModel):
    """Progress of a month close: the number of statements by status, and of those still to be metered."""

    month: str
    statements: dict[StatementStatus, int]
    to_meter: int


class SpecDetail(TypedDict):
    """The size to which a percentage refers."""

    arch: str
    vcpu: Decimal
    memory_gb: Decimal


class SkuUseDetail(TypedDict):
    """A quantity of one SKU; only SKUs billed as a percentage of a spec have a spec."""

    sku: str
    quantity: Decimal
    spec: NotRequired[SpecDetail]


class UsageEventDetail(Shape):
    """A change of the billing of a resource from `day` on.

    A null `billing_state` leaves the state as it is, `none` ends billing; null `skus` leave the quantities.
    """

    seq: int
    resource_id: UUID
    kind: EventKind
    day: date
    at: datetime
    billing_state: UsageState | None
    skus: list[SkuUseDetail] | None
    run_id: UUID
    state_serial: int
    actor: str
    reason: str | None


class ReportedMonth(BaseModel):
    """The current statement of one month."""

    month: str
    statement_id: UUID
    number: str | None
    status: StatementStatus
    total_fen: int


class DepartmentUsage(BaseModel):
    """The cloud budget and the statements of one department in a year."""

    organisation: str
    name_zh: str
    name_en: str
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int
    free_fen: int
    stated_fen: int
    months: list[ReportedMonth]


class UsageReport(BaseModel):
    """The usage report of a year; `stated` is the total in CNY, as people read it."""

    year: int
    departments: list[DepartmentUsage]
    stated_fen: int
    stated: str
