"""A switch in either direction: gate, cut, books, proof, the other side follows; and the way back by itself.

What a worker knows after a crash it has read from the hosts: `settle` asks both sides, and the books follow.
"""

import time
from typing import Final
from uuid import UUID

from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.migrations import serving
from orchestrator.migrations.move import Side, other
from orchestrator.migrations.movers import CutResult, MoverFailed
from orchestrator.migrations.serving import Serving
from orchestrator.runs import queries as run_queries
from orchestrator.runs import rendering
from orchestrator.runs.outcomes import Reason
from orchestrator.workers.migrations import reasons
from orchestrator.workers.migrations.mover_run import MoveBench, at_the_movers
from orchestrator.workers.run_context import Worker, open_run
from orchestrator.workflows.migrations import runs, switches
from orchestrator.workflows.migrations.switches import SwitchState

LOOKS: Final = 4
SECONDS_FOR_A_CUT_TO_END: Final = 3.0
"""A cut lives on when whoever started it is killed; so long after its budget it has ended by itself."""


def switch(at: MoveBench, *, after_takeover: bool) -> None:
    """Carry out the cut or the return of an approved plan, from wherever an earlier worker has come."""
    state = _state(at)
    if state is None:
        if after_takeover or not _gate(at):
            if after_takeover:
                _close_gate(at, reasons.NOT_BEGUN)
            return
        with transaction(at.worker.engine) as session:
            switches.begin_switch(session, at.run_id, at.plan_id)
        if not _cut(at, "target" if _kind(at) == "cut" else "source"):
            return
    elif state.outcome != "cut" and not settle(at):
        return
    if _lead_the_name(at):
        _prove_and_follow(at)


def _kind(at: MoveBench) -> str:
    with transaction(at.worker.engine) as session:
        return run_queries.plan(session, at.plan_id).kind


def _state(at: MoveBench) -> SwitchState | None:
    with transaction(at.worker.engine) as session:
        return switches.switch_state(session, at.plan_id)


def _gate(at: MoveBench) -> bool:
    """Before a cut: its window is open, the copy follows, the way back is armed. A return has no gate."""
    if _kind(at) == "return":
        return True
    with transaction(at.worker.engine) as session:
        in_window = switches.in_window(session, at.plan_id)
    if not in_window:
        _close_gate(at, reasons.WINDOW_OVER)
        return False
    try:
        progress = at.movers.progress()
        closed = [*progress.trouble, *runs.gate_findings(progress)]
        blocking = [each for each in closed if each.blocking]
    except MoverFailed as error:
        blocking = list(error.findings)
        progress = None
    if progress is not None and not blocking:
        return True
    _close_gate(at, runs.reason_of(blocking, "The hosts could not be read."))
    return False


def _close_gate(at: MoveBench, reason: Reason) -> None:
    at.context.log.append(f"The gate is closed: {reason.en}")
    with transaction(at.worker.engine) as session:
        switches.record_gate_closed(session, at.run_id, at.plan_id, reason)


def _cut(at: MoveBench, to: Side) -> bool:
    """One script on the hosts, then one transaction here; True when `to` serves."""
    at.context.log.append(f"Switching to the {to}.")
    try:
        result = at.movers.cut() if to == "target" else at.movers.return_()
    except MoverFailed as error:
        at.context.log.append(f"The switch broke off: {error}")
        return settle(at)
    if result.outcome == "cut":
        _keep(at, result)
        return True
    if result.outcome == "unsettled":
        return settle(at)
    if to == "source" and not _cloud_has(at, at.move.target.address):
        _needs_a_person(at, reasons.TARGET_GONE)
        return False
    _not_switched(at, result.outcome, reasons.of_script(result.reason), dict(result.marks))
    return False


def _keep(at: MoveBench, result: CutResult) -> None:
    with transaction(at.worker.engine) as session:
        switches.record_switched(session, at.run_id, at.plan_id, result)
    at.context.log.append(f"The {result.to} serves; no side was open for {result.closed_ms} ms.")


def _not_switched(at: MoveBench, outcome: str, reason: Reason, marks: dict[str, float]) -> None:
    at.context.log.append(f"Not switched ({outcome}): {reason.en}")
    with transaction(at.worker.engine) as session:
        switches.record_not_switched(session, at.run_id, at.plan_id, outcome, reason, marks)


def _lead_the_name(at: MoveBench) -> bool:
    """Lead the clients to the side that serves, where the script itself could not; True when they are."""
    state = _state(at)
    if state is None or state.name_switched:
        return state is not None
    for _ in range(LOOKS):
        try:
            at.movers.reopen(state.to)
        except MoverFailed as error:
            at.context.log.append(f"The name does not lead to the {state.to} yet: {error}")
            time.sleep(SECONDS_FOR_A_CUT_TO_END)
        else:
            with transaction(at.worker.engine) as session:
                switches.record_named(session, at.run_id, at.plan_id)
            at.context.log.append(f"The name leads to the {state.to}.")
            return True
    _needs_a_person(at, reasons.NAME_BEHIND)
    return False


def settle(at: MoveBench) -> bool:
    """Read both sides, let exactly one serve, and write down which; True when the switch was made.

    Nothing that anybody remembers is asked: open on a side means that this side serves.
    """
    state = _state(at)
    if state is None:
        return False
    try:
        found = _until_one_serves(at)
    except MoverFailed as error:
        _needs_a_person(at, runs.reason_of(error.findings, str(error)))
        return False
    if found.verdict == state.to:
        _keep(at, _what_was_made(at, state))
        return True
    if found.verdict == other(state.to):
        _not_switched(at, "reopened", reasons.UNDONE, {})
    elif found.verdict == "both":
        _needs_a_person(at, reasons.BOTH)
    else:
        is_gone = state.to == "source" and not _cloud_has(at, at.move.target.address)
        _needs_a_person(at, reasons.TARGET_GONE if is_gone else reasons.UNKNOWN)
    return False


def _until_one_serves(at: MoveBench) -> Serving:
    found = _read(at)
    for look in range(LOOKS):
        if found.verdict in ("source", "target") and found.name_follows is not False:
            return found
        if found.verdict == "neither" and look == 0:
            # The script of the cut may still be at it: it opens a side or dies within its budget.
            time.sleep(at.move.budget_ms / 1000 + SECONDS_FOR_A_CUT_TO_END)
        elif found.verdict == "neither" and found.reopen is not None:
            at.movers.reopen(found.reopen)
        elif found.verdict in ("source", "target"):
            at.movers.reopen("source" if found.verdict == "source" else "target")
        elif found.verdict == "both":
            return found
        else:
            time.sleep(SECONDS_FOR_A_CUT_TO_END)
        found = _read(at)
    return found


def _read(at: MoveBench) -> Serving:
    addresses: dict[Side, str] = {"source": at.move.source.address, "target": at.move.target.address}
    found = serving.judge(at.movers.sides(), addresses)
    at.context.log.append(f"Read both sides: {found.verdict} accepts writes.")
    return found


def _what_was_made(at: MoveBench, state: SwitchState) -> CutResult:
    """What the script wrote down about this switch; without marks where it died before it could."""
    last = at.movers.last_cut(state.to)
    if last is not None and last.outcome == "cut" and last.cut not in state.known_cuts:
        return last
    return CutResult("cut", state.to, None, {}, name_switched=True)


def _prove_and_follow(at: MoveBench) -> None:
    """The proof of a switch that was made; an unequal one sends a cut back, while the way back is silent."""
    state = _state(at)
    if state is None:
        return
    equal, why = state.proof_equal, reasons.UNEQUAL
    if equal is None and state.direction == "cut" and _goes_back(at):
        equal, why = False, reasons.UNPROVEN
    elif equal is None:
        equal, why = _prove(at, state.to)
    if equal:
        _follow(at, state)
    elif state.direction == "cut":
        _return_by_itself(at, why)
    else:
        _end(at, why)


def _goes_back(at: MoveBench) -> bool:
    """Whether a worker before this one has begun to return: the sides are no longer what the cut left."""
    with transaction(at.worker.engine) as session:
        back = switches.partner_plan(session, at.plan_id)
        return back is not None and switches.switch_state(session, back) is not None


def _prove(at: MoveBench, to: Side) -> tuple[bool, Reason]:
    try:
        proof = at.movers.prove(to)
    except MoverFailed as error:
        return False, runs.reason_of(error.findings, str(error))
    with transaction(at.worker.engine) as session:
        switches.record_proof(session, at.run_id, at.plan_id, proof)
    at.context.log.append(
        f"Proof: {proof.tables} tables, {proof.rows} rows, {proof.files} files; "
        f"{'equal' if proof.equal else 'NOT EQUAL'}; digest {proof.digest}"
    )
    return proof.equal, reasons.unequal(proof)


def _follow(at: MoveBench, state: SwitchState) -> None:
    if not state.followed and (trouble := _let_follow(at, state.to)):
        _end(at, trouble)
        return
    with transaction(at.worker.engine) as session:
        switches.end_switch(session, at.run_id, at.plan_id)


def _return_by_itself(at: MoveBench, why: Reason) -> None:
    """Go back by the plan that was approved together with the cut, with every write of the target."""
    at.context.log.append(f"Returning by itself: {why.en}")
    back = _way_back(at)
    if back is None:
        _needs_a_person(at, why)
        return
    state = _state(back)
    if state is None:
        with transaction(at.worker.engine) as session:
            switches.begin_switch(session, at.run_id, back.plan_id, automatic=True)
        made = _cut(back, "source")
    else:
        made = state.outcome == "cut" or settle(back)
    if not made or not _lead_the_name(back):
        with transaction(at.worker.engine) as session:
            switches.leave_cut(session, at.run_id, at.plan_id, why)
        return
    equal, unequal = _prove(back, "source")
    trouble = _let_follow(back, "source") if equal else unequal
    with transaction(at.worker.engine) as session:
        switches.end_automatic_return(session, at.run_id, back.plan_id)
    _end(at, trouble or why)


def _let_follow(at: MoveBench, to: Side) -> Reason | None:
    """The other side follows `to` from now on; the reason where it does not."""
    try:
        at.movers.follow(to)
    except MoverFailed as error:
        return runs.reason_of(error.findings, str(error))
    with transaction(at.worker.engine) as session:
        switches.record_followed(session, at.plan_id)
    return None


def _way_back(at: MoveBench) -> MoveBench | None:
    with transaction(at.worker.engine) as session:
        plan_id = switches.partner_plan(session, at.plan_id)
        if plan_id is None:
            return None
        sealed = run_queries.artifact(session, plan_id).bundle
        approved = run_queries.plan(session, plan_id).members["bundle_digest"]
    files = rendering.unpack(at.worker.keys.decrypt(sealed))
    if rendering.bundle_digest(files) != approved:
        return None
    return at_the_movers(at.worker, at.context, plan_id, at.workspace_id, at.cloud, at.move, files)


def _end(at: MoveBench, reason: Reason) -> None:
    with transaction(at.worker.engine) as session:
        switches.end_switch(session, at.run_id, at.plan_id, failed=reason)


def _needs_a_person(at: MoveBench, reason: Reason) -> None:
    at.context.log.append(f"A person has to look: {reason.en}")
    with transaction(at.worker.engine) as session:
        switches.record_unsettled(session, at.run_id, at.plan_id, reason)


def settle_run(worker: Worker, job: JobContext, run_id: str) -> None:
    """The job ``runs.settle``: a person asked to find out which side serves, and to let it serve alone."""
    with open_run(worker, job, UUID(run_id)) as context:
        with transaction(worker.engine) as session:
            plan = switches.begin_settling(session, context.run_id, worker.name, context.token_hash)
            if plan is None:
                return
            wanted = runs.move_order(session, plan.id)
            sealed = run_queries.artifact(session, plan.id).bundle
            cloud = run_queries.workspace(session, plan.workspace_id).cloud
        files = rendering.unpack(worker.keys.decrypt(sealed))
        move = wanted.stored_move()
        at = at_the_movers(worker, context, plan.id, plan.workspace_id, cloud, move, files)
        alone = _let_source_serve_alone(at)
        state = _state(at)
        made = state is not None and (state.outcome == "cut" or settle(at))
        if made and _lead_the_name(at):
            if alone:
                _end(at, reasons.SERVES_ALONE)
            else:
                _prove_and_follow(at)


def _let_source_serve_alone(at: MoveBench) -> bool:
    """A person asks, nobody serves, and the cloud itself has no such target any more; True when done."""
    found = at.movers.sides()
    if found.source.accepts_writes is not False or found.target.accepts_writes is not None:
        return False
    if _cloud_has(at, at.move.target.address):
        return False
    at.context.log.append("The cloud has no such target any more: the source is let serve alone.")
    at.movers.reopen("source", other_is_gone=True)
    with transaction(at.worker.engine) as session:
        switches.record_source_alone(session, at.run_id, at.plan_id)
    return True


def _cloud_has(at: MoveBench, address: str) -> bool:
    with transaction(at.worker.engine) as session:
        workspace = run_queries.workspace(session, at.workspace_id)
    objects = at.worker.inventories[at.cloud].list_objects(workspace.key)
    return any(each.kind == "instance" and each.address == address for each in objects)
