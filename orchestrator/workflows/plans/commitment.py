"""Effects of an apply on quota, pool and budget: tried before the engine runs, written after it succeeded.

A budget hold belongs to one fiscal year. A hold of an earlier year is replaced before the next plan.
"""

from datetime import timedelta
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.quotas import store as quotas
from orchestrator.quotas.errors import HoldEnded, MoreThanCommitted, NoBudgetLine, NothingLeft
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs.models import ExecutionPlan
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.requests import judgements, quotation
from orchestrator.workflows.requests.standing_queries import read_standing


def commit_hold(session: Session, request: ResourceRequest, workspace_id: UUID, actor: str) -> None:
    """Turn the request's hold into commitments, and release ended ones, counted from today.

    Raises:
        HoldEnded: the hold is no longer live.
        MoreThanCommitted: more would be released than is committed.
    """
    quotas.commit(session, request.id, actor, _booking(session, request, workspace_id))


def why_not_bookable(session: Session, plan: ExecutionPlan) -> Reason | None:
    """Return why the apply of this plan could not be committed, or None if it can; nothing is written."""
    request = request_queries.get(session, plan.request_id)
    if _is_of_earlier_year(session, request):
        return _earlier_year(session, request)
    try:
        quotas.require_bookable(session, request.id, _booking(session, request, plan.workspace_id))
    except HoldEnded as error:
        return _not_bookable(plan, error.detail, error.zh)
    except MoreThanCommitted as error:
        return _not_bookable(plan, error.detail, f"{error.zh}（{error.extra['target']}）")
    return None


def renew_hold(session: Session, request: ResourceRequest, actor: Actor, pack: PolicyPack) -> None:
    """Hold the budget of this fiscal year at today's prices, if that of an earlier year is held.

    Raises:
        NoBudgetLine: the department has no budget line of this fiscal year.
        RuleRefuses: the line has less left than the request costs to the end of the year (R-17).
    """
    if not _is_of_earlier_year(session, request):
        return
    quotas.drop_live(session, request.id, actor.audit_name)
    standing = read_standing(session, request.id)
    if standing.budget is None:
        raise NoBudgetLine(
            f"{request.organisation_code} has no budget line for cloud services in {today(session).year}."
            " Have finance open it and generate the plan again."
        )
    sizing = quotation.quote_request(session, request, standing)
    takes = quotation.request_takes(request, sizing)
    expires = now(session) + timedelta(days=pack.hold_days)
    try:
        quotas.hold(session, request.id, request.organisation_code, takes, expires)
    except NothingLeft as error:
        raise judgements.quota_refusal(request, pack, actor, error) from error


def _booking(session: Session, request: ResourceRequest, workspace_id: UUID) -> quotas.Booking:
    change = quotation.budget_change(session, request, workspace_id)
    return quotas.Booking(workspace_id, change, today(session))


def _is_of_earlier_year(session: Session, request: ResourceRequest) -> bool:
    year = quotation.budgeted_year(request)
    return year is not None and year < today(session).year


def _earlier_year(session: Session, request: ResourceRequest) -> Reason:
    held, this = quotation.budgeted_year(request), today(session).year
    return Reason(
        f"The budget of {held} is held for this request, and it is {this} now; nothing was applied.",
        f"该申请预占的是{held}年度预算，现已进入{this}年度，未执行任何变更。",
        f"Generate a new plan: it holds the budget of {this}.",
        f"请重新生成计划，届时将预占{this}年度预算。",
    )


def _not_bookable(plan: ExecutionPlan, why_en: str, why_zh: str) -> Reason:
    return Reason(
        f"The apply could not be booked for {plan.organisation_code}, so nothing was applied: {why_en}",
        f"{plan.organisation_code} 的配额或预算无法入账，未执行任何变更：{why_zh}。",
        "Have the quota and budget of the department checked, then generate a new plan.",
        "请核对该单位的配额与预算，然后重新生成计划。",
    )
