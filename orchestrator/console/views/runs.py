"""Runs: the list, one run with its steps, and its log."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.views.common import ActionSet, Pager


@dataclass(frozen=True)
class RunRow:
    """One run in the list."""

    number: str
    kind: str
    status: str
    organisation: str
    plan_number: str
    request_number: str
    started_at: datetime | None
    seconds: int | None


@dataclass(frozen=True)
class RunList:
    """Page ``runs/list.html``."""

    rows: tuple[RunRow, ...]
    pager: Pager
    status: str
    statuses: tuple[str, ...]


@dataclass(frozen=True)
class RunStep:
    """One step of a run: `name` ready for the reader, status as a run's; seconds once it has ended."""

    name: str
    status: str
    seconds: float | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of the log; `number` counts from 1 and is the event id of the stream."""

    number: int
    at: datetime
    text: str


@dataclass(frozen=True)
class RunDetail:
    """Page ``runs/detail.html``.

    `lines` are the newest stored ones (`earlier` counts those before them); the stream goes on after the last
    of them. `trouble` is the plain reason why the run failed or waits for a person, `advice` the safe act.
    """

    number: str
    kind: str
    status: str
    plan_number: str
    request_number: str
    organisation: str
    applier: str
    worker: str
    started_at: datetime | None
    ended_at: datetime | None
    steps: tuple[RunStep, ...]
    lines: tuple[LogLine, ...]
    earlier: int
    ended: bool
    acts: ActionSet
    trouble: str = ""
    advice: str = ""

    @property
    def stream_path(self) -> str:
        """Where the browser follows the log."""
        return f"/api/v1/runs/{self.number}/log/stream"

    @property
    def last_number(self) -> int:
        """The number of the last line on the page, 0 without any."""
        return self.lines[-1].number if self.lines else 0
