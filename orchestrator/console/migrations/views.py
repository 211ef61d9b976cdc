"""View models of migrations: the list, one migration, and the form that registers one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.console.frame.views import ActionSet, Happening, Option, Pager
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.records import Retirement

MAIN_PATH = (
    "registered",
    "designed",
    "replicating",
    "rehearsed",
    "scheduled",
    "cutting_over",
    "trial_run",
    "accepted",
    "finalised",
    "legacy_retired",
)
"""The statuses of a migration without a rollback."""
_STANDS_AT = {"assessed": "registered", "resources_ready": "replicating", "rolled_back": "rehearsed"}
"""The place on the main path of a status that is not part of it."""


@dataclass(frozen=True)
class MigrationRow:
    """One migration in the list; `next` is the next act, ready for the reader."""

    id: str
    number: str
    title: str
    organisation: str
    system: str
    status: str
    since: datetime
    serving_side: str
    next: str


@dataclass(frozen=True)
class MigrationList:
    """Page ``migrations/list.html``: `status` is the filter in force, `statuses` the choices."""

    rows: tuple[MigrationRow, ...]
    pager: Pager
    status: str
    statuses: tuple[str, ...]
    may_register: bool


@dataclass(frozen=True)
class Problem:
    """One finding on the hosts and its remedy, ready for the reader."""

    blocking: bool
    text: str
    fix: str


@dataclass(frozen=True)
class SideView:
    """One of the two sides: who serves there, where, and how it is billed."""

    side: Side
    host: str
    address: str
    serves: bool
    billing: str


@dataclass(frozen=True)
class CopyProgress:
    """Progress of the first copy: bytes and counts, the rate in bytes a second, the rest in seconds."""

    database_bytes: int
    database_bytes_done: int
    file_bytes: int
    file_bytes_done: int
    files: int
    files_done: int
    bytes_a_second: int | None
    seconds_left: float | None
    ready: bool

    @property
    def share(self) -> float:
        """Return the copied share of all bytes, in percent."""
        total = self.database_bytes + self.file_bytes
        done = self.database_bytes_done + self.file_bytes_done
        return min(100.0, round(done * 100 / total, 1)) if total else 100.0


@dataclass(frozen=True)
class Check:
    """One line of the checklist before a cutover."""

    done: bool
    text: str


@dataclass(frozen=True)
class Wait:
    """One awaited act and the people who may do it, ready for the reader."""

    text: str
    who: str


@dataclass(frozen=True)
class MigrationPlanRow:
    """One execution plan of the migration; `missing` are the roles whose approval it lacks."""

    id: str
    number: str
    act: str
    round: int
    status: str
    missing: tuple[str, ...]
    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShownPlan:
    """The plan that waits for an approval: exactly these steps, on these hosts, under this digest."""

    id: str
    number: str
    act: str
    digest: str
    steps: tuple[tuple[str, str], ...]
    approved_by: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class SwitchView:
    """One cutover or rollback; times without a writable side and pauses are in milliseconds.

    `fenced_so_far_ms` counts while both sides are fenced, and is None before and afterwards.
    """

    number: int
    direction: str
    automatic: bool
    outcome: str
    at: datetime
    from_address: str
    to_address: str
    run_id: str
    fenced_so_far_ms: float | None
    fenced_ms: float | None
    pause_ms: float | None
    pause_at_fence_ms: float | None
    proof: str
    proof_equal: bool | None
    proof_digest: str
    reason: str


@dataclass(frozen=True)
class RetirementForm:
    """The record of the retirement of the legacy system, as typed."""

    stopped_on: str = ""
    sanitisation: str = ""
    remark: str = ""


@dataclass(frozen=True)
class MigrationDetail:
    """Page ``migrations/detail.html``.

    `trouble` and `advice` are the reason why the last act failed and the next step; `log_run`
    is the run whose log the page follows, "" for none; `live` while it runs. `shown` is the plan
    whose digest goes with an approval. `rollback_effects` lists the effects of a rollback, if any.
    """

    id: str
    number: str
    version: int
    status: str
    title: str
    organisation: str
    system: str
    request_id: str
    request_number: str
    created_at: datetime
    budget_ms: int
    sides: tuple[SideView, ...]
    name_record: str
    waits: tuple[Wait, ...]
    checked_at: datetime | None
    problems: tuple[Problem, ...]
    progress: CopyProgress | None
    checklist: tuple[Check, ...]
    plans: tuple[MigrationPlanRow, ...]
    shown: ShownPlan | None
    switches: tuple[SwitchView, ...]
    timeline: tuple[Happening, ...]
    acts: ActionSet
    live: bool
    log_run: str = ""
    log_ended: bool = True
    log_lines: tuple[str, ...] = ()
    log_last: int = 0
    trouble: str = ""
    advice: str = ""
    rollback_effects: tuple[str, ...] = ()
    may_retire: bool = False
    retirement: RetirementForm = field(default_factory=RetirementForm)
    retired: Retirement | None = None

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Return the progress as (status, done | now | todo | stopped)."""
        if self.status == MigrationStatus.ABORTED:
            return (("registered", "done"), ("aborted", "stopped"))
        here = MAIN_PATH.index(_STANDS_AT.get(self.status, self.status))
        is_end = here == len(MAIN_PATH) - 1
        states = [
            "done" if i < here or (i == here and is_end) else "now" if i == here else "todo"
            for i in range(len(MAIN_PATH))
        ]
        way = list(zip(MAIN_PATH, states, strict=True))
        if self.status == MigrationStatus.ROLLED_BACK:
            way[here : here + 1] = [("rehearsed", "done"), ("rolled_back", "stopped")]
        return tuple(way)

    @property
    def last_switch(self) -> SwitchView | None:
        """Return the newest cutover or rollback."""
        return self.switches[-1] if self.switches else None

    @property
    def stream_path(self) -> str:
        """Return the path of the log stream of the current run."""
        return f"/api/v1/runs/{self.log_run}/log/stream"


@dataclass(frozen=True)
class RegisterForm:
    """Page ``migrations/register.html``: the plan's text and the request, as typed, with the errors.

    `problems` are all errors of the plan with line and column.
    """

    plan: str
    request: str
    requests: tuple[Option, ...]
    problems: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
