"""The rules at the steps of a request: gather facts, judge by the pack, refuse with rule and clause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from orchestrator.catalogue.specification import sku_quantities
from orchestrator.core import audit
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, NotFound
from orchestrator.core.events import Event
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor
from orchestrator.policies import rules
from orchestrator.policies.classified_marks import marked_fields
from orchestrator.policies.facts import BudgetClaim, Claim, LineFacts, PricePeriod, RequestFacts
from orchestrator.policies.pack import JudgedKind, PolicyPack
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Counter, CounterKind, Take
from orchestrator.quotas.errors import MoreThanCommitted, NothingLeft
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.errors import ClassifiedContent, RuleRefuses
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.runs.errors import NotApproved
from orchestrator.runs.kinds import Decision
from orchestrator.runs.models import ExecutionPlan
from orchestrator.systems import queries as system_queries
from orchestrator.workflows.act import Call
from orchestrator.workflows.requests import quotation
from orchestrator.workflows.requests.standing_queries import (
    NO_COUNTER,
    Budget,
    CounterState,
    Standing,
    read_standing,
)

FORGED = frozenset({"bundle_digest", "plan_file_sha256", "sealed bytes", "digest"})
"""Members of the approved tuple that change only by tampering."""


@dataclass(frozen=True)
class Judgement:
    """The rule results of a request that no rule stops, and the amounts that it takes."""

    results: Sequence[rules.RuleResult]
    takes: Sequence[Take]

    def as_documents(self) -> list[dict[str, Any]]:
        """Return the results in the form stored on the request."""
        return [_document(result) for result in self.results]


def refuse_classified(draft: RequestDraft, actor: Actor, pack: PolicyPack) -> None:
    """Refuse a draft with a classification mark; nothing of its text is stored (rule R-01).

    Raises:
        ClassifiedContent: a text carries a mark. The error names the fields, never their content; the audit
            event names the rule only.
    """
    marked = marked_fields(draft.free_texts())
    if marked:
        rule = pack.rule("R-01")
        note = Event(
            "resource_request:classified_refused",
            ("organisation", actor.organisation),
            actor.audit_name,
            actor.organisation,
            {"rule": rule.id},
        )
        raise ClassifiedContent(
            field=", ".join(marked), rule=rule.id, clause=rule.clause, quote_zh=rule.quote_zh
        ).noted(note)


def require_known(session: Session, draft: RequestDraft, organisation: str) -> None:
    """Require that every code in the draft exists and belongs to the organisation.

    Raises:
        BadInput: a code does not, or the pools lie in several zones; the error names the field.
    """
    if draft.system is not None:
        system = system_queries.find(session, draft.system)
        if system is None or system.organisation_code != organisation:
            zh = f"本单位没有信息系统 {draft.system}，请从列表中选择"
            en = f"{organisation} has no system {draft.system}. Choose one of its systems."
            raise BadInput(en, field="system", detail_zh=zh)
    pools = quota_queries.pools(session)
    for line in draft.lines:
        if line.pool not in pools:
            zh = f"云主机 {line.key}：没有资源池 {line.pool}，请从列表中选择"
            en = f"Host {line.key}: there is no resource pool {line.pool}. Choose an existing pool."
            raise BadInput(en, field=f"lines.{line.key}.pool", detail_zh=zh)
    if len({pools[line.pool].zone for line in draft.lines}) > 1:
        raise quotation.several_zones()
    if draft.workspace is not None:
        _require_workspace(session, draft, organisation)


def _require_workspace(session: Session, draft: RequestDraft, organisation: str) -> None:
    try:
        workspace = run_queries.workspace(session, draft.workspace) if draft.workspace else None
    except NotFound:
        workspace = None
    if workspace is None or workspace.organisation_code != organisation or workspace.released_at is not None:
        zh = "本单位没有该工作区，或该工作区已释放；请从资源所在的申请发起变更"
        en = (
            "Your organisation has no such workspace, or it was released."
            " Start the change from the request that made the resources."
        )
        raise BadInput(en, field="workspace", detail_zh=zh)
    quotation.current_request(session, workspace.id)


def judge(call: Call, request: ResourceRequest, sizing: quotation.Sizing, standing: Standing) -> Judgement:
    """Judge the request by every rule, with today's facts.

    Raises:
        RuleRefuses: a rule stops the request. The error carries every result; the audit records the refusal.
        MoreThanCommitted: the request would release more quota or capacity than is committed.
    """
    takes = quotation.request_takes(request, sizing)
    results = rules.judge_request(_facts(call.session, request, sizing, takes, standing), call.pack)
    if rules.is_stopped(results):
        raise _refusal(request, results, call.actor)
    _require_committed(takes, standing)
    return Judgement(results, takes)


def _require_committed(takes: Sequence[Take], standing: Standing) -> None:
    for take in takes:
        state = standing.counters.get(take.counter)
        if state is not None and state.committed + take.amount < 0:
            raise MoreThanCommitted.of(take.counter)


def quota_refusal(
    request: ResourceRequest, pack: PolicyPack, actor: Actor, error: NothingLeft
) -> RuleRefuses:
    """Return the refusal of rule R-16 or R-17 for a request that lost the last amount to another one."""
    rule = pack.rule("R-17" if error.extra["kind"] == CounterKind.BUDGET else "R-16")
    result = rules.RuleResult(
        rule_id=rule.id,
        verdict=rules.Verdict.BLOCK,
        stops=True,
        clause=rule.clause or "",
        quote_zh=rule.quote_zh or "",
        message_zh=f"{rule.title_zh}：{error.extra['target']}",
        message_en=f"{rule.title_en}: {error.detail}",
    )
    return _refusal(request, [result], actor)


def _refusal(request: ResourceRequest, results: Sequence[rules.RuleResult], actor: Actor) -> RuleRefuses:
    """Return the error with every result; its message joins those of the rules that stop the request."""
    stopping = [result for result in results if result.stops]
    first = stopping[0]
    note = Event(
        "resource_request:blocked",
        ("resource_request", request.id),
        actor.audit_name,
        request.organisation_code,
        {"rules": [result.rule_id for result in stopping]},
    )
    return RuleRefuses(
        " ".join(result.message_en for result in stopping),
        rule=first.rule_id,
        clause=first.clause,
        quote_zh=first.quote_zh,
        detail_zh=" ".join(result.message_zh for result in stopping),
        results=[_document(result) for result in results],
    ).noted(note)


def required_approvals(session: Session, request: ResourceRequest, pack: PolicyPack) -> tuple[str, ...]:
    """Return the roles that must approve a plan of this request (R-29; substitutes by domain §2.15)."""
    standing = read_standing(session, request.id)
    sizing = quotation.size_request(session, request, standing)
    takes = quotation.request_takes(request, sizing)
    return rules.required_approvals(_facts(session, request, sizing, takes, standing), pack)


def _facts(
    session: Session,
    request: ResourceRequest,
    sizing: quotation.Sizing,
    takes: Sequence[Take],
    standing: Standing,
) -> RequestFacts:
    day = today(session)
    lines = _line_facts(sizing)
    return RequestFacts(
        kind=_kind(request, takes),
        day=day,
        organisation=request.organisation_code,
        organisation_kind=standing.organisation_kind,
        zone_class=ZoneClass(request.zone_class),
        texts={"title": request.title, "justification": request.justification},
        lines=lines,
        system=standing.system,
        officer_filing=standing.filing,
        quota=_claims_on(CounterKind.QUOTA, takes, standing.counters),
        pools=_claims_on(CounterKind.POOL, takes, standing.counters),
        budget=_budget_claim(standing.budget, takes),
        yearly_cost_fen=request.monthly_fen * 12,
        prices=_prices(standing, lines),
        priced_days=(day, date(day.year + 1, 1, 1)),
    )


def _kind(request: ResourceRequest, takes: Sequence[Take]) -> JudgedKind:
    if request.kind == RequestKind.PROVISION:
        return JudgedKind.PROVISION
    if request.kind == RequestKind.RELEASE:
        return JudgedKind.RELEASE
    return JudgedKind.GROW if any(take.amount > 0 for take in takes) else JudgedKind.SHRINK


def _line_facts(sizing: quotation.Sizing) -> tuple[LineFacts, ...]:
    by_line = ((size.key, sku_quantities([size])) for size in sizing.hosts)
    return tuple(
        LineFacts(key, tuple(sorted({quantity.sku for quantity in items}))) for key, items in by_line
    )


def _claims_on(
    kind: CounterKind, takes: Sequence[Take], counters: Mapping[Counter, CounterState]
) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            f"{take.counter.owner}/{take.counter.resource_class}",
            take.amount,
            *counters.get(take.counter, NO_COUNTER),
        )
        for take in takes
        if take.counter.kind == kind
    )


def _budget_claim(budget: Budget | None, takes: Sequence[Take]) -> tuple[BudgetClaim, ...] | None:
    if budget is None:
        return None
    projected_fen = sum(take.amount for take in takes if take.counter == Counter.budget(budget.id))
    amounts = (budget.appropriated_fen, budget.held_fen, budget.committed_fen, budget.spent_fen)
    return (BudgetClaim(budget.name, projected_fen, *amounts),)


def _prices(standing: Standing, lines: Iterable[LineFacts]) -> tuple[PricePeriod, ...]:
    skus = {sku for line in lines for sku in line.skus}
    return tuple(period for period in standing.prices if period.sku in skus)


def _document(result: rules.RuleResult) -> dict[str, Any]:
    return {**vars(result), "verdict": result.verdict.value}


def require_valid_approvers(session: Session, plan: ExecutionPlan) -> None:
    """Require that every approver still is active and has the role (invariant 21).

    Raises:
        NotApproved: an approval no longer counts; the error says how many.
    """
    invalid = invalid_approvals(session, plan)
    if invalid:
        raise NotApproved(
            f"Approvals that no longer count: {invalid}. Their approvers lost the role or were deactivated."
            " Ask for new approvals.",
            detail_zh=f"有 {invalid} 项审批已失效：审批人已不再担任该岗位或账号已停用，请重新审批",
        )


def invalid_approvals(session: Session, plan: ExecutionPlan) -> int:
    """Return the number of approvals whose approver was deactivated or lost the role since."""
    decisions = run_queries.approvals(session, plan.id)
    approvals = [decision for decision in decisions if decision.decision == Decision.APPROVED]
    people = department_queries.people(session, [approval.approver_id for approval in approvals])
    invalid = 0
    for approval in approvals:
        person = people[approval.approver_id]
        approver = department_queries.actor(session, person, today(session))
        invalid += not (person.is_active and approver.may(APPROVAL_PERMISSIONS[approval.role]))
    return invalid


def note(
    session: Session, subject: Any, action: str, actor: Actor, data: Mapping[str, Any] | None = None
) -> None:
    """Record the audit event of an act that changes no status."""
    audit.record(
        session,
        Event(
            action,
            (action.split(":", 1)[0], subject.id),
            actor=actor.audit_name,
            organisation=subject.organisation_code,
            data=data or {},
        ),
    )


def note_stale(session: Session, plan: ExecutionPlan, actor: str, changed: Sequence[str]) -> None:
    """Record a tampering alarm in the audit when approved bytes were changed (NEG-6)."""
    if FORGED & set(changed):
        audit.record(
            session,
            Event(
                "execution_plan:tampering_alarm",
                ("execution_plan", plan.id),
                actor=actor,
                organisation=plan.organisation_code,
                data={"changed": list(changed)},
            ),
        )
