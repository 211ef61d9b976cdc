"""Which buttons of a migration a person sees. The workflows decide; a button only tells beforehand."""

from collections.abc import Iterator
from typing import Final

from orchestrator.console.approvals.buttons import LACKING, NO, OWN_BODY, TWICE, YES, Tone
from orchestrator.console.frame.views import Action, ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import Permission
from orchestrator.migrations.lifecycle import BEFORE_ARMING, MAY_REMOVE, MigrationStatus
from orchestrator.runs.lifecycle import LIVE, PlanStatus
from orchestrator.runs.models import ExecutionPlan
from orchestrator.workflows import to_do
from orchestrator.workflows.migrations.reads import Awaited, MigrationPlanView, MigrationView

P = Permission
S = MigrationStatus
ADDRESSES: Final = {
    "preflight": "preflight",
    "start": "start",
    "approve": "approve",
    "order_cut": "order-cut",
    "approve_cut": "approve-cut",
    "cut": "cut",
    "return_": "return",
    "order_return": "order-return",
    "accept": "accept",
    "order_finalise": "order-finalise",
    "finalise": "finalise",
    "settle": "settle",
}
"""Awaited act -> the last part of the address that its button posts to; retiring has a form of its own."""
PLAN_OF: Final = {"start": "arm", "cut": "cut", "return_": "return", "finalise": "disarm", "remove": "disarm"}
"""Which plan an act applies: its applier has no other part in that plan."""


def on_migration(visit: Visit, view: MigrationView) -> ActionSet:
    """The buttons of a migration; the digest of the plan that is shown goes with each of them."""
    shown = plan_to_approve(view)
    hidden = {
        "version": str(view.migration.version),
        "digest": (shown.plan.tuple_digest or "") if shown else "",
    }
    return ActionSet((*_next(visit, view), *_ending(visit, view)), hidden=hidden)


def plan_to_approve(view: MigrationView) -> MigrationPlanView | None:
    """The plan whose approval is awaited: of a cut and its return the cut, which binds both."""
    waits = [item for item in view.plans if item.plan.status == PlanStatus.SUBMITTED]
    found = [item for item in waits if item.act == "cut"] or waits
    return found[-1] if found else None


def _next(visit: Visit, view: MigrationView) -> Iterator[Action]:
    for item in view.awaited:
        if item.act in ADDRESSES and _is_mine(visit, view, item):
            yield Action(
                f"move_{item.act.rstrip('_')}",
                f"/console/migrations/{view.migration.id}/{ADDRESSES[item.act]}",
                _tone(item.act),
                blocked=_blocked(visit, view, item),
            )


def _tone(act: str) -> Tone:
    return NO if act in ("return_", "order_return") else YES


def _is_mine(visit: Visit, view: MigrationView, item: Awaited) -> bool:
    """Whether the act belongs to a role of this person; only the own department accepts."""
    is_own = visit.actor.organisation == view.migration.organisation_code
    if item.act == "accept" and not is_own:
        return False
    return any(visit.actor.may(permission) for permission in item.permissions)


def _blocked(visit: Visit, view: MigrationView, item: Awaited) -> str:
    plan = _plan_of(view, item.act)
    if plan is None:
        return ""
    if visit.actor.person_id in to_do.parties(visit.session, plan):
        return visit.say(TWICE)
    if item.act not in ("approve", "approve_cut"):
        return ""
    if visit.actor.organisation == plan.organisation_code:
        return visit.say(OWN_BODY)
    if to_do.can_approve(visit.session, plan, visit.actor):
        return ""
    shown = plan_to_approve(view)
    roles = [visit.word(role, "role") for role in (shown.missing if shown else ())]
    return visit.say(LACKING, roles=visit.say(N_("、")).join(roles))


def _plan_of(view: MigrationView, act: str) -> ExecutionPlan | None:
    if act in ("approve", "approve_cut"):
        shown = plan_to_approve(view)
        return shown.plan if shown else None
    return _newest(view, PLAN_OF[act]) if act in PLAN_OF else None


def _newest(view: MigrationView, act: str) -> ExecutionPlan | None:
    found = [item.plan for item in view.plans if item.act == act]
    return found[-1] if found else None


def _ending(visit: Visit, view: MigrationView) -> Iterator[Action]:
    """The ways to give the migration up while the source serves."""
    migration = view.migration
    path = f"/console/migrations/{migration.id}"
    is_own = visit.actor.organisation == migration.organisation_code
    if migration.status in BEFORE_ARMING and visit.actor.may(P.REQUESTS_DRAFT if is_own else P.PLANS_AUTHOR):
        yield Action("move_abort", f"{path}/abort", NO, needs_reason=True)
    if migration.status not in MAY_REMOVE - {S.DESIGNED}:
        return
    plan = _newest(view, "disarm")
    if plan is not None and plan.status in LIVE:
        yield from _removal(visit, view, plan, path)
    elif visit.actor.may(P.PLANS_AUTHOR):
        yield Action("move_order_removal", f"{path}/order-removal", NO)


def _removal(visit: Visit, view: MigrationView, plan: ExecutionPlan, path: str) -> Iterator[Action]:
    """The planned removal of the copies: approved, then carried out."""
    blocked = visit.say(TWICE) if visit.actor.person_id in to_do.parties(visit.session, plan) else ""
    shown = plan_to_approve(view)
    if plan.status == PlanStatus.SUBMITTED and shown is not None and shown.plan.id == plan.id:
        if to_do.can_approve(visit.session, plan, visit.actor):
            yield Action("move_approve_removal", f"{path}/approve", NO, blocked=blocked)
    elif plan.status == PlanStatus.APPROVED and visit.actor.may(P.PLANS_APPLY):
        yield Action("move_remove", f"{path}/remove", NO, blocked=blocked)
