"""Read migrations as the view models of the pages."""

from itertools import chain
from typing import Final
from uuid import UUID

from orchestrator.console.frame.acts import buttons, waiting_text
from orchestrator.console.frame.views import ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.console.migrations.views import (
    Check,
    CopyProgress,
    MigrationDetail,
    MigrationPlanRow,
    MigrationRow,
    Problem,
    ShownPlan,
    SideView,
    SwitchView,
    Wait,
)
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.words.i18n import N_
from orchestrator.core.clock import now
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import ROLE_PERMISSIONS, Permission
from orchestrator.migrations import queries
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.lifecycle import MAY_ROLL_BACK, MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.movers import Proof
from orchestrator.migrations.plan_files import MigrationPlanDocument, stored_host, stored_plan
from orchestrator.migrations.records import (
    PreflightRecord,
    ProgressRecord,
    stored_billing,
    stored_preflight,
    stored_progress,
    stored_proof,
    stored_retirement,
)
from orchestrator.runs import queries as run_queries
from orchestrator.runs.kinds import Decision
from orchestrator.runs.lifecycle import RUN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import Run
from orchestrator.workflows.act import Act
from orchestrator.workflows.migrations import reads
from orchestrator.workflows.migrations.acts import ROLL_BACK, awaited_acts
from orchestrator.workflows.migrations.reads import MigrationPlanView, MigrationView
from orchestrator.workflows.nouns import MIGRATIONS

S = MigrationStatus
NEWEST_LINES = 200
BEFORE_CUTOVER: Final = frozenset({S.REPLICATING, S.REHEARSED, S.SCHEDULED, S.ROLLED_BACK})

COPIED = N_("数据和文件已全部复制，后续变更持续同步")
REPLICATION_READY = N_("回退通道已就绪：割接后变更从目标端反向复制到源端")
CUTOVER_PLANNED = N_("割接计划与回退计划已编制，两端状态已复核")
APPROVED_TWICE = N_("两个单位的两名审批人已批准割接及其回退")
IN_WINDOW = N_("当前在割接窗口内")
PROOF = N_("%(tables)s 张表 %(rows)s 行，%(sequences)s 个序列，%(files)s 个文件")
RETURN_KEEPS = N_("源端（%(address)s）带着目标端已接受的全部写入恢复服务。")
RETURN_PAUSE = N_("写入会暂停片刻；超过暂停预算 %(budget)s 毫秒时自动撤销，目标端继续服务。")
RETURN_PROOF = N_("回退后两端逐表、逐文件核对一致；此后可再次割接。")


def row(visit: Visit, migration: Migration) -> MigrationRow:
    """Return one migration as a row of the list."""
    return MigrationRow(
        id=str(migration.id),
        number=migration.number,
        title=migration.title,
        organisation=visit.names.organisation(migration.organisation_code),
        system=visit.names.system(migration.system_code),
        status=migration.status,
        since=migration.status_at,
        serving_side=migration.serving_side,
        next=_next_text(visit, migration),
    )


def detail(visit: Visit, migration_id: UUID) -> MigrationDetail:
    """Return one migration with everything that its page shows.

    Raises:
        NotFound: there is none, or it belongs to an organisation that this person does not see.
    """
    view = reads.migration_detail(visit.session, visit.actor, migration_id)
    migration = view.migration
    plan = stored_plan(migration.plan_document)
    preflight, copy = stored_preflight(migration.preflight), stored_progress(migration.progress)
    run = _newest_run(view)
    lines, last = _log(visit, run)
    acts = _acts(visit, view)
    returns = any(action.code == ROLL_BACK.name for action in acts.actions)
    return MigrationDetail(
        id=str(migration.id),
        number=migration.number,
        version=migration.version,
        status=migration.status,
        title=migration.title,
        organisation=visit.names.organisation(migration.organisation_code),
        system=visit.names.system(migration.system_code),
        request_id=str(migration.request_id),
        request_number=view.request_number,
        created_at=migration.created_at,
        budget_ms=plan.pause_budget_ms,
        sides=_sides(migration, plan),
        name_record=plan.name.record if plan.name else "",
        waits=tuple(_wait(visit, act) for act in awaited_acts(visit.call({}), migration)),
        checked_at=preflight.at if preflight else None,
        problems=_problems(visit, preflight, copy),
        progress=_progress(copy) if copy else None,
        checklist=_checklist(visit, view),
        plans=tuple(_plan_row(plan_view) for plan_view in view.plans),
        shown=_shown(visit, view),
        switches=tuple(_switch(visit, switch) for switch in view.switches),
        timeline=request_reading.timeline_of(visit, migration.id),
        acts=acts,
        live=run is not None and not _ended(run),
        log_run=str(run.id) if run else "",
        log_ended=run is None or _ended(run),
        log_lines=lines,
        log_last=last,
        trouble=visit.pick(migration.reason_zh, migration.reason),
        advice=visit.pick(migration.next_step_zh, migration.next_step),
        rollback_effects=_rollback_effects(visit, migration) if returns else (),
        may_retire=_may_retire(visit, migration),
        retired=stored_retirement(migration.retirement),
    )


def _may_retire(visit: Visit, migration: Migration) -> bool:
    return migration.status == S.FINALISED and visit.actor.may(Permission.PLANS_APPLY)


def _newest_run(view: MigrationView) -> Run | None:
    """Return the run to follow: a running one before one that has ended, then the newest plan's."""
    runs = list(chain.from_iterable(plan_view.runs for plan_view in view.plans))
    return max(reversed(runs), key=lambda run: (not _ended(run), run.created_at), default=None)


def _ended(run: Run) -> bool:
    return RUN_LIFECYCLE.is_final(RunStatus(run.status))


def _log(visit: Visit, run: Run | None) -> tuple[tuple[str, ...], int]:
    """Return the newest lines of a run's log, and the number of the last one."""
    if run is None:
        return (), 0
    chunks = run_queries.log_chunks(visit.session, run.id)
    lines = [line for chunk in chunks for line in chunk.text.split("\n")]
    return tuple(lines[-NEWEST_LINES:]), len(lines)


def _sides(migration: Migration, plan: MigrationPlanDocument) -> tuple[SideView, ...]:
    billing = stored_billing(migration.billing)
    return (
        SideView(
            side=Side.SOURCE,
            host=migration.source_host.get("name") or plan.source.host,
            address=migration.source_host.get("address") or "",
            serves=migration.serving_side == Side.SOURCE,
            billing=billing.source if billing else "",
        ),
        SideView(
            side=Side.TARGET,
            host=migration.target_host.get("name") or plan.target.host,
            address=migration.target_host.get("address") or "",
            serves=migration.serving_side == Side.TARGET,
            billing=billing.target if billing else "",
        ),
    )


def _acts(visit: Visit, view: MigrationView) -> ActionSet:
    """Return the buttons of the migration; each sends the digest of the shown plan."""
    shown = plan_to_approve(view)
    hidden = {
        "version": str(view.migration.version),
        "digest": (shown.plan.tuple_digest or "") if shown else "",
    }
    actions = buttons(visit, MIGRATIONS, view.migration)
    return ActionSet(tuple(one for one in actions if not one.is_link), hidden=hidden)


def plan_to_approve(view: MigrationView) -> MigrationPlanView | None:
    """Return the plan that awaits approval; a cutover plan represents its rollback as well."""
    submitted = [plan_view for plan_view in view.plans if plan_view.plan.status == PlanStatus.SUBMITTED]
    cutovers = [plan_view for plan_view in submitted if plan_view.act == PlanKind.CUTOVER] or submitted
    return cutovers[-1] if cutovers else None


def _next_text(visit: Visit, migration: Migration) -> str:
    acts = awaited_acts(visit.call({}), migration)
    return waiting_text(acts[0].waiting, visit) if acts else ""


def _wait(visit: Visit, act: Act) -> Wait:
    roles = [
        role.value
        for role, granted in ROLE_PERMISSIONS.items()
        if any(permission in granted for permission in act.permissions)
    ]
    who = visit.say(N_("、")).join(visit.word(role, "role") for role in roles)
    return Wait(waiting_text(act.waiting, visit), who)


def _problems(
    visit: Visit, preflight: PreflightRecord | None, copy: ProgressRecord | None
) -> tuple[Problem, ...]:
    """Return the findings of the preflight, then those of the copy."""
    findings = [
        *(preflight.preflight.findings if preflight else ()),
        *(copy.progress.trouble if copy else ()),
    ]
    return tuple(
        Problem(
            blocking=finding.blocking,
            text=visit.pick(finding.problem_zh, finding.problem_en),
            fix=visit.pick(finding.fix_zh, finding.fix_en),
        )
        for finding in findings
    )


def _progress(copy: ProgressRecord) -> CopyProgress:
    progress = copy.progress
    return CopyProgress(
        database_bytes=progress.database_bytes,
        database_bytes_done=progress.database_bytes_done,
        file_bytes=progress.file_bytes,
        file_bytes_done=progress.file_bytes_done,
        files=progress.files,
        files_done=progress.files_done,
        bytes_a_second=copy.bytes_a_second,
        seconds_left=copy.seconds_left,
        ready=progress.ready,
    )


def _checklist(visit: Visit, view: MigrationView) -> tuple[Check, ...]:
    """Return the conditions of the cutover, each met or not."""
    migration = view.migration
    if migration.status not in BEFORE_CUTOVER:
        return ()
    newest = {plan_view.act: plan_view.plan.status for plan_view in view.plans}
    statuses = [newest.get(act) for act in (PlanKind.CUTOVER, PlanKind.ROLLBACK)]
    planned = all(status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED) for status in statuses)
    approved = all(status == PlanStatus.APPROVED for status in statuses)
    copy = stored_progress(migration.progress)
    ready = copy is not None and copy.progress.ready
    checks = [
        Check(ready, visit.say(COPIED)),
        Check(ready, visit.say(REPLICATION_READY)),
        Check(planned, visit.say(CUTOVER_PLANNED)),
        Check(approved, visit.say(APPROVED_TWICE)),
        Check(stored_plan(migration.plan_document).may_cut_over(now(visit.session)), visit.say(IN_WINDOW)),
    ]
    return tuple(checks)


def _plan_row(plan_view: MigrationPlanView) -> MigrationPlanRow:
    return MigrationPlanRow(
        id=str(plan_view.plan.id),
        number=plan_view.plan.number,
        act=plan_view.act,
        round=plan_view.round,
        status=plan_view.plan.status,
        missing=tuple(plan_view.missing) if plan_view.plan.status == PlanStatus.SUBMITTED else (),
        runs=tuple((str(run.id), run.status) for run in plan_view.runs),
    )


def _shown(visit: Visit, view: MigrationView) -> ShownPlan | None:
    plan_view = plan_to_approve(view)
    if plan_view is None:
        return None
    steps = tuple(
        (str(step["host"]), visit.pick(step["text_zh"], step["text_en"]))
        for step in plan_view.plan.summary.get("steps", [])
    )
    return ShownPlan(
        id=str(plan_view.plan.id),
        number=plan_view.plan.number,
        act=plan_view.act,
        digest=plan_view.plan.tuple_digest or "",
        steps=steps,
        approved_by=tuple(
            f"{visit.names.person(approval.approver_id)} · {visit.word(approval.role, 'role')}"
            for approval in plan_view.approvals
            if approval.decision == Decision.APPROVED
        ),
        missing=tuple(plan_view.missing),
    )


def _switch(visit: Visit, switch: MigrationSwitch) -> SwitchView:
    return SwitchView(
        number=switch.number,
        direction=switch.direction,
        automatic=switch.automatic,
        outcome=switch.outcome,
        at=switch.began_at,
        from_address=switch.from_address,
        to_address=switch.to_address,
        run_id=str(switch.run_id),
        fenced_so_far_ms=queries.fenced_so_far_ms(visit.session, switch),
        fenced_ms=switch.fenced_ms,
        pause_ms=switch.pause_ms,
        pause_at_fence_ms=switch.pause_at_fence_ms,
        proof=_proof(visit, stored_proof(switch.proof)),
        proof_equal=switch.proof_equal,
        proof_digest=switch.proof_digest or "",
        reason=visit.pick(switch.reason_zh, switch.reason),
    )


def _proof(visit: Visit, proof: Proof | None) -> str:
    if proof is None:
        return ""
    return visit.say(
        PROOF,
        tables=f"{proof.tables:,}",
        rows=f"{proof.rows:,}",
        sequences=f"{proof.sequences:,}",
        files=f"{proof.files:,}",
    )


def _rollback_effects(visit: Visit, migration: Migration) -> tuple[str, ...]:
    if migration.status not in MAY_ROLL_BACK:
        return ()
    return (
        visit.say(RETURN_KEEPS, address=stored_host(migration.source_host).address),
        visit.say(RETURN_PAUSE, budget=f"{stored_plan(migration.plan_document).pause_budget_ms:,}"),
        visit.say(RETURN_PROOF),
    )
