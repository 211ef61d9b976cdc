"""The movers of one approved plan, on the read-only folder filled from its sealed bytes."""

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.adapters.movers.playing import Player
from orchestrator.migrations.move import Move
from orchestrator.migrations.movers import Movers
from orchestrator.tasks.workbench import Bench, Workbench, engine_run


@dataclass(frozen=True)
class MoveBench:
    """One plan of a migration at work: its frame, its move, its movers, and whether it must stop."""

    bench: Workbench
    frame: Bench
    run_id: UUID
    plan_id: UUID
    workspace_id: UUID
    cloud: str
    move: Move
    movers: Movers
    should_stop: Callable[[], str | None]


def at_the_movers(
    bench: Workbench,
    frame: Bench,
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
    folder = bench.folders.fill(plan_id, files)
    for name in files:
        (folder / name).chmod(stat.S_IRUSR)
    run = engine_run(bench, frame, workspace_id, cloud, to_its_end=to_its_end)
    waiting = engine_run(bench, frame, workspace_id, cloud)
    movers = AnsibleMovers(move, Player(bench.ansible, folder, run))
    return MoveBench(
        bench, frame, frame.run_id, plan_id, workspace_id, cloud, move, movers, waiting.should_stop
    )
