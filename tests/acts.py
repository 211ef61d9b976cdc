"""Acts on a request, one after the other, through the API; many tests begin with them."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from orchestrator.client.api import ApiClient
from orchestrator.client.encoding import decode
from orchestrator.client.models import (
    DigestBody,
    PlanDetail,
    PlanSummary,
    ReasonBody,
    RequestDetail,
    RequestDraft,
    RequestHold,
    ResourceDetail,
    RunDetail,
    RunStatus,
)
from tests.callers import Callers
from tests.factories import make_draft
from tests.running import RunningService

ReasonedAct = Callable[[ApiClient, UUID, ReasonBody], RequestDetail]


def draft(
    callers: Callers, document: Mapping[str, Any] | None = None, by: str = "slj.clerk"
) -> RequestDetail:
    """A stored draft."""
    return callers(by).draft_request(decode(RequestDraft, document or make_draft()))


def endorse(callers: Callers, request: RequestDetail, department: str = "slj") -> RequestDetail:
    callers(f"{department}.clerk").ask_endorsement_request(request.id)
    return callers(f"{department}.officer").endorse_request(request.id)


def submit(
    callers: Callers, document: Mapping[str, Any] | None = None, department: str = "slj"
) -> RequestDetail:
    """Return a request that was drafted, endorsed and submitted, with its hold."""
    request = endorse(callers, draft(callers, document, f"{department}.clerk"), department)
    return callers(f"{department}.clerk").submit_request(request.id)


def approve(
    callers: Callers, document: Mapping[str, Any] | None = None, department: str = "slj"
) -> RequestDetail:
    """A request that the centre accepted and approved."""
    request = submit(callers, document, department)
    callers("xxh.reviewer").accept_request(request.id)
    return callers("xxh.reviewer").approve_request(request.id)


def plan(service: RunningService, request: RequestDetail, by: str = "xxh.reviewer") -> PlanDetail:
    """The plan of an approved request, waiting for approval; really planned by a worker."""
    run = service.callers(by).plans_request(request.id)
    ended = service.ended_run(run.id)
    assert ended.status == RunStatus.SUCCEEDED, (ended.reason, service.log_lines(run.id)[-20:])
    return read_plan(service, ended.plan_id)


def read_plan(service: RunningService, plan_id: UUID | None) -> PlanDetail:
    assert plan_id is not None
    return service.callers("xxh.approver").read_plan(plan_id)


def approve_plan(service: RunningService, plan: PlanDetail, by: str = "xxh.approver") -> PlanDetail:
    """Return the plan after one approval of the shown digest."""
    return service.callers(by).approve_plan(plan.id, digest_of(plan))


def digest_of(plan: PlanDetail | PlanSummary) -> DigestBody:
    """The digest as an approver sends it."""
    assert plan.tuple_digest is not None
    return DigestBody(digest=plan.tuple_digest)


def order_apply(service: RunningService, plan: PlanDetail, by: str = "csp1.applier") -> RunDetail:
    """The apply run, queued."""
    return service.callers(by).apply_plan(plan.id)


def apply(service: RunningService, plan: PlanDetail, by: str = "csp1.applier") -> RunDetail:
    """The apply run once it has ended, whatever its end."""
    return service.ended_run(order_apply(service, plan, by).id)


def provision(
    service: RunningService, document: Mapping[str, Any] | None = None, dept: str = "slj"
) -> RequestDetail:
    """A request whose resources exist."""
    request = approve(service.callers, document, dept)
    ended = apply(service, approve_plan(service, plan(service, request)))
    assert ended.status == RunStatus.SUCCEEDED, (ended.reason, service.log_lines(ended.id)[-20:])
    return service.callers("xxh.reviewer").read_request(request.id)


def resources(service: RunningService, request: RequestDetail) -> tuple[ResourceDetail, ...]:
    """The resources that the request brought into being."""
    return service.callers("xxh.reviewer").list_resources(request_id=request.id).items


def resources_of(service: RunningService, plan: PlanDetail) -> tuple[ResourceDetail, ...]:
    """The resources of the plan's request."""
    return service.callers("xxh.reviewer").list_resources(request_id=plan.request_id).items


def hold_of(request: RequestDetail) -> RequestHold:
    """The hold of a request, which must have one."""
    assert request.hold is not None
    return request.hold


def withdraw(service: RunningService, plan: PlanDetail) -> None:
    """The author takes the plan back."""
    service.callers("xxh.reviewer").withdraw_plan(plan.id, ReasonBody(reason="试算结束"))
