"""The rules at the steps of a request: gather facts, let the pack judge, refuse with rule and clause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from orchestrator.catalogue.specification import sku_quantities
from orchestrator.core import audit
from orchestrator.core.clock import today
from orchestrator.core.errors import AuditNote, BadInput, NotFound, NotPermitted
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor, Permission, Role, require
from orchestrator.policies import rules
from orchestrator.policies.classified_marks import marked_fields
from orchestrator.policies.facts import BudgetClaim, Claim, LineFacts, PricePeriod, RequestFacts
from orchestrator.policies.pack import PolicyPack, RequestKind
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Take, budget_target
from orchestrator.quotas.errors import MoreThanCommitted, NothingLeft
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.errors import ClassifiedContent, RuleRefuses
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.runs.errors import NotApproved, OwnOrganisation
from orchestrator.runs.models import ExecutionPlan
from orchestrator.systems import queries as system_queries
from orchestrator.workflows.requests import quotation
from orchestrator.workflows.requests.standing_queries import Budget, Standing, read_standing

FORGED = frozenset({"bundle_digest", "plan_file_sha256", "sealed bytes", "digest"})
"""Members that differ only when somebody changed bytes that nobody may change."""


@dataclass(frozen=True)
class Judgement:
    """What the rules said about a request that may go on, and what it takes."""

    results: Sequence[rules.RuleResult]
    takes: Sequence[Take]

    def as_documents(self) -> list[dict[str, Any]]:
        """The results as the request keeps them."""
        return [_document(result) for result in self.results]


def refuse_classified(draft: RequestDraft, actor: Actor, pack: PolicyPack) -> None:
    """Rule R-01: a text with a mark of classification is refused and nothing of it is stored.

    Raises:
        ClassifiedContent: names the fields, never their content; the audit keeps as little.
    """
    texts = {"title": draft.title, "justification": draft.justification}
    texts |= {f"lines.{line.key}.label": line.label for line in draft.lines}
    marked = sorted(marked_fields(texts))
    if marked:
        rule = pack.rule("R-01")
        note = AuditNote(
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
    """Every code in the draft names something that exists and belongs to the organisation.

    Raises:
        BadInput: names the field.
    """
    if draft.system is not None:
        system = system_queries.find(session, draft.system)
        if system is None or system.organisation_code != organisation:
            zh = f"本单位没有信息系统 {draft.system}"
            raise BadInput(f"{organisation} has no system {draft.system}.", field="system", detail_zh=zh)
    pools = quota_queries.pools(session)
    for line in draft.lines:
        if line.pool not in pools:
            zh = f"云主机 {line.key}：没有资源池 {line.pool}"
            field = f"lines.{line.key}.pool"
            raise BadInput(f"There is no resource pool {line.pool}.", field=field, detail_zh=zh)
    if len({pools[line.pool].zone for line in draft.lines}) > 1:
        zh = "一份申请的云主机须在同一网络分区"
        raise BadInput("All hosts of one request lie in one zone.", field="lines.pool", detail_zh=zh)
    if draft.workspace is not None:
        _require_workspace(session, draft, organisation)


def _require_workspace(session: Session, draft: RequestDraft, organisation: str) -> None:
    try:
        workspace = run_queries.workspace(session, draft.workspace) if draft.workspace else None
    except NotFound:
        workspace = None
    if workspace is None or workspace.organisation_code != organisation or workspace.released_at is not None:
        zh = "本单位没有该工作区"
        raise BadInput("There is no such workspace of your organisation.", field="workspace", detail_zh=zh)
    quotation.current_request(session, workspace.id)


def judge(
    session: Session,
    request: ResourceRequest,
    sizing: quotation.Sizing,
    standing: Standing,
    pack: PolicyPack,
    actor: Actor,
) -> Judgement:
    """Let every rule judge the request as it stands now.

    Raises:
        RuleRefuses: a rule stops it; carries every result, and the audit keeps the refusal.
        MoreThanCommitted: quota or capacity would be given back that is not committed.
    """
    takes = quotation.request_takes(request, sizing)
    results = rules.judge_request(_facts(session, request, sizing, takes, standing), pack)
    if rules.is_stopped(results):
        raise _refusal(request, [result for result in results if result.stops], results, actor)
    _require_committed(takes, standing)
    return Judgement(results, takes)


def _require_committed(takes: Sequence[Take], standing: Standing) -> None:
    for take in takes:
        if take.target in standing.counters and standing.counters[take.target][1] + take.amount < 0:
            raise MoreThanCommitted.of(take.target)


def quota_refusal(
    request: ResourceRequest, pack: PolicyPack, actor: Actor, error: NothingLeft
) -> RuleRefuses:
    """The same answer as the rule's when another request took the rest in the meantime."""
    rule = pack.rule("R-17" if error.extra["kind"] == "budget" else "R-16")
    result = rules.RuleResult(
        rule_id=rule.id,
        verdict=rules.Verdict.BLOCK,
        stops=True,
        clause=rule.clause or "",
        quote_zh=rule.quote_zh or "",
        message_zh=f"{rule.title_zh}：{error.extra['target']}",
        message_en=f"{rule.title_en}: {error.detail}",
    )
    return _refusal(request, [result], [result], actor)


def _refusal(
    request: ResourceRequest,
    stopping: Sequence[rules.RuleResult],
    results: Sequence[rules.RuleResult],
    actor: Actor,
) -> RuleRefuses:
    first = stopping[0]
    note = AuditNote(
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


def require_reviewer(
    actor: Actor, request: ResourceRequest, pack: PolicyPack, permission: Permission
) -> None:
    """Only the reviewing role of this organisation's matters may do this, and never one of its own people.

    Raises:
        NotPermitted: the actor has not the role; for the centre's own requests that is the smart-city office.
        OwnOrganisation: no body decides on itself (domain §2.15).
    """
    role = Role(rules.approving_role(Role.CENTRE_REVIEWER, request.organisation_code, pack))
    if role is Role.CENTRE_REVIEWER:
        require(actor, permission, request.organisation_code)
    elif role not in actor.roles:
        raise NotPermitted(f"Requests of {request.organisation_code} are reviewed by the role {role}.")
    if actor.organisation == request.organisation_code:
        raise OwnOrganisation


def required_approvals(session: Session, request: ResourceRequest, pack: PolicyPack) -> tuple[str, ...]:
    """Which roles must approve a plan of this request (R-29 and the substitutes of domain §2.15)."""
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
        zone_class="trial" if request.zone_class == "trial" else "production",
        texts={"title": request.title, "justification": request.justification},
        lines=lines,
        system=standing.system,
        officer_filing=standing.filing,
        quota=_claims_on("quota:", takes, standing.counters),
        pools=_claims_on("pool:", takes, standing.counters),
        budget=_budget_claim(standing.budget, takes),
        yearly_cost_fen=request.monthly_fen * 12,
        prices=_prices(standing, lines),
        priced_days=(day, date(day.year + 1, 1, 1)),
    )


def _kind(request: ResourceRequest, takes: Sequence[Take]) -> RequestKind:
    if request.kind == "provision":
        return "provision"
    if request.kind == "release":
        return "release"
    return "grow" if any(take.amount > 0 for take in takes) else "shrink"


def _line_facts(sizing: quotation.Sizing) -> tuple[LineFacts, ...]:
    by_line = ((size.key, sku_quantities([size])) for size in sizing.hosts)
    return tuple(LineFacts(key, tuple(sorted({item.sku for item in items}))) for key, items in by_line)


def _claims_on(
    prefix: str, takes: Sequence[Take], counters: Mapping[str, Sequence[int]]
) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            take.target.removeprefix(prefix).replace(":", "/"),
            take.amount,
            *counters.get(take.target, (0, 0, 0)),
        )
        for take in takes
        if take.target.startswith(prefix)
    )


def _budget_claim(budget: Budget | None, takes: Sequence[Take]) -> tuple[BudgetClaim, ...] | None:
    if budget is None:
        return None
    projected_fen = sum(take.amount for take in takes if take.target == budget_target(budget.id))
    amounts = (budget.appropriated_fen, budget.held_fen, budget.committed_fen, budget.spent_fen)
    return (BudgetClaim(budget.name, projected_fen, *amounts),)


def _prices(standing: Standing, lines: Iterable[LineFacts]) -> tuple[PricePeriod, ...]:
    skus = {sku for line in lines for sku in line.skus}
    return tuple(period for period in standing.prices if period.sku in skus)


def _document(result: rules.RuleResult) -> dict[str, Any]:
    return {**vars(result), "verdict": result.verdict.value}


def require_valid_approvers(session: Session, plan: ExecutionPlan) -> None:
    """Approvals of people who were deactivated or lost the role are invalid at apply (invariant 21).

    Raises:
        NotApproved: names how many approvals no longer count.
    """
    invalid = invalid_approvals(session, plan)
    if invalid:
        raise NotApproved(f"{invalid} approval(s) were given by somebody who no longer has the role.")


def invalid_approvals(session: Session, plan: ExecutionPlan) -> int:
    """How many approvals were given by people who have been deactivated or lost the role since."""
    given = [item for item in run_queries.approvals(session, plan.id) if item.decision == "approved"]
    people = department_queries.people(session, [item.approver_id for item in given])
    invalid = 0
    for item in given:
        person = people[item.approver_id]
        approver = department_queries.actor(session, person, today(session))
        invalid += not (person.active and approver.may(APPROVAL_PERMISSIONS[item.role]))
    return invalid


def note(
    session: Session, subject: Any, action: str, actor: Actor, data: Mapping[str, Any] | None = None
) -> None:
    """Audit an act that is no change of status."""
    audit.record(
        session,
        action,
        (action.split(":", 1)[0], subject.id),
        actor=actor.audit_name,
        organisation=subject.organisation_code,
        data=data,
    )


def note_stale(session: Session, plan: ExecutionPlan, actor: str, changed: Sequence[str]) -> None:
    """Raise the alarm in the audit when approved bytes were changed (NEG-6)."""
    if FORGED & set(changed):
        audit.record(
            session,
            "execution_plan:tampering_alarm",
            ("execution_plan", plan.id),
            actor=actor,
            organisation=plan.organisation_code,
            data={"changed": list(changed)},
        )
