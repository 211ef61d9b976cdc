"""Room for the demo's request: where quota or money is short, an earlier demo gives its part back."""

from collections.abc import Iterator, Mapping

from orchestrator.client.api import ApiClient
from orchestrator.client.connection import ApiProblem
from orchestrator.client.models import (
    PlanStatus,
    QuoteBody,
    ReasonBody,
    RequestDraft,
    RequestKind,
    RequestStatus,
    ZoneClass,
)
from orchestrator.demo.case import REVIEWER, Case
from orchestrator.demo.city import DEPARTMENTS, TITLE, DemoStopped, Department, draft_of
from orchestrator.demo.story import Story

DEFECT = 500
CANCELLABLE = frozenset(
    {
        RequestStatus.DRAFT,
        RequestStatus.AWAITING_ENDORSEMENT,
        RequestStatus.SUBMITTED,
        RequestStatus.RETURNED,
        RequestStatus.ACCEPTED,
        RequestStatus.UNDER_REVIEW,
        RequestStatus.APPROVED,
    }
)
STANDING = frozenset({RequestStatus.IN_TRIAL, RequestStatus.FULFILLED, RequestStatus.TRIAL_ENDED})
WITHDRAWABLE = frozenset({PlanStatus.SUBMITTED, PlanStatus.APPROVED})


def find_room(story: Story, cast: Mapping[str, ApiClient]) -> Department:
    """A department whose quota and money have room for the demo's request, made where it is short.

    Raises:
        DemoStopped: No department has room, and no earlier demo holds the missing amount.
    """
    for department in DEPARTMENTS:
        missing = shortage(cast, department)
        if not missing:
            return department
        story.say(
            f"{department.code} is short of {', '.join(missing)}; an earlier demo gives its hosts back."
        )
        for case in earlier(cast, department):
            give_back(story, case)
            if not shortage(cast, department):
                return department
    raise DemoStopped("No department has room for the demo's request. Set GOVCLOUD_HOME to an empty folder.")


def shortage(cast: Mapping[str, ApiClient], department: Department) -> list[str]:
    """Return the amounts that the department lacks for the demo's request."""
    clerk = cast[department.clerk]
    draft = draft_of(department)
    wanted = {
        "vcpu": sum(line.vcpu * line.count for line in draft.lines),
        "memory_gb": sum(line.memory_gb * line.count for line in draft.lines),
        "block_gb": sum(line.disk_gb * line.count for line in draft.lines),
    }
    cost = clerk.quote_lines(QuoteBody(lines=draft.lines)).year_fen
    has = clerk.read_department(department.code)
    short = [
        limit.resource_class.value
        for limit in has.quota
        if limit.zone_class == ZoneClass.PRODUCTION
        and limit.amount - limit.held - limit.committed < wanted[limit.resource_class]
    ]
    return short if any(line.free_fen >= cost for line in has.budget_lines) else [*short, "money"]


def earlier(cast: Mapping[str, ApiClient], department: Department) -> Iterator[Case]:
    """Requests of earlier demos that still hold something, oldest first."""
    clerk = cast[department.clerk]
    for request in reversed(clerk.list_requests(search=TITLE, limit=200).items):
        if request.title == TITLE and request.kind == RequestKind.PROVISION:
            case = Case(cast, department, clerk.read_request(request.id))
            if holds_something(case):
                yield case


def holds_something(case: Case) -> bool:
    """Whether giving the case back would free anything."""
    status = case.request.status
    may_be_cancelled = status in CANCELLABLE | {RequestStatus.PLANNED}
    return may_be_cancelled or (status in STANDING and bool(case.resources()))


def give_back(story: Story, case: Case) -> None:
    """Release an applied request, or cancel one that was not applied."""
    number = case.request.number
    story.doing(f"Giving back {number}")
    try:
        if case.request.status in STANDING:
            release(case)
        else:
            cancel(case)
    except ApiProblem as problem:
        if problem.status >= DEFECT:
            raise
        # A case that somebody is working on stays as it is; the next one is tried.
        story.say(f"{number} stays: {problem}")
    else:
        story.say(f"{number} was given back.")


def release(case: Case) -> None:
    """The whole way of a release: endorsed, reviewed, planned, approved, applied by different people."""
    back = Case(case.cast, case.department)
    back.draft(
        RequestDraft(
            kind=RequestKind.RELEASE,
            system=case.request.system_code,
            workspace=case.workspace().id,
            title=TITLE,
            justification="演示资源释放。",
        )
    )
    back.endorse()
    back.submit()
    back.review()
    back.order_plan()
    back.approve_plan()
    back.apply_plan()


def cancel(case: Case) -> None:
    """Withdraw the plan where there is one, then cancel the request."""
    reason = ReasonBody(reason="An earlier demo was not finished.")
    reviewer = case.cast[REVIEWER]
    for plan in case.plans():
        if plan.status in WITHDRAWABLE:
            reviewer.withdraw_plan(plan.id, reason)
        elif plan.status == PlanStatus.FAILED:
            reviewer.abandon_plan(plan.id)
    case.clerk.cancel_request(case.request.id, reason)
