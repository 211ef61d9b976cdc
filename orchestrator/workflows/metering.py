"""When billing starts, changes and ends: activation, resize, release, and a trial's end without one."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing import store as billing
from orchestrator.core.clock import now, today
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.quotas import store as quotas
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import store as resources
from orchestrator.resources.errors import NotInTrial
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.resources.models import Resource
from orchestrator.runs import queries as run_queries
from orchestrator.runs.models import Run
from orchestrator.workflows import pricing

CALENDAR = "system:calendar"
RELEASE_WAITS = timedelta(days=365)


def activate_request(session: Session, actor: Actor, request_id: UUID) -> ResourceRequest:
    """Open the trial's resources for production: billing starts today (domain §2.9, *Day*).

    Raises:
        NotInTrial: the request's resources are not in trial.
    """
    request = requests.lock(session, request_id)
    require(actor, Permission.RESOURCES_ACTIVATE, request.organisation_code)
    if request.status != RequestStatus.IN_TRIAL:
        raise NotInTrial(f"This request is {request.status}.")
    workspace = run_queries.workspace_of_request(session, request.id)
    run = run_queries.last_apply(session, workspace.id)
    # A change during the trial may have given the resources other sizes than this request had.
    sized = pricing.current_request(session, workspace.id)
    for row in resources.lock_all(session, workspace.id):
        if row.status == ResourceStatus.TRIAL:
            open_resource(session, row, sized, run, actor.audit_name)
    requests.move(session, request, RequestStatus.FULFILLED, actor.audit_name)
    return request


def open_resource(session: Session, row: Resource, request: ResourceRequest, run: Run, actor: str) -> None:
    """The resource is in production from today on, and billed."""
    row.opened_on = today(session)
    resources.move(session, row, ResourceStatus.ACTIVE, actor)
    _open_intervals(session, row, request, run)


def resize_resource(session: Session, row: Resource, request: ResourceRequest, run: Run, actor: str) -> None:
    """The change is applied: the old size is billed until yesterday, the new one from today on."""
    billing.close_intervals(session, row.id, today(session))
    _open_intervals(session, row, request, run)
    resources.move(session, row, ResourceStatus.ACTIVE, actor)


def release_resource(session: Session, row: Resource, actor: str) -> None:
    """Billing ends on the date of entering releasing (domain §2.9, *State*)."""
    billing.close_intervals(session, row.id, today(session))
    resources.move(session, row, ResourceStatus.RELEASING, actor)


def _open_intervals(session: Session, row: Resource, request: ResourceRequest, run: Run) -> None:
    skus = pricing.skus_by_address(session, request).get(row.address, [])
    serial = run_queries.workspace(session, row.workspace_id).serial
    billing.open_intervals(session, row.id, skus, today(session), run.id, serial)


def end_trials(session: Session) -> int:
    """Trials that ran out without activation end; an approved release of their resources waits (R-25)."""
    over = {row.request_id for row in resources.trials_over(session, today(session))}
    for request_id in sorted(over):
        request = requests.lock(session, request_id)
        if request.status == RequestStatus.IN_TRIAL:
            requests.move(session, request, RequestStatus.TRIAL_ENDED, CALENDAR, "The trial has ended.")
            _order_release(session, request)
    return len(over)


def _order_release(session: Session, request: ResourceRequest) -> None:
    workspace = run_queries.workspace_of_request(session, request.id)
    draft = RequestDraft(
        kind="release",
        system=request.system_code,
        workspace=workspace.id,
        title=request.title,
        justification=request.justification,
    )
    release = requests.create(
        session,
        draft,
        request.organisation_code,
        request.requester_id,
        filed_by_officer=request.filed_by_officer,
    )
    release.endorser_id = request.endorser_id
    sizing = pricing.quote_request(session, release)
    takes, _ = pricing.request_takes(session, release, sizing)
    quotas.hold(session, release.id, release.organisation_code, takes, now(session) + RELEASE_WAITS)
    for status in (
        RequestStatus.AWAITING_ENDORSEMENT,
        RequestStatus.SUBMITTED,
        RequestStatus.ACCEPTED,
        RequestStatus.UNDER_REVIEW,
        RequestStatus.APPROVED,
    ):
        requests.move(session, release, status, CALENDAR, "The trial has ended.")
