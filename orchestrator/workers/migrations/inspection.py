"""Find out which side serves by reading both hosts, reopen one where none does, and record the result."""

import time
from typing import Final

from orchestrator.core.db import transaction
from orchestrator.core.object_kinds import ObjectKind
from orchestrator.migrations.kinds import Side, SwitchOutcome
from orchestrator.migrations.movers import MoverFailed, SwitchResult
from orchestrator.migrations.serving import Serving, Verdict, judge
from orchestrator.runs import queries as run_queries
from orchestrator.runs.outcomes import Reason
from orchestrator.workers.migrations import reasons
from orchestrator.workers.migrations.mover_run import MoverRun
from orchestrator.workflows.migrations import runs, switches
from orchestrator.workflows.migrations.switches import NotSwitched, SwitchState

READS: Final = 4
SECONDS_TO_END_SWITCH: Final = 3.0
"""The script of a switch outlives its killed worker; it ends at most this long after its pause budget."""


def inspect(run: MoverRun) -> bool:
    """Read both sides until exactly one serves and record it; return True when the switch was made."""
    state = read_state(run)
    if state is None:
        return False
    try:
        serving = _until_one_serves(run)
    except MoverFailed as error:
        leave_to_person(run, runs.reason_of(error.findings, str(error)))
        return False
    if serving.verdict.side is state.to:
        record_switched(run, _result_on_host(run, state))
        return True
    if serving.verdict.side is state.to.other:
        record_not_switched(run, NotSwitched(SwitchOutcome.REVERTED, reasons.UNDONE))
    elif serving.verdict is Verdict.BOTH:
        leave_to_person(run, reasons.BOTH)
    else:
        gone = state.to is Side.SOURCE and not target_exists(run)
        leave_to_person(run, reasons.TARGET_GONE if gone else reasons.UNKNOWN)
    return False


def _until_one_serves(run: MoverRun) -> Serving:
    serving = _read(run)
    for number in range(READS):
        side = serving.verdict.side
        if serving.verdict is Verdict.BOTH or (side is not None and serving.name_follows is not False):
            return serving
        if side is not None:
            run.movers.reopen(side)
        elif serving.verdict is Verdict.NEITHER and number == 0:
            # The script may still run: it opens a side or dies within its budget.
            time.sleep(run.transfer.budget_ms / 1000 + SECONDS_TO_END_SWITCH)
        elif serving.reopen is not None:
            run.movers.reopen(serving.reopen)
        else:
            time.sleep(SECONDS_TO_END_SWITCH)
        serving = _read(run)
    return serving


def _read(run: MoverRun) -> Serving:
    addresses = {Side.SOURCE: run.transfer.source.address, Side.TARGET: run.transfer.target.address}
    serving = judge(run.movers.sides(), addresses)
    run.context.log.append(f"Read both sides: {serving.verdict} accepts writes.")
    return serving


def _result_on_host(run: MoverRun, state: SwitchState) -> SwitchResult:
    """Return the result that the script wrote; without marks where the script died before it could."""
    last = run.movers.last_switch(state.to)
    if last is not None and last.outcome is SwitchOutcome.SWITCHED and last.key not in state.known_keys:
        return last
    return SwitchResult(SwitchOutcome.SWITCHED, state.to, None, {}, name_switched=True)


def let_source_serve_alone(run: MoverRun) -> bool:
    """Open the source when neither side serves and its cloud says that the target no longer exists."""
    sides = run.movers.sides()
    if sides.source.accepts_writes is not False or sides.target.accepts_writes is not None:
        return False
    if target_exists(run):
        return False
    run.context.log.append("The target no longer exists in the cloud: the source is opened alone.")
    run.movers.reopen(Side.SOURCE, other_is_gone=True)
    with transaction(run.worker.engine) as session:
        switches.record_source_alone(session, run.run_id, run.plan_id)
    return True


def target_exists(run: MoverRun) -> bool:
    """Ask the cloud whether the target host still exists."""
    with transaction(run.worker.engine) as session:
        workspace = run_queries.workspace(session, run.plan.workspace_id)
    objects = run.worker.inventories[run.plan.cloud].list_objects(workspace.key)
    address = run.transfer.target.address
    return any(
        cloud_object.kind == ObjectKind.INSTANCE and cloud_object.address == address
        for cloud_object in objects
    )


# --- the record of the switch ----------------------------------------------------------------------


def read_state(run: MoverRun) -> SwitchState | None:
    """Return the record of the run's switch; None before it has begun."""
    with transaction(run.worker.engine) as session:
        return switches.switch_state(session, run.plan_id)


def record_switched(run: MoverRun, result: SwitchResult) -> None:
    """Record that `result.to` serves."""
    with transaction(run.worker.engine) as session:
        switches.record_switched(session, run.run_id, run.plan_id, result)
    run.context.log.append(f"The {result.to} serves; no side was open for {result.fenced_ms} ms.")


def record_not_switched(run: MoverRun, result: NotSwitched) -> None:
    """Record that the side that served before still serves, and why."""
    run.context.log.append(f"Not switched ({result.outcome}): {result.reason.en}")
    with transaction(run.worker.engine) as session:
        switches.record_not_switched(session, run.run_id, run.plan_id, result)


def leave_to_person(run: MoverRun, reason: Reason) -> None:
    """Record that the run cannot continue until a person acts."""
    run.context.log.append(f"A person has to act: {reason.en}")
    with transaction(run.worker.engine) as session:
        switches.record_unknown(session, run.run_id, run.plan_id, reason)
