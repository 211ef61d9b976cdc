"""Shapes of migrations: the plan file, preflight and progress, cutovers and rollbacks with their proof."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType, TypedDict

from orchestrator.api.plan_shapes import PlanApproval, PlanSummary
from orchestrator.api.run_shapes import RunDetail
from orchestrator.api.shapes import Instant, Page, Shape
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Permission, Role
from orchestrator.migrations.kinds import Direction, Side, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus

ReachedBy = TypeAliasType("ReachedBy", Literal["sandbox", "ssh"])
SideBilling = TypeAliasType("SideBilling", Literal["not_billed", "trial", "active"])
MismatchKind = TypeAliasType("MismatchKind", Literal["table", "sequence", "files"])


class MigrationRegistration(BaseModel):
    """The text of a plan file, the file's name in error messages, and the request of the target."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=200_000)
    file: str = Field(default="plan.yml", max_length=200)
    request: str = Field(pattern=r"^GC-[0-9]{4}-[0-9]{4,}$")


class PauseMeasurement(BaseModel):
    """The longest gap between writes that the clients saw, and the gap during which the sides were fenced."""

    model_config = ConfigDict(extra="forbid")

    longest_ms: float = Field(ge=0, le=86_400_000)
    at_fence_ms: float = Field(ge=0, le=86_400_000)


class RetirementBody(BaseModel):
    """The record of the retirement of the legacy system."""

    model_config = ConfigDict(extra="forbid")

    stopped_on: date
    sanitisation: str = Field(min_length=1, max_length=2000)
    remark: str = Field(default="", max_length=2000)


class PlanFileHost(BaseModel):
    """A host that this service has not made."""

    host: str
    reached_by: ReachedBy
    workspace: str | None
    address: str | None


class PlanFileTarget(BaseModel):
    """The key of the host in the request that provisions the target."""

    host: str


class PlanFileDatabase(BaseModel):
    """The database to migrate; `admin` is a file below each host's root."""

    name: str
    writers: list[str]
    port: int
    admin: str


class PlanFileName(BaseModel):
    """The name that clients know, and the host whose service answers for it."""

    record: str
    service: PlanFileHost
    port: int


class PlanFileWindow(BaseModel):
    """A time in which a cutover may begin, in the city's time; `ends` is not included."""

    begins: str
    ends: str


class MigrationPlanFile(BaseModel):
    """The migration plan as it was registered."""

    plan: str
    title: str
    system: str
    source: PlanFileHost
    target: PlanFileTarget
    database: PlanFileDatabase | None
    folders: list[str]
    name: PlanFileName | None
    files_port: int
    pause_budget_ms: int
    trial_days: int
    windows: list[PlanFileWindow]


class MigrationTarget(TypedDict, total=False):
    """The target host; empty until a plan of the migration was generated."""

    name: str
    address: str


class MigrationFinding(TypedDict):
    """One problem and its fix; a `blocking` one must be fixed before the migration goes on."""

    code: str
    blocking: bool
    problem_en: str
    problem_zh: str
    fix_en: str
    fix_zh: str
    facts: dict[str, str]


class Preflight(TypedDict, total=False):
    """The result of the last check of both sides; empty before the first one."""

    passed: bool
    findings: list[MigrationFinding]
    database_bytes: int
    file_bytes: int
    files: int
    at: Instant


class CopyProgress(TypedDict, total=False):
    """Progress of the first copy; `at` is in seconds since 1970. Empty until replication was prepared.

    `ready`: the copy is complete, changes are replicated, the rollback path is prepared, nothing blocks.
    """

    at: float
    tables: int
    tables_done: int
    database_bytes: int
    database_bytes_done: int
    files: int
    files_done: int
    file_bytes: int
    file_bytes_done: int
    retained_bytes: int
    follows: bool
    ready: bool
    trouble: list[MigrationFinding]
    bytes_a_second: int | None
    seconds_left: float | None


class SidesBilling(TypedDict, total=False):
    """The billing state of both sides; empty before the first cutover."""

    source: SideBilling
    target: SideBilling


class Retirement(TypedDict, total=False):
    """The record of the retirement of the legacy system; empty before it."""

    stopped_on: date
    sanitisation: str
    remark: str
    recorded_on: date


class Mismatch(TypedDict):
    """A table, a sequence or a folder of files that differs between the sides."""

    kind: MismatchKind
    name: str
    source: str
    target: str


class TableReport(TypedDict):
    """Number and hash of the rows of one table."""

    rows: int
    hash: str


class DatabaseReport(TypedDict):
    """Tables, and the current values of the sequences, by name."""

    tables: dict[str, TableReport]
    sequences: dict[str, int]


class FilesReport(TypedDict):
    """Number, bytes and hash of the files of one subfolder."""

    files: int
    bytes: int
    hash: str


class FolderReport(TypedDict):
    """The subfolders by path; `later` is the number of files that were written after the fence."""

    parts: dict[str, FilesReport]
    later: int


class SideReport(TypedDict):
    """The content of one side, as a program read it there."""

    database: DatabaseReport | None
    folders: dict[str, FolderReport]


class EqualityProof(TypedDict, total=False):
    """Comparison of both sides after the switch; `digest` covers both reports. Empty until it was made."""

    equal: bool
    mismatches: list[Mismatch]
    tables: int
    rows: int
    sequences: int
    files: int
    file_bytes: int
    later_files: int
    digest: str
    reports: dict[Side, SideReport]


class SwitchDetail(Shape):
    """A cutover or rollback; the script measures `fenced_ms`, clients `pause_ms` and `pause_at_fence_ms`.

    `marks` are milliseconds since the fence began: begun, shut, fenced, caught_up, files, opened, named.
    """

    number: int
    direction: Direction
    automatic: bool
    plan_id: UUID
    run_id: UUID
    outcome: SwitchOutcome
    began_at: datetime
    from_address: str
    to_address: str
    fenced_at: datetime | None
    opened_at: datetime | None
    marks: dict[str, float]
    fenced_ms: float | None
    name_switched: bool
    pause_ms: float | None
    pause_at_fence_ms: float | None
    billing: SidesBilling
    reason: str | None
    reason_zh: str | None
    proof: EqualityProof
    proof_digest: str | None
    proof_equal: bool | None
    followed_at: datetime | None


class MigrationPlanDetail(BaseModel):
    """One execution plan of the migration; plans of one `round` belong together."""

    act: PlanKind
    round: int
    plan: PlanSummary
    approvals: list[PlanApproval]
    missing_approvals: list[Role]
    runs: list[RunDetail]


class AwaitedAct(Shape):
    """An act that the migration waits for, and the permissions of which one allows it."""

    act: str
    permissions: list[Permission]
    text_en: str
    text_zh: str


class MigrationSummary(Shape):
    """A migration; `version` is its ETag."""

    id: UUID
    number: str
    plan_key: str
    plan_digest: str
    title: str
    system_code: str
    organisation_code: str
    request_id: UUID
    status: MigrationStatus
    status_at: datetime
    version: int
    created_at: datetime
    reason: str | None
    reason_zh: str | None
    next_step: str | None
    next_step_zh: str | None
    serving_side: Side
    serving_address: str | None
    trial_since: date | None


class MigrationDetail(MigrationSummary):
    """A migration with its plans, cutovers, findings and progress."""

    request_number: str
    plan_document: MigrationPlanFile
    target: MigrationTarget
    preflight: Preflight
    progress: CopyProgress
    billing: SidesBilling
    retirement: Retirement
    plans: list[MigrationPlanDetail]
    switches: list[SwitchDetail]
    awaited: list[AwaitedAct]


class MigrationPage(Page):
    """Migrations, newest first."""

    items: list[MigrationSummary]
