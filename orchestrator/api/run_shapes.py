"""Shapes of runs and their logs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, RootModel
from typing_extensions import TypedDict

from orchestrator.api.resource_shapes import DriftFinding
from orchestrator.api.shapes import Instant, Page, Shape
from orchestrator.migrations.kinds import Side
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import RunStatus


class HostReport(RootModel[dict[str, Any]]):
    """The facts that the city's baseline playbook reported about one host."""


class RunOutcome(TypedDict, total=False):
    """The result of a run; the members depend on its kind, and an unfinished run has none."""

    report: dict[str, HostReport]
    objects: list[str]
    findings: list[DriftFinding]
    ready_at: Instant
    serving: Side
    removed: dict[str, list[str]]
    left: list[str]


class RunDetail(Shape):
    """One execution of an engine."""

    id: UUID
    kind: RunKind
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
    outcome: RunOutcome


class RunPage(Page):
    """Runs, newest first."""

    items: list[RunDetail]


class RunLog(BaseModel):
    """Lines of a log; `last` is the number of the last one."""

    lines: list[str]
    last: int
