"""Records of a cutover or rollback that a worker writes, each in one transaction.

`record_switched` commits the serving side, its address, the billing state of both sides, the switch with its
marks and the audit event together. The hosts decide which side serves; these functions record it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.core.transitions import Transition
from orchestrator.migrations import queries, store
from orchestrator.migrations.kinds import UNDECIDED, Direction, Side, SideBilling, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.movers import Proof, SwitchResult
from orchestrator.migrations.plan_files import stored_host, stored_plan
from orchestrator.migrations.records import Billing
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.billing import usage

S = MigrationStatus


@dataclass(frozen=True)
class SwitchState:
    """Recorded progress of a plan's switch."""

    number: int
    direction: Direction
    outcome: SwitchOutcome
    proof_equal: bool | None
    followed: bool
    name_switched: bool
    known_keys: frozenset[str]

    @property
    def to(self) -> Side:
        """Return the side that takes over."""
        return self.direction.to


def switch_state(session: Session, plan_id: UUID) -> SwitchState | None:
    """Return the record of a plan's switch, or None before it has begun."""
    switch = queries.switch_of_plan(session, plan_id)
    if switch is None:
        return None
    earlier = queries.switches(session, switch.migration_id)
    return SwitchState(
        number=switch.number,
        direction=Direction(switch.direction),
        outcome=SwitchOutcome(switch.outcome),
        proof_equal=switch.proof_equal,
        followed=switch.followed_at is not None,
        name_switched=switch.name_switched,
        known_keys=frozenset(
            other.switch_key for other in earlier if other.switch_key and other.id != switch.id
        ),
    )


def partner_plan(session: Session, plan_id: UUID) -> UUID | None:
    """Return the plan of the rollback that was approved together with a cutover."""
    rollback = queries.partner(session, queries.act_of_plan(session, plan_id), PlanKind.ROLLBACK)
    return rollback.plan_id if rollback else None


def in_window(session: Session, plan_id: UUID) -> bool:
    """Return True when the cutover of a plan may begin now, whenever it was ordered."""
    act = queries.act_of_plan(session, plan_id)
    return stored_plan(queries.get(session, act.migration_id).plan_document).may_cut_over(now(session))


def begin_switch(session: Session, run_id: UUID, plan_id: UUID, *, automatic: bool = False) -> None:
    """Record that a switch begins, with both addresses; an automatic rollback claims its plan."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    if automatic:
        plan.applier_id = run.started_by
        change = Transition(PlanStatus.APPLYING, worker, data={"automatic": True})
        run_store.change_plan(session, plan, change)
    if plan.kind == PlanKind.CUTOVER:
        store.transition(session, migration, S.CUTTING_OVER, worker, {"plan": plan.number})
    addresses = [stored_host(host).address for host in (migration.source_host, migration.target_host)]
    before, after = addresses if plan.kind == PlanKind.CUTOVER else reversed(addresses)
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
    facts = {"switch": switch.number, "direction": plan.kind, "automatic": automatic}
    store.note(session, migration, "migration:switch_began", worker, facts)


def record_fenced(session: Session, plan_id: UUID, fenced_for_ms: float) -> None:
    """Record since when both sides are fenced, so that the page can count on while the switch runs."""
    under_way = queries.switch_of_plan(session, plan_id)
    if under_way is not None and under_way.outcome == SwitchOutcome.UNDER_WAY:
        switch = store.lock_switch(session, under_way.migration_id, under_way.number)
        switch.fenced_at = queries.real_now(session) - timedelta(milliseconds=fenced_for_ms)
        store.keep_switch(session, switch)


def record_switched(session: Session, run_id: UUID, plan_id: UUID, result: SwitchResult) -> None:
    """Record that `result.to` serves: side, address, billing, switch and audit event together."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.outcome, switch.switch_key = SwitchOutcome.SWITCHED, result.key
    switch.marks, switch.fenced_ms = dict(result.marks), result.fenced_ms
    switch.fenced_at, switch.opened_at = _instant(result.fenced_at), _instant(result.opened_at)
    billing = _billing(session, migration, run, result.to).document()
    switch.name_switched, switch.billing = result.name_switched, billing
    store.keep_switch(session, switch)
    migration.serving_side, migration.serving_address = result.to, switch.to_address
    migration.billing = billing
    migration.trial_since = today(session) if result.to is Side.TARGET else None
    status = S.TRIAL_RUN if result.to is Side.TARGET else S.ROLLED_BACK
    store.transition(session, migration, status, f"worker:{run.worker}", _facts(switch))


def record_named(session: Session, run_id: UUID, plan_id: UUID) -> None:
    """Record that the name points to the serving side, where that came after the switch."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.name_switched = True
    store.keep_switch(session, switch)
    facts = {"switch": switch.number, "address": switch.to_address}
    store.note(session, migration, "migration:name_switched", f"worker:{run.worker}", facts)
    store.touch(session, migration)


def _billing(session: Session, migration: Migration, run: Run, to: Side) -> Billing:
    """Return the billing state of both sides from now on.

    The target is in its free trial until it is accepted, and again after a rollback of an accepted one; a
    target that was activated before the migration is billed throughout.
    """
    rows = resources.lock_all(session, run.workspace_id)
    active = [row for row in rows if row.status == ResourceStatus.ACTIVE]
    if to is Side.SOURCE and migration.status == S.ACCEPTED:
        usage.return_to_trial(session, active, run, f"worker:{run.worker}")
        active = []
    return Billing(SideBilling.ACTIVE if active else SideBilling.TRIAL)


@dataclass(frozen=True)
class NotSwitched:
    """Why a switch was not made: refused or reverted, the reason, and the marks of the script until then."""

    outcome: SwitchOutcome
    reason: Reason
    marks: Mapping[str, float] = field(default_factory=dict)


def record_not_switched(session: Session, run_id: UUID, plan_id: UUID, result: NotSwitched) -> None:
    """Record that the side that served before still serves: nothing was touched, or the fence was lifted."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    switch = _switch_of(session, plan)
    reason = result.reason
    switch.outcome, switch.marks = result.outcome, dict(result.marks)
    switch.reason, switch.reason_zh = reason.en, reason.zh
    store.keep_switch(session, switch)
    facts = {**_facts(switch), "reason": reason.en}
    store.note(session, migration, f"migration:switch_{result.outcome}", worker, facts)
    if plan.kind == PlanKind.CUTOVER:
        store.transition(session, migration, S.ROLLED_BACK, worker, {"reason": reason.en})
        _supersede_rollback(session, plan, worker)
    _end(session, run, plan, reason)
    say(migration, reason)
    store.touch(session, migration)


def record_unknown(session: Session, run_id: UUID, plan_id: UUID, reason: Reason) -> None:
    """Record that it is unknown which side serves, or that clients do not reach it: a person has to act."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.outcome = SwitchOutcome.UNKNOWN if switch.outcome in UNDECIDED else switch.outcome
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
    """Record who let the source serve alone because the target host is lost.

    Where the target served, its last writes may be missing.
    """
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    missing = migration.serving_side == Side.TARGET
    facts = {"ordered_by": str(run.started_by), "writes_may_be_missing": missing}
    store.note(session, migration, "migration:source_alone", f"worker:{run.worker}", facts)


def record_refused(session: Session, run_id: UUID, plan_id: UUID, reason: Reason) -> None:
    """Record that a precondition failed before the cutover began; a new one may be planned."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    if migration.status == S.SCHEDULED:
        store.transition(session, migration, S.REHEARSED, worker, {"reason": reason.en})
    if plan.kind == PlanKind.CUTOVER:
        _supersede_rollback(session, plan, worker)
    _end(session, run, plan, reason)
    say(migration, reason)
    store.touch(session, migration)


def record_proof(session: Session, run_id: UUID, plan_id: UUID, proof: Proof) -> None:
    """Record the proof with both reports, so that the digest in the audit can be computed again."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.proof, switch.proof_digest, switch.proof_equal = asdict(proof), proof.digest, proof.equal
    store.keep_switch(session, switch)
    facts = {"switch": switch.number, "digest": proof.digest, "equal": proof.equal, "rows": proof.rows}
    facts |= {"tables": proof.tables, "files": proof.files, "mismatches": len(proof.mismatches)}
    store.note(session, migration, "migration:proof", f"worker:{run.worker}", facts)
    store.touch(session, migration)


def record_followed(session: Session, plan_id: UUID) -> None:
    """Record that the other side replicates, so that the next switch can lead back to it."""
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    switch = _switch_of(session, plan)
    switch.followed_at = now(session)
    store.keep_switch(session, switch)
    store.touch(session, migration)


def end_switch(session: Session, run_id: UUID, plan_id: UUID, *, failed: Reason | None = None) -> None:
    """End run and plan; `failed` says why the switch was rolled back or left unproven.

    A rollback plan that was used ends with its cutover; an unused one stays approved.
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
    ended = PlanStatus.ABANDONED if plan.status == PlanStatus.FAILED else PlanStatus.APPLIED
    run_store.transition_plan(session, plan, ended, worker)


def end_automatic_rollback(session: Session, run_id: UUID, plan_id: UUID) -> None:
    """End the plan of an automatic rollback."""
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    if plan.status in (PlanStatus.APPLYING, PlanStatus.VERIFYING):
        run_store.transition_plan(session, plan, PlanStatus.APPLIED, f"worker:{run.worker}")


def leave_switched(session: Session, run_id: UUID, plan_id: UUID, why: Reason) -> None:
    """End an unproven cutover whose automatic rollback failed: people may plan another rollback.

    `why` is the fault of the cutover; the migration's reason already says why the rollback failed.
    """
    run = run_store.lock_run(session, run_id)
    plan = run_store.lock_plan(session, plan_id)
    migration = _migration_of(session, plan)
    worker = f"worker:{run.worker}"
    for status in (PlanStatus.FAILED, PlanStatus.ABANDONED):
        if PLAN_LIFECYCLE.allows(PlanStatus(plan.status), status):
            run_store.transition_plan(session, plan, status, worker, reason=why)
    migration.reason = f"{why.en} The automatic rollback failed: {migration.reason}"
    migration.reason_zh = f"{why.zh}自动回退失败：{migration.reason_zh}"
    store.touch(session, migration)


def begin_inspection(session: Session, run_id: UUID, worker: str, token_hash: str) -> ExecutionPlan | None:
    """Begin an inspection run and return the plan it inspects, or None when nothing is left to do."""
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
    """Show the reason and the safe next step on the migration."""
    migration.reason, migration.reason_zh = reason.en, reason.zh
    migration.next_step, migration.next_step_zh = reason.next_en, reason.next_zh


def _end(session: Session, run: Run, plan: ExecutionPlan, reason: Reason) -> None:
    worker = f"worker:{run.worker}"
    run_store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)
    if plan.status != PlanStatus.FAILED:
        run_store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
    run_store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)


def _supersede_rollback(session: Session, plan: ExecutionPlan, actor: str) -> None:
    rollback = queries.partner(session, queries.act_of_plan(session, plan.id), PlanKind.ROLLBACK)
    if rollback is not None:
        rollback_plan = run_store.lock_plan(session, rollback.plan_id)
        if rollback_plan.status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED):
            run_store.transition_plan(session, rollback_plan, PlanStatus.SUPERSEDED, actor)


def _facts(switch: MigrationSwitch) -> dict[str, Any]:
    return {
        "switch": switch.number,
        "direction": switch.direction,
        "from_address": switch.from_address,
        "to_address": switch.to_address,
        "fenced_ms": switch.fenced_ms,
        "billing": switch.billing,
    }


def _instant(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def _migration_of(session: Session, plan: ExecutionPlan) -> Migration:
    return store.lock(session, queries.act_of_plan(session, plan.id).migration_id)


def _switch_of(session: Session, plan: ExecutionPlan) -> MigrationSwitch:
    switch = queries.switch_of_plan(session, plan.id)
    if switch is None:
        raise IllegalTransition("This switch has not begun.")
    return store.lock_switch(session, switch.migration_id, switch.number)
