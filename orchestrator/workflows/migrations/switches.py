"""What a worker records of a switch: begun, made or not made, proven, followed; each in one transaction.

`record_switched` is the transaction of the cut: the side that serves, the address, the billing state of both
sides, the switch with its marks, and the audit are committed together or not at all. Which side serves is
found out on the hosts; this only writes it down.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.core.errors import IllegalTransition
from orchestrator.migrations import queries, store
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.move import Side
from orchestrator.migrations.movers import CutResult, Proof
from orchestrator.migrations.plan_files import stored_plan
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.billing import usage

S = MigrationStatus
OPEN = ("under_way", "unsettled")


@dataclass(frozen=True)
class SwitchState:
    """How far the switch of a plan has come, as the books say."""

    number: int
    direction: str
    outcome: str
    proof_equal: bool | None
    followed: bool
    name_switched: bool
    known_cuts: frozenset[str]

    @property
    def to(self) -> Side:
        """The side that takes over."""
        return "target" if self.direction == "cut" else "source"


def switch_state(session: Session, plan_id: UUID) -> SwitchState | None:
    """The switch of a plan, or None while it has not begun."""
    found = queries.switch_of_plan(session, plan_id)
    if found is None:
        return None
    earlier = queries.switches(session, found.migration_id)
    return SwitchState(
        number=found.number,
        direction=found.direction,
        outcome=found.outcome,
        proof_equal=found.proof_equal,
        followed=found.followed_at is not None,
        name_switched=found.name_switched,
        known_cuts=frozenset(item.cut_key for item in earlier if item.cut_key and item.id != found.id),
    )


def partner_plan(session: Session, plan_id: UUID) -> UUID | None:
    """The plan of the return that was approved together with a cut."""
    found = queries.partner(session, queries.act_of_plan(session, plan_id), "return")
    return found.plan_id if found else None


def in_window(session: Session, plan_id: UUID) -> bool:
    """Whether the cut of a plan may begin now, whenever it was ordered."""
    act = queries.act_of_plan(session, plan_id)
    return stored_plan(queries.get(session, act.migration_id).plan_document).may_cut(now(session))


def begin_switch(session: Session, run_id: UUID, plan_id: UUID, *, automatic: bool = False) -> None:
    """A switch is about to begin; its before-state is kept. An automatic return claims its own plan."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    if automatic:
        plan.applier_id = run.started_by
        run_store.transition_plan(session, plan, PlanStatus.APPLYING, worker, data={"automatic": True})
    if plan.kind == "cut":
        store.transition(session, migration, S.CUTTING_OVER, worker, {"plan": plan.number})
    addresses = (migration.source_host["address"], migration.target_host["address"])
    before, after = addresses if plan.kind == "cut" else reversed(addresses)
    switch = MigrationSwitch(
        migration_id=migration.id,
        number=0,
        direction=plan.kind,
        automatic=automatic,
        plan_id=plan.id,
        run_id=run.id,
        from_address=before,
        to_address=after,
    )
    store.add_switch(session, switch)
    told = {"switch": switch.number, "direction": plan.kind, "automatic": automatic}
    store.note(session, migration, "migration:switch_began", worker, told)


def record_closed(session: Session, plan_id: UUID, closed_for_ms: float) -> None:
    """Both sides have been closed for so long, and the switch is not over: its page counts on from here."""
    found = queries.switch_of_plan(session, plan_id)
    if found is not None and found.outcome == "under_way":
        switch = store.lock_switch(session, found.migration_id, found.number)
        switch.fenced_at = queries.clock_on_the_wall(session) - timedelta(milliseconds=closed_for_ms)
        store.keep_switch(session, switch)


def record_switched(session: Session, run_id: UUID, plan_id: UUID, result: CutResult) -> None:
    """`result.to` serves: everything that the books say about it changes in this one transaction."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.outcome, switch.cut_key = "cut", result.cut
    switch.marks, switch.closed_ms = dict(result.marks), result.closed_ms
    switch.fenced_at, switch.opened_at = _instant(result.fenced_at), _instant(result.opened_at)
    billing = _billing(session, migration, run, result.to)
    switch.name_switched, switch.billing = result.name_switched, billing
    store.keep_switch(session, switch)
    migration.serving_side, migration.serving_address = result.to, switch.to_address
    migration.billing = billing
    migration.trial_since = today(session) if result.to == "target" else None
    status = S.TRIAL_RUN if result.to == "target" else S.ROLLED_BACK
    store.transition(session, migration, status, f"worker:{run.worker}", _facts(switch))


def record_named(session: Session, run_id: UUID, plan_id: UUID) -> None:
    """The name leads to the side that serves, later than the switch."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.name_switched = True
    store.keep_switch(session, switch)
    told = {"switch": switch.number, "address": switch.to_address}
    store.note(session, migration, "migration:name_switched", f"worker:{run.worker}", told)
    store.touch(session, migration)


def _billing(session: Session, migration: Migration, run: Run, to: Side) -> dict[str, str]:
    """What each side costs from now on.

    A legacy source is no resource of the cloud. The target is in its free trial until it is accepted, and
    again when it went back after that; one that its department had opened before is billed throughout.
    """
    rows = resources.lock_all(session, run.workspace_id)
    active = [row for row in rows if row.status == ResourceStatus.ACTIVE]
    if to == "source" and migration.status == S.ACCEPTED:
        usage.return_to_trial(session, active, run, f"worker:{run.worker}")
        active = []
    return {"source": "not_billed", "target": "active" if active else "trial"}


def record_not_switched(
    session: Session, run_id: UUID, plan_id: UUID, outcome: str, reason: Reason, marks: Mapping[str, float]
) -> None:
    """The side that served serves on: ``refused`` touched nothing, ``reopened`` lifted the fence again."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    switch = _switch_of(session, plan)
    switch.outcome, switch.marks = outcome, dict(marks)
    switch.reason, switch.reason_zh = reason.en, reason.zh
    store.keep_switch(session, switch)
    store.note(
        session, migration, f"migration:switch_{outcome}", worker, {**_facts(switch), "reason": reason.en}
    )
    if plan.kind == "cut":
        store.transition(session, migration, S.ROLLED_BACK, worker, {"reason": reason.en})
        _supersede_return(session, plan, worker)
    _end(session, run, plan, reason)
    say(migration, reason)
    store.touch(session, migration)


def record_unsettled(session: Session, run_id: UUID, plan_id: UUID, reason: Reason) -> None:
    """Nobody could find out, or bring about, that exactly one side serves: a person has to look."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.outcome = "unsettled" if switch.outcome in OPEN else switch.outcome
    switch.reason, switch.reason_zh = reason.en, reason.zh
    store.keep_switch(session, switch)
    worker = f"worker:{run.worker}"
    store.note(session, migration, "migration:needs_a_person", worker, {"reason": reason.en})
    run_store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)
    if PLAN_LIFECYCLE.allows(PlanStatus(plan.status), PlanStatus.FAILED):
        run_store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
    say(migration, reason)
    store.touch(session, migration)


def record_source_alone(session: Session, run_id: UUID, plan_id: UUID) -> None:
    """A person had the source serve without its target, which is gone for good; the audit names the person.

    Where the target had served, what it accepted last may be missing.
    """
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    missing = migration.serving_side == "target"
    told = {"ordered_by": str(run.started_by), "writes_may_be_missing": missing}
    store.note(session, migration, "migration:source_alone", f"worker:{run.worker}", told)


def record_gate_closed(session: Session, run_id: UUID, plan_id: UUID, reason: Reason) -> None:
    """The gate was not open when the cut should begin: nothing was touched, and a new cut may be planned."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    if migration.status == S.SCHEDULED:
        store.transition(session, migration, S.REHEARSED, worker, {"reason": reason.en})
    if plan.kind == "cut":
        _supersede_return(session, plan, worker)
    _end(session, run, plan, reason)
    say(migration, reason)
    store.touch(session, migration)


def record_proof(session: Session, run_id: UUID, plan_id: UUID, proof: Proof) -> None:
    """Keep what both sides held at the fence, so that the digest in the audit can be computed again."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.proof, switch.proof_digest, switch.proof_equal = asdict(proof), proof.digest, proof.equal
    store.keep_switch(session, switch)
    told = {"switch": switch.number, "digest": proof.digest, "equal": proof.equal, "rows": proof.rows}
    told |= {"tables": proof.tables, "files": proof.files, "mismatches": len(proof.mismatches)}
    store.note(session, migration, "migration:proof", f"worker:{run.worker}", told)
    store.touch(session, migration)


def record_followed(session: Session, plan_id: UUID) -> None:
    """The other side follows: the next switch can go back."""
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.followed_at = now(session)
    store.keep_switch(session, switch)
    store.touch(session, migration)


def end_switch(session: Session, run_id: UUID, plan_id: UUID, *, failed: Reason | None = None) -> None:
    """Settle run and plan; `failed` where the switch went through and was taken back, or left unproven.

    The return that an automatic return used is settled with its cut; one that was not used stays approved.
    """
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    if failed is not None:
        _end(session, run, plan, failed)
        say(migration, failed)
        store.touch(session, migration)
        return
    run.outcome = {"serving": migration.serving_side}
    run_store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
    settled = PlanStatus.ABANDONED if plan.status == PlanStatus.FAILED else PlanStatus.APPLIED
    run_store.transition_plan(session, plan, settled, worker)


def end_automatic_return(session: Session, run_id: UUID, plan_id: UUID) -> None:
    """The plan of a return that came by itself has done its work."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    if plan.status in (PlanStatus.APPLYING, PlanStatus.VERIFYING):
        run_store.transition_plan(session, plan, PlanStatus.APPLIED, f"worker:{run.worker}")


def leave_cut(session: Session, run_id: UUID, plan_id: UUID, why: Reason) -> None:
    """A cut was made, and the return by itself came to nothing: people may plan another return.

    `why` is what was wrong with the cut; what kept it from returning has been told already.
    """
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    for status in (PlanStatus.FAILED, PlanStatus.ABANDONED):
        if PLAN_LIFECYCLE.allows(PlanStatus(plan.status), status):
            run_store.transition_plan(session, plan, status, worker, reason=why)
    migration.reason = f"{why.en} It did not return by itself: {migration.reason}"
    migration.reason_zh = f"{why.zh}未能自动回退：{migration.reason_zh}"
    store.touch(session, migration)


def begin_settling(session: Session, run_id: UUID, worker: str, token_hash: str) -> ExecutionPlan | None:
    """A worker takes a run that reads both sides after a failure; None when there is nothing left to do."""
    run = run_store.lock_run(session, run_id)
    if run.plan_id is None or run.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
        return None
    if run.status == RunStatus.QUEUED:
        run_store.begin_run(session, run, worker, token_hash)
    else:
        run.attempt, run.worker, run.token_hash = run.attempt + 1, worker, token_hash
        session.add(run)
    return run_queries.plan(session, run.plan_id)


def say(migration: Migration, reason: Reason) -> None:
    """Show on the migration what happened and what a person can safely do next."""
    migration.reason, migration.reason_zh = reason.en, reason.zh
    migration.next_step, migration.next_step_zh = reason.next_en, reason.next_zh


def _end(session: Session, run: Run, plan: ExecutionPlan, reason: Reason) -> None:
    worker = f"worker:{run.worker}"
    run_store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)
    if plan.status != PlanStatus.FAILED:
        run_store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
    run_store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)


def _supersede_return(session: Session, plan: ExecutionPlan, actor: str) -> None:
    found = queries.partner(session, queries.act_of_plan(session, plan.id), "return")
    if found is not None:
        other = run_store.lock_plan(session, found.plan_id)
        if other.status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED):
            run_store.transition_plan(session, other, PlanStatus.SUPERSEDED, actor)


def _facts(switch: MigrationSwitch) -> dict[str, Any]:
    return {
        "switch": switch.number,
        "direction": switch.direction,
        "from_address": switch.from_address,
        "to_address": switch.to_address,
        "closed_ms": switch.closed_ms,
        "billing": switch.billing,
    }


def _instant(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def _migration_of(session: Session, plan: ExecutionPlan) -> Migration:
    return store.lock(session, queries.act_of_plan(session, plan.id).migration_id)


def _switch_of(session: Session, plan: ExecutionPlan) -> MigrationSwitch:
    found = queries.switch_of_plan(session, plan.id)
    if found is None:
        raise IllegalTransition("This switch has not begun.")
    return store.lock_switch(session, found.migration_id, found.number)
