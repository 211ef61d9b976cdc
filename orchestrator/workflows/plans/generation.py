"""Generate a plan for an approved request: order it, render the bundle, record the result.

Terraform plans between `begin_planning` and `record_plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue import specification
from orchestrator.core import jobs
from orchestrator.core.clock import now
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import DELIVERY_KINDS, PlanKind
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.quotas import queries as quota_queries
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import plan_summary, queries, rendering, store
from orchestrator.runs.engine import PlanMode
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run, Workspace
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import Expectation, PlanFinding, PlanMembers, PlannedObject
from orchestrator.workflows.act import Call
from orchestrator.workflows.plans import commitment, undo
from orchestrator.workflows.requests import judgements, quotation

PLAN_PRIORITY = 0
APPLY_PRIORITY = 10
"""Approved applies run before new plans: they are closer to their end."""


@dataclass(frozen=True)
class PlanningOrder:
    """Input of a worker that plans, read in one transaction."""

    run_id: UUID
    plan_id: UUID
    kind: str
    workspace_id: UUID
    workspace_key: str
    cloud: str
    variables: Mapping[str, Any]
    expected: Expectation
    lineage: str
    serial: int
    mode: PlanMode
    delivered: Mapping[str, str]


@dataclass(frozen=True)
class PlanningResult:
    """The result of planning: the files, their digests, and the plan's changes."""

    bundle: bytes
    bundle_digest: str
    lock_file_digest: str
    engine_version: str
    plan_file: bytes | None
    plan_file_sha256: str
    changes_digest: str
    objects: Sequence[PlannedObject] = ()
    findings: Sequence[PlanFinding] = ()
    steps: Sequence[Mapping[str, Any]] = field(default=())


def generate_plan(call: Call, request: ResourceRequest) -> Run:
    """Order a plan for an approved request, or the undo of one that is being cancelled.

    Raises:
        NoBudgetLine: the fiscal year has changed, and the new year has no budget line.
        RuleRefuses: the fiscal year has changed, and the budget of the new year does not suffice.
    """
    session = call.session
    if request.status == RequestStatus.APPROVED:
        commitment.renew_hold(session, request, call.actor, call.pack)
    workspace = _workspace(session, request, call.cloud)
    plan = store.add_plan(session, _new_plan(session, request, workspace, call.actor.person_id))
    plan.required_approvals = list(judgements.required_approvals(session, request, call.pack))
    return queue_run(session, workspace, RunKind.PLAN, plan, call.actor)


def _workspace(session: Session, request: ResourceRequest, cloud: str) -> Workspace:
    if request.target_workspace_id is not None:
        return store.lock_workspace(session, request.target_workspace_id)
    new = Workspace(
        key=rendering.workspace_key(request.organisation_code, request.number),
        cloud=cloud,
        zone=quotation.zone_of(session, request),
        organisation_code=request.organisation_code,
        system_code=request.system_code,
        origin_request_id=request.id,
    )
    return store.workspace_for(session, new)


def _new_plan(
    session: Session, request: ResourceRequest, workspace: Workspace, author: UUID
) -> ExecutionPlan:
    kind = undo.plan_kind(request)
    priced = quotation.present_request(session, request) if kind == PlanKind.UNDO else request
    return ExecutionPlan(
        number="",
        kind=kind,
        request_id=request.id,
        workspace_id=workspace.id,
        organisation_code=request.organisation_code,
        requester_id=request.requester_id,
        endorser_id=request.endorser_id,
        author_id=author,
        monthly_fen=priced.monthly_fen if priced else 0,
        catalogue_code=priced.catalogue_code if priced else None,
    )


def queue_run(
    session: Session, workspace: Workspace, kind: str, plan: ExecutionPlan | None, actor: Actor | None
) -> Run:
    """Store a queued run and its job in the caller's transaction; runs of one workspace keep their order."""
    run = store.add_run(
        session,
        Run(
            kind=kind,
            workspace_id=workspace.id,
            plan_id=plan.id if plan else None,
            organisation_code=workspace.organisation_code,
            started_by=actor.person_id if actor else None,
        ),
    )
    run.job_id = jobs.enqueue(
        session,
        f"runs.{kind}",
        queue=workspace.zone,
        lock=f"workspace:{workspace.key}",
        priority=APPLY_PRIORITY if kind == RunKind.APPLY else PLAN_PRIORITY,
        run_id=str(run.id),
    )
    session.add(run)
    session.flush()
    return run


def begin_planning(session: Session, run_id: UUID, worker: str, token_hash: str) -> PlanningOrder | None:
    """Start a planning run on a worker and return its input; None if there is nothing to do."""
    run = store.lock_run(session, run_id)
    if run.status == RunStatus.RUNNING and run.plan_id is not None:
        # Planning changes nothing, so a run that another worker left unfinished is repeated.
        run.attempt, run.worker, run.token_hash = run.attempt + 1, worker, token_hash
        store.release_state_lock(session, run)
    elif run.status == RunStatus.QUEUED:
        store.begin_run(session, run, worker, token_hash)
    else:
        return None
    session.add(run)
    return _order(session, run)


def _order(session: Session, run: Run) -> PlanningOrder:
    plan = queries.plan(session, _plan_id(run.plan_id))
    workspace = queries.workspace(session, run.workspace_id)
    request = request_queries.get(session, plan.request_id)
    values, sizes = render_variables(session, request, plan.kind, workspace)
    return PlanningOrder(
        run_id=run.id,
        plan_id=plan.id,
        kind=plan.kind,
        workspace_id=workspace.id,
        workspace_key=workspace.key,
        cloud=workspace.cloud,
        variables=values,
        expected=Expectation(plan.kind, values["tags"], sizes),
        lineage=workspace.lineage,
        serial=workspace.serial,
        mode=undo.plan_mode(plan, request),
        delivered=undo.delivered_ids(session, workspace.id),
    )


def render_variables(
    session: Session, request: ResourceRequest, kind: str, workspace: Workspace
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the variables of the root module, and the quoted sizes by logical address."""
    hosts = _planned_hosts(session, request, kind, workspace)
    origin = request_queries.get(session, workspace.origin_request_id)
    # The tags name the request that created the workspace: others would change every object of a later plan.
    tags = rendering.Tags(origin.number, origin.organisation_code, origin.system_code or "")
    values = rendering.variables(workspace.key, workspace.zone, tags, hosts)
    sizes: dict[str, dict[str, Any]] = {}
    for host in hosts:
        sizes[f"instance/{host.key}"] = {"vcpu": host.vcpu, "memory_gb": host.memory_gb, "pool": host.pool}
        if host.disk_gb:
            sizes[f"volume/{host.key}-data"] = {"size_gb": host.disk_gb, "tier": host.disk_tier}
    return values, sizes


def _planned_hosts(
    session: Session, request: ResourceRequest, kind: str, workspace: Workspace
) -> list[rendering.Host]:
    """Return the hosts that the bundle names; a release names those that run, to destroy them."""
    if kind == PlanKind.RELEASE:
        return _hosts(session, quotation.current_request(session, workspace.id))
    if kind != PlanKind.UNDO:
        return _hosts(session, request)
    present = quotation.present_request(session, request)
    return undo.existing_hosts(session, workspace.id, _hosts(session, present)) if present else []


def _hosts(session: Session, request: ResourceRequest) -> list[rendering.Host]:
    pools = quota_queries.pools(session)
    return [
        rendering.Host(
            key=key,
            label=line.label,
            purpose=line.purpose,
            pool=line.pool_code,
            arch=pools[line.pool_code].arch,
            image=line.image,
            vcpu=line.vcpu,
            memory_gb=line.memory_gb,
            ports=tuple(line.ports),
            disk_gb=line.disk_gb,
            disk_tier=line.disk_tier,
        )
        for line in request_queries.lines(session, request.id)
        for key in specification.host_keys(line.key, line.count)
    ]


def record_plan(session: Session, run_id: UUID, result: PlanningResult, pack: PolicyPack) -> ExecutionPlan:
    """Store the plan; it is submitted for approval, or rejected if a finding blocks it."""
    run = store.lock_run(session, run_id)
    plan = store.lock_plan(session, _plan_id(run.plan_id))
    worker = f"worker:{run.worker}"
    store.save_artifact(
        session,
        plan.id,
        result.bundle,
        result.plan_file,
        {"objects": [dict(vars(planned_object)) for planned_object in result.objects]},
    )
    _describe(session, plan, result, pack)
    store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
    store.transition_plan(session, plan, PlanStatus.CHECKED, worker)
    blocking = [finding for finding in result.findings if finding.blocks]
    if blocking:
        reason = Reason(blocking[0].message, blocking[0].message_zh)
        store.transition_plan(session, plan, PlanStatus.REJECTED, worker, reason=reason)
        return plan
    store.transition_plan(session, plan, PlanStatus.SUBMITTED, worker)
    if plan.kind in DELIVERY_KINDS:
        request = requests.lock(session, plan.request_id)
        requests.transition(session, request, RequestStatus.PLANNED, worker)
    return plan


def _describe(session: Session, plan: ExecutionPlan, result: PlanningResult, pack: PolicyPack) -> None:
    workspace = queries.workspace(session, plan.workspace_id)
    held = quota_queries.hold_of(session, plan.request_id)
    # The rollback of a cutover stays open until the migration is finalised, however long its trial takes.
    if plan.kind != PlanKind.ROLLBACK:
        plan.expires_at = now(session) + timedelta(hours=pack.plan_expiry_hours)
    members = PlanMembers(
        plan_id=str(plan.id),
        kind=plan.kind,
        workspace=workspace.key,
        bundle_digest=result.bundle_digest,
        lock_file_digest=result.lock_file_digest,
        engine_version=result.engine_version,
        plan_file_sha256=result.plan_file_sha256,
        changes_digest=result.changes_digest,
        state_lineage=workspace.lineage,
        state_serial=workspace.serial,
        catalogue=plan.catalogue_code or "",
        monthly_fen=plan.monthly_fen,
        hold=hold_text(held),
        expires_at=plan.expires_at.isoformat() if plan.expires_at else "",
    )
    plan.members = asdict(members)
    plan.tuple_digest = members.digest()
    plan.summary = {
        "counts": plan_summary.counts(result.objects),
        "sentences": [asdict(sentence) for sentence in plan_summary.sentences(result.objects)],
        "steps": [dict(step) for step in result.steps],
    }
    plan.findings = [asdict(finding) for finding in result.findings]


def hold_text(held: tuple[Any, Sequence[Any]] | None) -> str:
    """Return the hold as the approved tuple contains it: its id, its status and every amount."""
    if held is None:
        return ""
    amounts = ",".join(f"{held_amount.target}={held_amount.amount}" for held_amount in held[1])
    return f"{held[0].id}:{held[0].status}:{amounts}"


def fail_plan(
    session: Session, run_id: UUID, reason: Reason, exit_code: int | None, *, cancelled: bool = False
) -> None:
    """Record that planning failed or was cancelled: nothing was changed, the request can be planned again."""
    run = store.lock_run(session, run_id)
    run.exit_code = exit_code
    worker = f"worker:{run.worker}"
    ended = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
    store.transition_run(session, run, ended, worker, reason=reason)
    plan = store.lock_plan(session, _plan_id(run.plan_id))
    store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
    store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)


def _plan_id(plan_id: UUID | None) -> UUID:
    if plan_id is None:
        raise IllegalTransition("This run has no plan.")
    return plan_id
