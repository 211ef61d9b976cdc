"""Read execution plans as the view models of the pages."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.render import moment, money
from orchestrator.console.frame.views import Action, ActionSet, Finding
from orchestrator.console.frame.visit import Visit
from orchestrator.console.plans.views import (
    EFFECTS,
    ApprovalRow,
    AttributeDiff,
    BoundMember,
    DutyHolder,
    HostSteps,
    PlanDetail,
    PlanRun,
    ResourceDiff,
    Sentence,
)
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.requests.quote import budget_effect, held_classes, plan_quota, quote_view
from orchestrator.console.words.i18n import N_
from orchestrator.console.words.labels import WORDS
from orchestrator.core.errors import NotFound
from orchestrator.core.plan_kinds import DELIVERY_KINDS, MIGRATION_KINDS, TERRAFORM_KINDS, PlanKind
from orchestrator.departments.permissions import require_visible
from orchestrator.migrations import queries as migration_queries
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries
from orchestrator.runs.kinds import Decision
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import Approval, ExecutionPlan
from orchestrator.runs.saved_plan import PlannedAction, PlannedObject, stored_objects
from orchestrator.workflows.nouns import PLANS
from orchestrator.workflows.requests import quotation

DEAD = (PlanStatus.STALE, PlanStatus.EXPIRED, PlanStatus.SUPERSEDED, PlanStatus.REJECTED, PlanStatus.FAILED)
QUOTA_SENTENCE = N_("部门正式配额的占用：%(amounts)s。")
STEPS_OF_PLAYBOOK = N_("执行 %(playbook)s，目标地址 %(address)s")
BASELINE_SENTENCE = N_("在 %(count)s 台主机上执行基线检查，只读取情况，不改变业务。")


def detail(visit: Visit, plan: ExecutionPlan) -> PlanDetail:
    """Return one plan with everything that an approver needs."""
    request = request_queries.get(visit.session, plan.request_id)
    is_priced = plan.kind in DELIVERY_KINDS
    before, after = _monthly(visit, plan, request)
    lines = request.quote.get("lines")
    return PlanDetail(
        id=str(plan.id),
        number=plan.number,
        kind=plan.kind,
        status=plan.status,
        request_id=str(request.id),
        request_number=request.number,
        organisation=visit.names.organisation(plan.organisation_code),
        system=visit.names.system(request.system_code),
        author=visit.names.person(plan.author_id),
        created_at=plan.created_at,
        expires_at=plan.expires_at,
        digest=plan.tuple_digest or "",
        sentences=(*_sentences(visit, plan), *_quota_sentence(visit, plan)),
        monthly_before_fen=before,
        monthly_after_fen=after,
        resources=_resources(visit, plan),
        hosts=_hosts(visit, plan),
        quote=quote_view(visit, request.catalogue_code, lines, request.monthly_fen) if is_priced else None,
        quota=plan_quota(visit, request) if is_priced else None,
        budget=budget_effect(visit, request) if is_priced else (),
        findings=(*_findings(visit, plan), *(_judgement(visit, request) if is_priced else ())),
        approvals=_approvals(visit, plan),
        duties=_duties(visit, plan),
        bound=tuple(_member(name, plan.members[name]) for name in sorted(plan.members, key=_member_order)),
        runs=tuple(
            PlanRun(str(run.id), run.kind, run.status, run.started_at)
            for run in queries.runs_of_plan(visit.session, plan.id)
        ),
        timeline=request_reading.timeline_of(visit, plan.id),
        acts=_acts(visit, plan),
        why_not=_why_not(visit, plan),
    )


def _acts(visit: Visit, plan: ExecutionPlan) -> ActionSet:
    """Return the buttons of the plan; each sends the shown digest. A migration's plan links to its page."""
    if plan.kind in MIGRATION_KINDS:
        migration = migration_queries.act_of_plan(visit.session, plan.id).migration_id
        path = f"/console/migrations/{migration}"
        return ActionSet((Action("to_migration", path, "primary", is_link=True),))
    hidden = {"version": str(plan.version), "digest": plan.tuple_digest or ""}
    return ActionSet(buttons(visit, PLANS, plan), hidden=hidden)


def find(visit: Visit, plan_id: UUID) -> ExecutionPlan:
    """Return a plan that the person may see.

    Raises:
        NotFound: there is none, or it belongs to an organisation that this person does not see.
    """
    return require_visible(visit.actor, queries.plan(visit.session, plan_id))


def _monthly(visit: Visit, plan: ExecutionPlan, request: ResourceRequest) -> tuple[int, int]:
    """Return the monthly cost of the workspace now and after this plan."""
    if plan.kind not in TERRAFORM_KINDS:
        return 0, 0
    present = quotation.present_request(visit.session, request)
    before = present.monthly_fen if present else 0
    return before, 0 if plan.kind == PlanKind.RELEASE else plan.monthly_fen


def _why_not(visit: Visit, plan: ExecutionPlan) -> str:
    if plan.status not in DEAD:
        return ""
    return visit.pick(plan.reason_zh, plan.reason) or visit.word(plan.status, "plan")


def _sentences(visit: Visit, plan: ExecutionPlan) -> tuple[Sentence, ...]:
    stored = tuple(
        Sentence(PlannedAction(sentence["action"]), visit.pick(sentence["zh"], sentence["en"]))
        for sentence in plan.summary.get("sentences", [])
    )
    if plan.kind in MIGRATION_KINDS:
        return tuple(
            Sentence("note", visit.pick(step["text_zh"], step["text_en"]))
            for step in plan.summary.get("steps", [])
        )
    if plan.kind != PlanKind.BASELINE:
        return stored
    steps = plan.summary.get("steps", [])
    return (Sentence("note", visit.say(BASELINE_SENTENCE, count=len(steps))),) if steps else ()


def _quota_sentence(visit: Visit, plan: ExecutionPlan) -> tuple[Sentence, ...]:
    amounts, _ = held_classes(visit, plan.request_id)
    taken = [
        f"{visit.word(n, 'quota_class')} {a:+,} {visit.word(n, 'quota_unit')}"
        for n, a in amounts.items()
        if a
    ]
    if plan.kind not in DELIVERY_KINDS or not taken:
        return ()
    return (Sentence("note", visit.say(QUOTA_SENTENCE, amounts=visit.say(N_("、")).join(taken))),)


def _judgement(visit: Visit, request: ResourceRequest) -> tuple[Finding, ...]:
    return request_reading.findings(visit, request.judgement)


def _objects(visit: Visit, plan: ExecutionPlan) -> list[PlannedObject]:
    try:
        return stored_objects(queries.artifact(visit.session, plan.id).changes)
    except NotFound:
        return []


def _resources(visit: Visit, plan: ExecutionPlan) -> tuple[ResourceDiff, ...]:
    order = {effect: i for i, effect in enumerate(("delete", "replace", "create", "update"))}
    touched = [change for change in _objects(visit, plan) if change.action in EFFECTS]
    touched.sort(key=lambda change: (order[change.action], change.address))
    return tuple(
        ResourceDiff(
            address=change.address,
            effect=change.action,
            name=f"{visit.word(change.kind, 'resource_kind')} {change.logical.partition('/')[2]}",
            attributes=_attributes(change),
        )
        for change in touched
    )


def _attributes(change: PlannedObject) -> tuple[AttributeDiff, ...]:
    before, after, unknown = change.before, change.after, change.unknown
    attributes = [
        AttributeDiff(name, _text(before.get(name)), _text(after.get(name)), unknown=bool(unknown.get(name)))
        for name in sorted({*before, *after, *unknown})
    ]
    return tuple(one for one in attributes if one.unknown or one.before is not None or one.after is not None)


def _text(value: Any) -> str | None:
    if value is None or value in ("", [], {}):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _hosts(visit: Visit, plan: ExecutionPlan) -> tuple[HostSteps, ...]:
    return tuple(
        HostSteps(
            str(step["host"]),
            (visit.say(STEPS_OF_PLAYBOOK, playbook=step["playbook"], address=step["address"]),),
        )
        for step in plan.summary.get("steps", [])
        if "host" in step
    )


def _findings(visit: Visit, plan: ExecutionPlan) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            finding["code"],
            "block" if finding["blocks"] else "warn",
            visit.pick(finding["message_zh"], finding["message"]),
        )
        for finding in plan.findings
    )


def _approvals(visit: Visit, plan: ExecutionPlan) -> tuple[ApprovalRow, ...]:
    given = list(queries.approvals(visit.session, plan.id))
    rows = []
    for role in plan.required_approvals:
        mine = next((approval for approval in given if approval.role == role), None)
        if mine is not None:
            given.remove(mine)
        rows.append(_approval(visit, role, mine))
    return (*rows, *(_approval(visit, approval.role, approval) for approval in given))


def _approval(visit: Visit, role: str, given: Approval | None) -> ApprovalRow:
    if given is None:
        return ApprovalRow(role, "waiting")
    names = visit.names
    return ApprovalRow(
        role=role,
        decision=given.decision,
        person=names.person(given.approver_id),
        organisation=names.organisation_of(given.approver_id),
        at=given.at,
        said=given.reason or "",
    )


def _duties(visit: Visit, plan: ExecutionPlan) -> tuple[DutyHolder, ...]:
    name = visit.names.person
    approvers = [
        decision.approver_id
        for decision in queries.approvals(visit.session, plan.id)
        if decision.decision == Decision.APPROVED
    ]
    return (
        DutyHolder("requester", name(plan.requester_id)),
        DutyHolder("endorser", name(plan.endorser_id)),
        DutyHolder("author", name(plan.author_id)),
        DutyHolder("approver", ", ".join(name(approver) for approver in approvers)),
        DutyHolder("applier", name(plan.applier_id)),
    )


def _member_order(name: str) -> int:
    """Order the members as on the page; one without a label comes last, but is never left out."""
    labelled = list(WORDS["bound"])
    return labelled.index(name) if name in labelled else len(labelled)


def _member(name: str, value: Any) -> BoundMember:
    if name == "monthly_fen":
        return BoundMember(name, money(value))
    if name == "expires_at" and value:
        return BoundMember(name, moment(datetime.fromisoformat(value)))
    return BoundMember(name, str(value) or "—")
