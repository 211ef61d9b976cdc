"""A cutover or a rollback as a flat list of steps over one record, resumable from any of them.

Each step reads the record of the switch, acts on the hosts, and records the result in one transaction under
the lock of its run. A worker that takes over starts at the first step: those that are recorded pass at once.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.migrations.kinds import Direction, Side, SwitchOutcome
from orchestrator.migrations.movers import MoverFailed
from orchestrator.runs import queries as run_queries
from orchestrator.runs import rendering
from orchestrator.runs.outcomes import Reason
from orchestrator.workers.migrations import inspection, reasons
from orchestrator.workers.migrations.inspection import read_state
from orchestrator.workers.migrations.mover_run import MoverPlan, MoverRun, open_mover_run
from orchestrator.workers.run_context import RunContext, Worker, open_run
from orchestrator.workflows.migrations import runs, switches
from orchestrator.workflows.migrations.switches import NotSwitched

Step = Callable[[MoverRun], bool]
"""Return False when the run has ended, with the reason recorded."""
TRIES_FOR_THE_NAME: Final = 4
SECONDS_BETWEEN_TRIES: Final = 3.0


def switch(run: MoverRun, *, after_takeover: bool) -> None:
    """Carry out the cutover or the rollback of an approved plan, from where an earlier worker stopped."""
    if after_takeover and read_state(run) is None:
        refuse(run, reasons.NOT_BEGUN)
        return
    take(STEPS, run)


def take(steps: tuple[Step, ...], run: MoverRun) -> bool:
    """Take the steps in order; stop at the first that ends the run, and return False."""
    return all(step(run) for step in steps)


# --- before the hosts are touched ------------------------------------------------------------------


def check(run: MoverRun) -> bool:
    """Check window, copy and rollback path before a cutover; a rollback is not checked."""
    if read_state(run) is not None or _kind(run) is PlanKind.ROLLBACK:
        return True
    with transaction(run.worker.engine) as session:
        in_window = switches.in_window(session, run.plan_id)
    reason = _not_ready(run) if in_window else reasons.WINDOW_OVER
    if reason is not None:
        refuse(run, reason)
    return reason is None


def _not_ready(run: MoverRun) -> Reason | None:
    try:
        progress = run.movers.progress()
    except MoverFailed as error:
        return runs.reason_of(error.findings, "The hosts could not be read.")
    findings = [*progress.trouble, *runs.gate_findings(progress)]
    blocking = [finding for finding in findings if finding.blocking]
    return runs.reason_of(blocking, "") if blocking else None


def refuse(run: MoverRun, reason: Reason) -> None:
    """End the run before it has touched a host."""
    run.context.log.append(f"Not started: {reason.en}")
    with transaction(run.worker.engine) as session:
        switches.record_refused(session, run.run_id, run.plan_id, reason)


def _kind(run: MoverRun) -> PlanKind:
    with transaction(run.worker.engine) as session:
        return PlanKind(run_queries.plan(session, run.plan_id).kind)


# --- the switch ------------------------------------------------------------------------------------


def make_switch(run: MoverRun) -> bool:
    """Let the other side serve; a switch that an earlier worker began is inspected instead of repeated."""
    state = read_state(run)
    if state is not None:
        return state.outcome is SwitchOutcome.SWITCHED or inspection.inspect(run)
    with transaction(run.worker.engine) as session:
        switches.begin_switch(session, run.run_id, run.plan_id, automatic=run.plan.automatic)
    return _play(run, Direction(_kind(run)).to)


def _play(run: MoverRun, to: Side) -> bool:
    run.context.log.append(f"Switching to the {to}.")
    try:
        result = run.movers.cut_over() if to is Side.TARGET else run.movers.roll_back()
    except MoverFailed as error:
        run.context.log.append(f"The switch was interrupted: {error}")
        return inspection.inspect(run)
    if result.outcome is SwitchOutcome.SWITCHED:
        inspection.record_switched(run, result)
        return True
    if result.outcome is SwitchOutcome.UNKNOWN:
        return inspection.inspect(run)
    if to is Side.SOURCE and not inspection.target_exists(run):
        inspection.leave_to_person(run, reasons.TARGET_GONE)
    else:
        reason = reasons.of_script(result.reason)
        inspection.record_not_switched(run, NotSwitched(result.outcome, reason, result.marks))
    return False


def lead_name(run: MoverRun) -> bool:
    """Point the name to the side that serves, where the script on the hosts could not."""
    state = read_state(run)
    if state is None or state.name_switched:
        return state is not None
    for _ in range(TRIES_FOR_THE_NAME):
        try:
            run.movers.reopen(state.to)
        except MoverFailed as error:
            run.context.log.append(f"The name does not point to the {state.to} yet: {error}")
            time.sleep(SECONDS_BETWEEN_TRIES)
        else:
            with transaction(run.worker.engine) as session:
                switches.record_named(session, run.run_id, run.plan_id)
            run.context.log.append(f"The name points to the {state.to}.")
            return True
    inspection.leave_to_person(run, reasons.NAME_BEHIND)
    return False


# --- proof and reverse replication -----------------------------------------------------------------


def prove(run: MoverRun) -> bool:
    """Prove that both sides were equal at the fence; an unproven cutover is rolled back automatically."""
    state = read_state(run)
    if state is None:
        return False
    equal, reason = state.proof_equal, reasons.UNEQUAL
    if equal is None and state.direction is Direction.CUTOVER and _rollback_has_begun(run):
        # The rollback has changed the sides since the cutover, so a proof would compare the wrong data.
        equal, reason = False, reasons.UNPROVEN
    elif equal is None:
        equal, reason = _compare(run, state.to)
    if not equal and state.direction is Direction.CUTOVER:
        _roll_back_automatically(run, reason)
    elif not equal:
        _end(run, reason)
    return equal


def _rollback_has_begun(run: MoverRun) -> bool:
    with transaction(run.worker.engine) as session:
        rollback = switches.partner_plan(session, run.plan_id)
        return rollback is not None and switches.switch_state(session, rollback) is not None


def _compare(run: MoverRun, to: Side) -> tuple[bool, Reason]:
    try:
        proof = run.movers.prove(to)
    except MoverFailed as error:
        return False, runs.reason_of(error.findings, str(error))
    with transaction(run.worker.engine) as session:
        switches.record_proof(session, run.run_id, run.plan_id, proof)
    run.context.log.append(
        f"Proof: {proof.tables} tables, {proof.rows} rows, {proof.files} files; "
        f"{'equal' if proof.equal else 'NOT EQUAL'}; digest {proof.digest}"
    )
    return proof.equal, reasons.unequal(proof)


def follow(run: MoverRun) -> bool:
    """Replicate from the side that serves to the other one, then end the run."""
    state = read_state(run)
    if state is None:
        return False
    if not state.followed and (reason := _start_following(run, state.to)):
        _end(run, reason)
        return False
    with transaction(run.worker.engine) as session:
        switches.end_switch(session, run.run_id, run.plan_id)
    return True


def _start_following(run: MoverRun, to: Side) -> Reason | None:
    """Start replication to the other side; return why it failed, or None."""
    try:
        run.movers.follow(to)
    except MoverFailed as error:
        return runs.reason_of(error.findings, str(error))
    with transaction(run.worker.engine) as session:
        switches.record_followed(session, run.plan_id)
    return None


def _end(run: MoverRun, reason: Reason) -> None:
    with transaction(run.worker.engine) as session:
        switches.end_switch(session, run.run_id, run.plan_id, failed=reason)


STEPS: Final[tuple[Step, ...]] = (check, make_switch, lead_name, prove, follow)


# --- automatic rollback ----------------------------------------------------------------------------


def _roll_back_automatically(run: MoverRun, reason: Reason) -> None:
    """Roll back with every write of the target, by the plan that was approved together with the cutover."""
    run.context.log.append(f"Rolling back automatically: {reason.en}")
    rollback = _rollback_run(run)
    if rollback is None:
        inspection.leave_to_person(run, reason)
        return
    if not take((make_switch, lead_name), rollback):
        with transaction(run.worker.engine) as session:
            switches.leave_switched(session, run.run_id, run.plan_id, reason)
        return
    equal, unequal = _compare(rollback, Side.SOURCE)
    trouble = _start_following(rollback, Side.SOURCE) if equal else unequal
    with transaction(run.worker.engine) as session:
        switches.end_automatic_rollback(session, run.run_id, rollback.plan_id)
    _end(run, trouble or reason)


def _rollback_run(run: MoverRun) -> MoverRun | None:
    with transaction(run.worker.engine) as session:
        plan_id = switches.partner_plan(session, run.plan_id)
        if plan_id is None:
            return None
        sealed = run_queries.artifact(session, plan_id).bundle
        approved = run_queries.plan(session, plan_id).members["bundle_digest"]
    files = rendering.unpack(run.worker.keys.decrypt(sealed))
    if rendering.bundle_digest(files) != approved:
        return None
    plan = replace(run.plan, plan_id=plan_id, automatic=True)
    return open_mover_run(run.worker, run.context, plan, run.transfer, files)


# --- inspection ordered by a person ----------------------------------------------------------------


def inspect_run(worker: Worker, job: JobContext, run_id: str) -> None:
    """Handle the job ``runs.inspect``: find out which side serves, reopen one if none does, and continue."""
    with open_run(worker, job, UUID(run_id)) as context:
        run = _opened(worker, context)
        if run is None:
            return
        alone = inspection.let_source_serve_alone(run)
        if read_state(run) is None or not take((make_switch, lead_name), run):
            return
        if alone:
            _end(run, reasons.SERVES_ALONE)
        else:
            take((prove, follow), run)


def _opened(worker: Worker, context: RunContext) -> MoverRun | None:
    with transaction(worker.engine) as session:
        plan = switches.begin_inspection(session, context.run_id, worker.name, context.token_hash)
        if plan is None:
            return None
        order = runs.migration_order(session, plan.id)
        sealed = run_queries.artifact(session, plan.id).bundle
        cloud = run_queries.workspace(session, plan.workspace_id).cloud
    files = rendering.unpack(worker.keys.decrypt(sealed))
    mover_plan = MoverPlan(plan.id, plan.workspace_id, cloud)
    return open_mover_run(worker, context, mover_plan, order.stored_transfer(), files)
