"""The movers of one approved plan, on the read-only folder filled from its sealed bytes."""

import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from orchestrator.adapters.movers import reading
from orchestrator.core.db import transaction
from orchestrator.migrations.move import Move
from orchestrator.migrations.movers import Movers
from orchestrator.workers.run_context import RunContext, Worker, engine_run
from orchestrator.workflows.migrations import switches


@dataclass(frozen=True)
class MoveBench:
    """One plan of a migration at work: its context, its move, its movers, and whether it must stop."""

    worker: Worker
    context: RunContext
    run_id: UUID
    plan_id: UUID
    workspace_id: UUID
    cloud: str
    move: Move
    movers: Movers
    should_stop: Callable[[], str | None]


def at_the_movers(
    worker: Worker,
    context: RunContext,
    plan_id: UUID,
    workspace_id: UUID,
    cloud: str,
    move: Move,
    files: Mapping[str, bytes],
    *,
    to_its_end: bool = True,
) -> MoveBench:
    """The movers of a plan, playing `files` and nothing else.

    A play goes on `to_its_end`: a wish to cancel must not leave a switch half way. Waiting may be cancelled.
    """
    folder = worker.folders.fill(plan_id, files)
    for name in files:
        (folder / name).chmod(stat.S_IRUSR)
    run = engine_run(worker, context, workspace_id, cloud, to_its_end=to_its_end)
    run = replace(run, event=_clock(worker, plan_id))
    waiting = engine_run(worker, context, workspace_id, cloud)
    movers = worker.movers(move, folder, run)
    return MoveBench(
        worker, context, context.run_id, plan_id, workspace_id, cloud, move, movers, waiting.should_stop
    )


def _clock(worker: Worker, plan_id: UUID) -> Callable[[Mapping[str, Any]], None]:
    """Note while a switch is under way since when both sides are closed; nothing waits for this note."""

    def hear(event: Mapping[str, Any]) -> None:
        closed = reading.closed_for_ms(event)
        if closed is not None:
            with suppress(DBAPIError), transaction(worker.engine) as session:
                switches.record_closed(session, plan_id, closed)

    return hear
