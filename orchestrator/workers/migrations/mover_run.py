"""The movers of one approved plan, which play a read-only folder filled from its sealed bundle."""

import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from orchestrator.adapters.movers import reading
from orchestrator.core.db import transaction
from orchestrator.migrations.movers import Movers
from orchestrator.migrations.transfer import Transfer
from orchestrator.runs.engine import ShouldStop
from orchestrator.workers.run_context import RunContext, Worker, engine_run
from orchestrator.workflows.migrations import switches


@dataclass(frozen=True)
class MoverPlan:
    """An execution plan of a migration, with the workspace and the cloud of its target.

    `automatic` marks the rollback that a failed proof starts, in the run of its cutover.
    """

    plan_id: UUID
    workspace_id: UUID
    cloud: str
    automatic: bool = False


@dataclass(frozen=True)
class MoverRun:
    """One run of a migration plan, its transfer and movers; `should_stop` is asked while the run waits."""

    worker: Worker
    context: RunContext
    plan: MoverPlan
    transfer: Transfer
    movers: Movers
    should_stop: ShouldStop

    @property
    def run_id(self) -> UUID:
        return self.context.run_id

    @property
    def plan_id(self) -> UUID:
        return self.plan.plan_id


def open_mover_run(
    worker: Worker, context: RunContext, plan: MoverPlan, transfer: Transfer, files: Mapping[str, bytes]
) -> MoverRun:
    """Return the movers of a plan, which play `files` and nothing else.

    A cancelled run stops waiting, but a play runs to completion, so that no switch is left half done.
    """
    folder = worker.folders.fill(plan.plan_id, files)
    for name in files:
        (folder / name).chmod(stat.S_IRUSR)
    run = engine_run(worker, context, plan.workspace_id, plan.cloud, ignore_cancel=True)
    run = replace(run, event=_record_fence(worker, plan.plan_id))
    waiting = engine_run(worker, context, plan.workspace_id, plan.cloud)
    return MoverRun(
        worker, context, plan, transfer, worker.movers(transfer, folder, run), waiting.should_stop
    )


def _record_fence(worker: Worker, plan_id: UUID) -> Callable[[Mapping[str, Any]], None]:
    """Return an event handler that records since when both sides are fenced.

    A lost database must not delay the switch, so its errors are ignored.
    """

    def handle(event: Mapping[str, Any]) -> None:
        fenced = reading.fenced_for_ms(event)
        if fenced is not None:
            with suppress(DBAPIError), transaction(worker.engine) as session:
                switches.record_fenced(session, plan_id, fenced)

    return handle
