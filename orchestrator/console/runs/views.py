"""View models of runs."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.frame.views import ActionSet, Pager
from orchestrator.runs.lifecycle import RunStatus

SHORT = 8


def short(run_id: str) -> str:
    """Return the short name of a run: the first digits of its id."""
    return run_id[:SHORT]


@dataclass(frozen=True)
class RunRow:
    """One run in the list; a drift check has no plan, and `subject` is then the workspace."""

    id: str
    kind: str
    status: str
    organisation: str
    subject: str
    plan_id: str
    plan_number: str
    started_at: datetime | None
    seconds: int | None

    @property
    def number(self) -> str:
        """Return the short name."""
        return short(self.id)


@dataclass(frozen=True)
class RunList:
    """Page ``runs/list.html``."""

    rows: tuple[RunRow, ...]
    pager: Pager


@dataclass(frozen=True)
class LogLine:
    """One line of the log; `number` counts from 1 and is the event id of the stream."""

    number: int
    text: str


@dataclass(frozen=True)
class RunDetail:
    """Page ``runs/detail.html``.

    `lines` are the newest stored ones (`earlier` counts those before them); the stream goes on after the last
    of them. `results` are sentences about the outcome; `trouble` is the reason why the run failed,
    `advice` the next step.
    """

    id: str
    kind: str
    status: str
    version: int
    subject: str
    plan_id: str
    plan_number: str
    request_id: str
    request_number: str
    organisation: str
    applier: str
    worker: str
    started_at: datetime | None
    ended_at: datetime | None
    results: tuple[str, ...]
    lines: tuple[LogLine, ...]
    earlier: int
    ended: bool
    acts: ActionSet
    trouble: str = ""
    advice: str = ""

    @property
    def number(self) -> str:
        """Return the short name."""
        return short(self.id)

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Return the progress as (status, done | now | todo | stopped)."""
        main = ("queued", "running", "succeeded")
        if self.status in main:
            here = main.index(self.status)
            last = here == len(main) - 1
            states = [
                "done" if i < here or last else "now" if i == here else "todo" for i in range(len(main))
            ]
            return tuple(zip(main, states, strict=True))
        if self.status == RunStatus.VERIFYING:
            return (("queued", "done"), ("running", "stopped"), ("verifying", "now"), ("succeeded", "todo"))
        reached = ("queued", "running") if self.started_at else ("queued",)
        return (*((step, "done") for step in reached), (self.status, "stopped"))

    @property
    def stream_path(self) -> str:
        """Return the path of the log stream."""
        return f"/api/v1/runs/{self.id}/log/stream"

    @property
    def last_number(self) -> int:
        """Return the number of the last line on the page; 0 without lines."""
        return self.lines[-1].number if self.lines else 0
