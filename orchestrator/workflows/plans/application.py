"""Apply an approved plan: claim the approval, check every member, apply, record.

Terraform applies between `begin_apply` and `record_apply`. A worker that dies in between leaves the run
`running`. The worker that takes over calls `begin_apply` again and gets VERIFY, because a saved plan is never
replayed: it reads the real objects, and `record_apply` ends the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import DELIVERY_KINDS, TERRAFORM_KINDS, PlanKind
from orchestrator.core.transitions import Transition
from orchestrator.departments.permissions import Role
from orchestrator.policies import rules
from orchestrator.policies.pack import PolicyPack
from orchestrator.quotas import queries as quota_queries
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import DELIVERED, ResourceStatus
from orchestrator.resources.models import Resource
from orchestrator.runs import queries, store
from orchestrator.runs.engine import PlanMode
from orchestrator.runs.errors import NotApproved
from orchestrator.runs.kinds import ApplyAct, Decision, RunKind
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import PlanMembers, PlannedAction, stored_objects
from orchestrator.workflows.act import Call
from orchestrator.workflows.billing import usage
from orchestrator.workflows.plans import baseline, commitment, undo
from orchestrator.workflows.plans.approval import missing_approvals, reopen_request
from orchestrator.workflows.plans.generation import hold_text, queue_run
from orchestrator.workflows.requests import judgements

STALE = Reason(
    "A member of the approved plan has changed since the approval; nothing was applied.",
    "审批所绑定的内容已发生变化，未执行任何变更。",
    "Generate a new plan and have it approved.",
    "请重新生成计划并再次审批。",
)


_RELEASABLE = (ResourceStatus.TRIAL, ResourceStatus.ACTIVE, ResourceStatus.SUSPENDED)


@dataclass(frozen=True)
class ApplyOrder:
    """Input of a worker that applies a plan, or verifies it after an earlier worker died."""

    act: ApplyAct
    run_id: UUID
    plan_id: UUID
    kind: str
    workspace_id: UUID
    workspace_key: str
    cloud: str
    members: Mapping[str, Any]
    bundle: bytes
    plan_file: bytes | None
    steps: Sequence[Mapping[str, Any]] = field(default=())
    mode: PlanMode = PlanMode.CHANGE


@dataclass(frozen=True)
class ObjectFound:
    """One object after an apply, as the Terraform state or the cloud reports it.

    `address` is logical. A `tainted` object failed while it was created, so it is not the delivered one.
    """

    address: str
    kind: str
    cloud_id: str | None
    ip_address: str | None
    connection: Mapping[str, Any]
    spec: Mapping[str, Any]
    tainted: bool = False


@dataclass(frozen=True)
class ApplyResult:
    """The objects that exist after the run. `complete`: the plan has taken effect entirely.

    Without `all_seen` the cloud could not be read: objects that are not listed may exist as well.
    """

    exit_code: int
    complete: bool
    objects: Sequence[ObjectFound]
    reason: Reason | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    all_seen: bool = True


def apply_plan(call: Call, plan: ExecutionPlan) -> Run:
    """Apply an approved plan, once.

    The approval is claimed here, durably; return the run of the apply.

    Raises:
        NotApproved: an approval is missing, or its giver has lost the role since (invariant 21).
    """
    session, actor = call.session, call.actor
    if missing_approvals(session, plan):
        raise NotApproved
    judgements.require_valid_approvers(session, plan)
    plan.applier_id = actor.person_id
    store.transition_plan(session, plan, PlanStatus.APPLYING, actor.audit_name)
    workspace = store.lock_workspace(session, plan.workspace_id)
    return queue_run(session, workspace, RunKind.APPLY, plan, actor)


def begin_apply(session: Session, run_id: UUID, worker: str, token_hash: str) -> ApplyOrder | None:
    """Start an apply run on a worker and return its input; None if there is nothing to do.

    Every member of the approved tuple that is in the database is compared here; the worker compares the
    members that are files. The commitment that the apply would make is tried here as well.
    """
    run = store.lock_run(session, run_id)
    if run.status in (RunStatus.RUNNING, RunStatus.VERIFYING):
        return _take_over(session, run, worker, token_hash)
    if run.status != RunStatus.QUEUED:
        return None
    plan = _plan_of(session, run)
    store.begin_run(session, run, worker, token_hash)
    changed, reason = _changed_members(session, plan), STALE
    if not changed and plan.kind in DELIVERY_KINDS and (why := commitment.why_not_bookable(session, plan)):
        changed, reason = ["commitments"], why
    if changed:
        mark_stale(session, run_id, changed, reason)
        return None
    return _order(session, run, plan, ApplyAct.APPLY)


def _take_over(session: Session, run: Run, worker: str, token_hash: str) -> ApplyOrder:
    plan = _plan_of(session, run)
    if run.status == RunStatus.RUNNING:
        start_verifying(session, run.id, f"worker:{worker}")
    # The earlier worker may have died during a verification, which holds the state lock too.
    store.release_state_lock(session, run)
    run.attempt, run.worker, run.token_hash = run.attempt + 1, worker, token_hash
    session.add(run)
    return _order(session, run, plan, ApplyAct.VERIFY)


def start_verifying(session: Session, run_id: UUID, actor: str) -> None:
    """Set run and plan to verifying: the engine has ended and its outcome is unknown."""
    run = store.lock_run(session, run_id)
    plan = _plan_of(session, run)
    store.release_state_lock(session, run)
    store.transition_run(session, run, RunStatus.VERIFYING, actor)
    store.transition_plan(session, plan, PlanStatus.VERIFYING, actor)


def _order(session: Session, run: Run, plan: ExecutionPlan, act: ApplyAct) -> ApplyOrder:
    workspace = queries.workspace(session, run.workspace_id)
    sealed = queries.artifact(session, plan.id)
    return ApplyOrder(
        act=act,
        run_id=run.id,
        plan_id=plan.id,
        kind=plan.kind,
        workspace_id=workspace.id,
        workspace_key=workspace.key,
        cloud=workspace.cloud,
        members=plan.members,
        bundle=sealed.bundle,
        plan_file=sealed.plan_file,
        steps=plan.summary.get("steps", []),
        mode=undo.plan_mode(plan, request_queries.get(session, plan.request_id)),
    )


def _changed_members(session: Session, plan: ExecutionPlan) -> list[str]:
    """Return the members of the approved tuple that have changed since the approval."""
    workspace = queries.workspace(session, plan.workspace_id)
    try:
        approved = PlanMembers(**plan.members)
    except TypeError:
        return ["digest"]
    current = replace(
        approved,
        plan_id=str(plan.id),
        kind=plan.kind,
        workspace=workspace.key,
        state_lineage=workspace.lineage,
        state_serial=workspace.serial,
        monthly_fen=plan.monthly_fen,
        catalogue=plan.catalogue_code or "",
        hold=hold_text(quota_queries.hold_of(session, plan.request_id)),
    )
    changed = approved.differences(current)
    if {approved.digest()} != {plan.tuple_digest, *_approved_digests(session, plan)}:
        changed.append("digest")
    if plan.expires_at is None and plan.kind != PlanKind.ROLLBACK:
        changed.append("expires_at")
    if plan.expires_at is not None and plan.expires_at <= now(session):
        changed.append("expires_at")
    if judgements.invalid_approvals(session, plan):
        changed.append("approvals")
    return changed


def _approved_digests(session: Session, plan: ExecutionPlan) -> list[str]:
    return [
        approval.digest
        for approval in queries.approvals(session, plan.id)
        if approval.decision == Decision.APPROVED
    ]


def mark_stale(session: Session, run_id: UUID, changed: Sequence[str], reason: Reason = STALE) -> None:
    """Record that a member of the approved tuple differs; the request can be planned again.

    A file that differs (`bundle_digest`, `plan_file_sha256`) is also an alarm in the audit.
    """
    run = store.lock_run(session, run_id)
    plan = _plan_of(session, run)
    worker = f"worker:{run.worker}"
    judgements.note_stale(session, plan, worker, changed)
    store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason, changed=list(changed))
    change = Transition(PlanStatus.STALE, worker, data={"changed": list(changed)})
    store.change_plan(session, plan, change, reason=reason)
    reopen_request(session, plan, worker, reason.en)
    if plan.kind == PlanKind.BASELINE:
        baseline.order_baseline(
            session, plan, queries.workspace(session, plan.workspace_id), plan.required_approvals
        )


def announce(session: Session, run_id: UUID) -> None:
    """Record the affected resources before Terraform runs; every member was compared before."""
    run = store.lock_run(session, run_id)
    _expect_resources(session, _plan_of(session, run), f"worker:{run.worker}")


def _expect_resources(session: Session, plan: ExecutionPlan, actor: str) -> None:
    """Store a row for every planned object before Terraform runs: no object is unknown after a crash."""
    request = requests.lock(session, plan.request_id)
    origin = resources.Origin(
        plan.workspace_id, request.id, plan.id, plan.organisation_code, request.system_code
    )
    rows = {row.address: row for row in resources.lock_all(session, plan.workspace_id)}
    # A leftover of an earlier replacement has no row of its own.
    changes = [
        change for change in stored_objects(queries.artifact(session, plan.id).changes) if not change.deposed
    ]
    new = [
        resources.Expected(change.logical, change.kind, change.after)
        for change in changes
        if change.action is PlannedAction.CREATE and change.logical not in rows
    ]
    resources.expect(session, origin, new, actor)
    for change in changes:
        if change.logical in rows:
            _announce(session, rows[change.logical], change.action, actor)


def _announce(session: Session, resource: Resource, action: PlannedAction, actor: str) -> None:
    status = ResourceStatus(resource.status)
    if action == PlannedAction.DELETE and status == ResourceStatus.CHANGING:
        # An earlier change of this resource failed and was abandoned.
        resources.transition(session, resource, ResourceStatus.ACTIVE, actor)
    if action == PlannedAction.DELETE and resource.status in _RELEASABLE:
        usage.release_resource(session, resource, actor)
    elif action in (PlannedAction.UPDATE, PlannedAction.REPLACE) and status == ResourceStatus.ACTIVE:
        resources.transition(session, resource, ResourceStatus.CHANGING, actor)
    elif action == PlannedAction.CREATE and status == ResourceStatus.FAILED:
        resources.transition(session, resource, ResourceStatus.PROVISIONING, actor)


def record_apply(session: Session, run_id: UUID, result: ApplyResult, pack: PolicyPack) -> ExecutionPlan:
    """Record the outcome of a run: its objects, its failure, and the effects on hold and request."""
    run = store.lock_run(session, run_id)
    plan = _plan_of(session, run)
    worker = f"worker:{run.worker}"
    run.exit_code = result.exit_code
    run.outcome = {
        "report": dict(result.report),
        "objects": [resource.address for resource in result.objects],
    }
    if plan.kind in TERRAFORM_KINDS:
        _record_objects(session, plan, run, result, pack)
    if result.complete:
        store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
        store.transition_plan(session, plan, PlanStatus.APPLIED, worker)
        if plan.kind in DELIVERY_KINDS:
            _fulfil(session, plan, worker, pack)
        elif plan.kind == PlanKind.UNDO:
            undo.conclude(session, plan, worker)
    else:
        store.transition_run(session, run, RunStatus.FAILED, worker, reason=result.reason)
        store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=result.reason)
    return plan


def _record_objects(
    session: Session, plan: ExecutionPlan, run: Run, result: ApplyResult, pack: PolicyPack
) -> None:
    actor = f"worker:{run.worker}"
    present = {resource.address: resource for resource in result.objects}
    rows = {resource.address: resource for resource in resources.lock_all(session, plan.workspace_id)}
    request = requests.lock(session, plan.request_id)
    origin = resources.Origin(
        plan.workspace_id, request.id, plan.id, plan.organisation_code, request.system_code
    )
    unknown = [
        resources.Expected(reported.address, reported.kind, reported.spec)
        for reported in result.objects
        if reported.address not in rows
    ]
    if unknown:
        resources.expect(session, origin, unknown, actor)
        rows = {resource.address: resource for resource in resources.lock_all(session, plan.workspace_id)}
    for address, reported in present.items():
        row = rows[address]
        _note_found(session, row, reported)
        if row.status == ResourceStatus.FAILED:
            resources.transition(session, row, ResourceStatus.PROVISIONING, actor)
        if result.complete and plan.kind != PlanKind.UNDO:
            # Trial and billing begin, or continue with another size, once every object exists.
            _record_present(session, row, request, run, pack)
    for address, row in rows.items():
        if result.all_seen and address not in present:
            _record_absent(session, row, actor, complete=result.complete)
    if result.complete and plan.kind == PlanKind.UNDO:
        undo.restore(session, [rows[address] for address in present], actor)
    elif result.complete and request.kind == RequestKind.CHANGE:
        usage.resize_untouched(session, request, run, actor)


def _note_found(session: Session, row: Resource, reported: ObjectFound) -> None:
    if reported.tainted and row.status in DELIVERED:
        # The row keeps the id of the delivered object, so that only that object is protected.
        return
    seen = resources.Found(reported.cloud_id, reported.ip_address, reported.connection)
    resources.note_found(session, row, seen, reported.spec)


def _record_present(
    session: Session, row: Resource, request: ResourceRequest, run: Run, pack: PolicyPack
) -> None:
    actor = f"worker:{run.worker}"
    if row.status == ResourceStatus.PROVISIONING and request.kind == RequestKind.CHANGE:
        # Resources that a change adds to a running system have no trial of their own.
        usage.open_resource(session, row, request, run, actor)
    elif row.status == ResourceStatus.PROVISIONING:
        row.trial_ends_on = today(session) + timedelta(days=pack.trial_days)
        resources.transition(session, row, ResourceStatus.TRIAL, actor, {"request": request.number})
    elif row.status == ResourceStatus.CHANGING:
        usage.resize_resource(session, row, request, run, actor)


def _record_absent(session: Session, row: Resource, actor: str, *, complete: bool) -> None:
    if row.status == ResourceStatus.RELEASING:
        row.released_on = today(session)
        resources.transition(session, row, ResourceStatus.RELEASED, actor)
    if row.status == ResourceStatus.PROVISIONING:
        resources.transition(session, row, ResourceStatus.FAILED, actor)
    if complete and row.status == ResourceStatus.FAILED:
        resources.transition(session, row, ResourceStatus.RELEASED, actor)


def _fulfil(session: Session, plan: ExecutionPlan, actor: str, pack: PolicyPack) -> None:
    request = requests.lock(session, plan.request_id)
    workspace = store.lock_workspace(session, plan.workspace_id)
    commitment.commit_hold(session, request, workspace.id, actor)
    if plan.kind == PlanKind.RELEASE:
        workspace.released_at = now(session)
        session.add(workspace)
    rows = resource_queries.of_workspace(session, workspace.id)
    in_trial = plan.kind == PlanKind.PROVISION and any(row.status == ResourceStatus.TRIAL for row in rows)
    done = RequestStatus.IN_TRIAL if in_trial else RequestStatus.FULFILLED
    requests.transition(session, request, done, actor)
    resources.close_drift(session, workspace.id, actor)
    if plan.kind != PlanKind.RELEASE and any(map(baseline.is_reachable, rows)):
        approver = rules.approving_role(Role.CENTRE_APPROVER, plan.organisation_code, pack)
        baseline.order_baseline(session, plan, workspace, [approver])


def _plan_of(session: Session, run: Run) -> ExecutionPlan:
    if run.plan_id is None:
        raise IllegalTransition("This run has no plan.")
    return store.lock_plan(session, run.plan_id)
