"""Which buttons a person sees. The workflows decide; a button only tells beforehand what they would say."""

from collections.abc import Callable
from typing import Literal

from orchestrator.console.frame.views import Action, ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Permission
from orchestrator.migrations import queries as migration_queries
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.runs.errors import OwnOrganisation
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.models import MOVE_KINDS, ExecutionPlan, Run
from orchestrator.workflows import to_do
from orchestrator.workflows.plans.approval import missing_approvals
from orchestrator.workflows.requests import judgements
from orchestrator.workflows.requests import steps as requesting

P = Permission
R = RequestStatus

Tone = Literal["primary", "outline-secondary", "outline-danger"]
YES: Tone = "primary"
NO: Tone = "outline-danger"

TWICE = N_("您在本事项中已承担其他环节，须由另一人办理。")
OWN_BODY = N_("单位不得审批本单位的事项。")
LACKING = N_("还缺的批准：%(roles)s。")


def on_request(visit: Visit, request: ResourceRequest) -> ActionSet:
    """The buttons of a request."""
    path = f"/console/requests/{request.id}"
    steps: dict[str, Callable[[Visit, ResourceRequest, str], list[Action]]] = {
        R.DRAFT: _draft,
        R.AWAITING_ENDORSEMENT: _endorsement,
        R.SUBMITTED: _submitted,
        R.RETURNED: _returned,
        R.UNDER_REVIEW: _review,
        R.APPROVED: _approved,
        R.CANCELLING: _cancelling,
        R.IN_TRIAL: _trial,
        R.FULFILLED: _running,
    }
    step = steps.get(request.status)
    actions = step(visit, request, path) if step else []
    return ActionSet(tuple(actions), hidden={"version": str(request.version)})


def _is_requester(visit: Visit, request: ResourceRequest) -> bool:
    return visit.actor.person_id == request.requester_id and visit.actor.may(P.REQUESTS_DRAFT)


def _is_inside(visit: Visit, request: ResourceRequest, permission: P) -> bool:
    return visit.actor.organisation == request.organisation_code and visit.actor.may(permission)


def _cancel(path: str) -> Action:
    return Action("cancel", f"{path}/cancel", NO, needs_reason=True)


def _draft(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    if not _is_requester(visit, request):
        return []
    return [
        Action("send", f"{path}/send", YES),
        Action("edit", f"{path}/edit", is_link=True),
        _cancel(path),
    ]


def _endorsement(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    actions = _towards_submission(visit, request, path)
    if request.endorser_id is None and _is_inside(visit, request, P.REQUESTS_ENDORSE):
        actions.append(Action("decline", f"{path}/decline", NO, needs_reason=True))
    return [*actions, *([_cancel(path)] if _is_requester(visit, request) else [])]


def _towards_submission(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    """What the officer does with words that nobody has endorsed yet, or the author once they are."""
    if request.endorser_id is not None:
        submit = Action("submit", f"{path}/submit", YES)
        return [submit] if _is_inside(visit, request, P.REQUESTS_DRAFT) else []
    if not _is_inside(visit, request, P.REQUESTS_ENDORSE):
        return []
    is_own = visit.actor.person_id == request.requester_id and not request.filed_by_officer
    blocked = visit.say(TWICE) if is_own else ""
    return [
        Action("endorse_and_submit", f"{path}/endorse-and-submit", YES, blocked=blocked),
        Action("endorse", f"{path}/endorse", blocked=blocked),
    ]


def _returned(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    actions = _towards_submission(visit, request, path)
    if _is_requester(visit, request):
        actions += [Action("edit", f"{path}/edit", is_link=True), _cancel(path)]
    return actions


def _reviewer(visit: Visit, request: ResourceRequest, permission: P = P.REQUESTS_REVIEW) -> str | None:
    """None for who is no reviewer of this, else the reason that keeps this one from it, "" for none."""
    try:
        judgements.require_reviewer(visit.actor, request, visit.service.pack, permission)
    except OwnOrganisation:
        return visit.say(OWN_BODY)
    except BusinessError:
        return None
    is_party = visit.actor.person_id in (request.requester_id, request.endorser_id)
    return visit.say(TWICE) if is_party else ""


def _submitted(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    blocked = _reviewer(visit, request)
    own = [_cancel(path)] if _is_requester(visit, request) else []
    if blocked is None:
        return own
    return [
        Action("accept", f"{path}/accept", YES, blocked=blocked),
        Action("return", f"{path}/return", needs_reason=True, blocked=blocked),
        Action("refuse", f"{path}/refuse", NO, needs_reason=True, blocked=blocked),
        *own,
    ]


def _review(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    blocked = _reviewer(visit, request)
    own = [_cancel(path)] if _is_requester(visit, request) else []
    if blocked is None:
        return own
    return [
        Action("approve", f"{path}/approve", YES, blocked=blocked),
        Action("return", f"{path}/return", needs_reason=True, blocked=blocked),
        Action("reject", f"{path}/reject", NO, needs_reason=True, blocked=blocked),
        *own,
    ]


def _approved(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    if run_queries.live_plan(visit.session, request.id) is not None:
        return []
    actions = _planning(visit, request, path)
    reviewing = _reviewer(visit, request)
    if reviewing is not None and requesting.leaves_parts(visit.session, request):
        actions.append(Action("reject", f"{path}/reject", NO, needs_reason=True, blocked=reviewing))
    return [*actions, *([_cancel(path)] if _is_requester(visit, request) else [])]


def _planning(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    blocked = _reviewer(visit, request, P.PLANS_AUTHOR)
    return [] if blocked is None else [Action("make_plan", f"{path}/plans", YES, blocked=blocked)]


def _cancelling(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    """Order the plan that removes what was made, or let the request go on after all."""
    if run_queries.live_plan(visit.session, request.id) is not None:
        return []
    actions = _planning(visit, request, path)
    reviewing = _reviewer(visit, request)
    if reviewing is not None:
        actions.append(Action("approve", f"{path}/approve", blocked=reviewing))
    return actions


def _trial(visit: Visit, request: ResourceRequest, path: str) -> list[Action]:
    opening: list[Action] = []
    if visit.actor.may(P.RESOURCES_ACTIVATE):
        opening.append(Action("activate", f"{path}/activate", YES))
    return [*opening, *_running(visit, request, path)]


def _running(visit: Visit, request: ResourceRequest, _path: str) -> list[Action]:
    """What can be asked for once resources exist."""
    applied = [
        plan for plan in run_queries.plans_of(visit.session, request.id) if plan.status == PlanStatus.APPLIED
    ]
    if not applied or request.kind == "release":
        return []
    workspace = run_queries.workspace(visit.session, applied[0].workspace_id)
    if workspace.released_at is not None:
        return []
    actions: list[Action] = []
    if visit.actor.may(P.RESOURCES_CHECK_DRIFT):
        actions.append(Action("check_drift", f"/console/workspaces/{workspace.id}/check-drift"))
    if _is_inside(visit, request, P.REQUESTS_DRAFT):
        new = f"/console/requests/new?workspace={workspace.id}"
        actions += [
            Action("change", f"{new}&kind=change", is_link=True),
            Action("release", f"{new}&kind=release", NO, is_link=True),
        ]
    return actions


def on_plan(visit: Visit, plan: ExecutionPlan) -> ActionSet:
    """The buttons of an execution plan; the digest that is shown goes with each of them."""
    if plan.kind in MOVE_KINDS:
        # Migrations decide more than their plans: step, window, and the return that goes with a cut.
        migration = migration_queries.act_of_plan(visit.session, plan.id).migration_id
        return ActionSet((Action("to_migration", f"/console/migrations/{migration}", YES, is_link=True),))
    path = f"/console/plans/{plan.id}"
    actions: list[Action] = []
    if plan.status == PlanStatus.SUBMITTED:
        actions += _approving(visit, plan, path)
    if plan.status == PlanStatus.APPROVED and visit.actor.may(P.PLANS_APPLY):
        actions.append(Action("apply", f"{path}/apply", YES, blocked=_party(visit, plan)))
    if plan.status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED) and visit.actor.may(P.PLANS_AUTHOR):
        actions.append(Action("withdraw_plan", f"{path}/withdraw", NO, needs_reason=True))
    if plan.status == PlanStatus.FAILED and visit.actor.may(P.RUNS_RECOVER):
        actions.append(Action("abandon", f"{path}/abandon", NO))
    hidden = {"version": str(plan.version), "digest": plan.tuple_digest or ""}
    return ActionSet(tuple(actions), hidden=hidden)


def _approving(visit: Visit, plan: ExecutionPlan, path: str) -> list[Action]:
    if not any(visit.actor.may(permission) for permission in APPROVAL_PERMISSIONS.values()):
        return []
    blocked = _party(visit, plan)
    if visit.actor.organisation == plan.organisation_code:
        blocked = visit.say(OWN_BODY)
    elif not blocked and not to_do.can_approve(visit.session, plan, visit.actor):
        lacking = missing_approvals(visit.session, plan)
        blocked = visit.say(
            LACKING, roles=visit.say(N_("、")).join(visit.word(role, "role") for role in lacking)
        )
    return [
        Action("approve_plan", f"{path}/approve", YES, blocked=blocked),
        Action("return_plan", f"{path}/return", needs_reason=True, blocked=blocked),
        Action("reject_plan", f"{path}/refuse", NO, needs_reason=True, blocked=blocked),
    ]


def _party(visit: Visit, plan: ExecutionPlan) -> str:
    is_party = visit.actor.person_id in to_do.parties(visit.session, plan)
    return visit.say(TWICE) if is_party else ""


def on_run(visit: Visit, run: Run) -> ActionSet:
    """The buttons of a run."""
    stoppable = run.status in (RunStatus.QUEUED, RunStatus.RUNNING)
    if not stoppable or run.cancel_requested or not visit.actor.may(P.RUNS_CANCEL):
        return ActionSet()
    return ActionSet((Action("cancel_run", f"/console/runs/{run.id}/cancel", NO),))
