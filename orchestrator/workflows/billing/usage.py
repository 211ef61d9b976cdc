"""When billing starts, changes and ends: activation, resize, release, and a trial's end without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing import queries as billing_queries
from orchestrator.billing import store as billing
from orchestrator.billing.intervals import NOT_BILLED, EventKind, Origin, SkuUse
from orchestrator.billing.models import MeteredResource, UsageEvent
from orchestrator.billing.rating import BillingState
from orchestrator.catalogue import queries as catalogue_queries
from orchestrator.catalogue.models import SkuBilling
from orchestrator.core.clock import now, today
from orchestrator.core.errors import BadInput
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.migrations import queries as migration_queries
from orchestrator.quotas import store as quotas
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.resources.models import Resource
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.models import Run
from orchestrator.workflows.act import Call
from orchestrator.workflows.requests import quotation
from orchestrator.workflows.requests.standing_queries import read_standing

CALENDAR = "system:calendar"
_GIVEN_BACK = (ResourceStatus.RELEASING, ResourceStatus.RELEASED)
RELEASE_WAITS = timedelta(days=365)


@dataclass(frozen=True)
class UsageCorrection:
    """The true billing state, or all true SKUs, from `day` on; with `once` they are a one-off charge."""

    day: date
    reason: str
    state: str | None = None
    skus: Sequence[SkuUse] | None = None
    once: bool = False


def activate_request(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Activate the resources after the trial; billing starts today.

    *Day* is that of domain §2.9.
    """
    session, actor = call.session, call.actor.audit_name
    workspace = run_queries.workspace_of_request(session, request.id)
    run = run_queries.last_apply(session, workspace.id)
    # A change during the trial may have given the resources other sizes than this request had.
    sized = quotation.current_request(session, workspace.id)
    for row in resources.lock_all(session, workspace.id):
        if row.status == ResourceStatus.TRIAL:
            open_resource(session, row, sized, run, actor)
    requests.transition(session, request, RequestStatus.FULFILLED, actor)
    return request


def open_resource(session: Session, row: Resource, request: ResourceRequest, run: Run, actor: str) -> None:
    """Put a resource into production and bill it from today on."""
    # A target that returned to trial is opened again by the same apply; its second event needs another kind.
    kind = EventKind.OPENED if row.opened_on is None else EventKind.RESUMED
    row.opened_on = row.opened_on or today(session)
    resources.transition(session, row, ResourceStatus.ACTIVE, actor)
    uses, origin = _uses(session, row, request), _origin(session, run)
    _write(session, row, billing.Happening(kind, today(session), BillingState.ACTIVE, uses, origin, actor))


def resize_resource(session: Session, row: Resource, request: ResourceRequest, run: Run, actor: str) -> None:
    """Bill the old size of a changed resource until yesterday and the new one from today on."""
    uses, origin = _uses(session, row, request), _origin(session, run)
    _write(session, row, billing.Happening(EventKind.RESIZED, today(session), None, uses, origin, actor))
    resources.transition(session, row, ResourceStatus.ACTIVE, actor)


def resize_untouched(session: Session, request: ResourceRequest, run: Run, actor: str) -> None:
    """Bill changes of resources that Terraform did not touch, from today on.

    Terraform does not manage backup and services, and a suspended resource does not become `changing`. Call
    this before the plan of the change is marked applied.
    """
    before = quotation.skus_by_address(session, quotation.current_request(session, run.workspace_id))
    after = quotation.skus_by_address(session, request)
    for row in resources.lock_all(session, run.workspace_id):
        billed = row.status in (ResourceStatus.ACTIVE, ResourceStatus.SUSPENDED)
        if billed and row.address in before and before[row.address] != after.get(row.address, []):
            uses, origin = _uses(session, row, request), _origin(session, run)
            _write(
                session, row, billing.Happening(EventKind.RESIZED, today(session), None, uses, origin, actor)
            )


def release_resource(session: Session, row: Resource, actor: str) -> None:
    """End billing today, the date of entering releasing (domain §2.9, *State*)."""
    if row.opened_on is not None:
        origin = _origin(session, _run_behind(session, row))
        _write(
            session,
            row,
            billing.Happening(EventKind.RELEASED, today(session), NOT_BILLED, None, origin, actor),
        )
    resources.transition(session, row, ResourceStatus.RELEASING, actor)


def suspend_resource(call: Call, resource: Resource) -> Resource:
    """Bill the resource as suspended from today on: less if the price list says so."""
    return _pause(call, resource, EventKind.SUSPENDED)


def resume_resource(call: Call, resource: Resource) -> Resource:
    """Bill the resource in full again from today on."""
    return _pause(call, resource, EventKind.RESUMED)


def _pause(call: Call, resource: Resource, kind: EventKind) -> Resource:
    status, state = ResourceStatus.ACTIVE, BillingState.ACTIVE
    if kind is EventKind.SUSPENDED:
        status, state = ResourceStatus.SUSPENDED, BillingState.SUSPENDED
    session, actor = call.session, call.actor.audit_name
    resources.transition(session, resource, status, actor, {"reason": call.reason})
    origin = _origin(session, _run_behind(session, resource))
    _write(
        session,
        resource,
        billing.Happening(kind, today(session), state, None, origin, actor, call.reason),
    )
    return resource


def hand_over(
    session: Session, source: Sequence[Resource], target: Sequence[Resource], run: Run, actor: str
) -> None:
    """Bill the target of an accepted migration from today on, and waive its source.

    Both happen in the transaction of the caller, so exactly one side is charged on every day. The caller has
    locked the resources.
    """
    for row in target:
        open_resource(session, row, quotation.current_request(session, row.workspace_id), run, actor)
    for row in source:
        origin = _origin(session, run)
        _write(
            session,
            row,
            billing.Happening(EventKind.WAIVED, today(session), BillingState.WAIVED, None, origin, actor),
        )


def return_to_trial(session: Session, rows: Sequence[Resource], run: Run, actor: str) -> None:
    """Return the target of a migration that `run` rolled back to trial: it is free from today on."""
    for row in rows:
        origin = _origin(session, run)
        _write(
            session,
            row,
            billing.Happening(EventKind.RELEASED, today(session), NOT_BILLED, None, origin, actor),
        )
        resources.transition(session, row, ResourceStatus.TRIAL, actor, {"run": str(run.id)})


def correct_usage(
    session: Session, actor: Actor, resource_id: UUID, correction: UsageCorrection
) -> UsageEvent:
    """Correct the usage of a resource from a day on that may lie in a month with an issued statement.

    The months from that day on are rated again: an open one as a whole; for a confirmed one the next open
    month receives counter-lines.

    Raises:
        BadInput: the day is in the future or before the resource was first billed, the SKUs do not fit, or
            billing would continue after the release.
    """
    row = resources.lock(session, resource_id)
    require(actor, Permission.USAGE_CORRECT, row.organisation_code)
    if row.opened_on is None or not row.opened_on <= correction.day <= today(session):
        raise BadInput("Choose a day between the opening of the resource and today.", field="day")
    _require_fitting_skus(session, correction)
    _require_before_release(session, row, correction)
    happening = billing.Happening(
        kind=EventKind.CHARGED if correction.once else EventKind.CORRECTED,
        day=correction.day,
        state=correction.state,
        skus=correction.skus,
        origin=_origin(session, _run_behind(session, row)),
        actor=actor.audit_name,
        reason=correction.reason,
    )
    _write(session, row, happening)
    return billing_queries.last_event(session, row.id)


def _require_fitting_skus(session: Session, correction: UsageCorrection) -> None:
    if correction.state is None and not correction.skus:
        raise BadInput("Give the state, or the SKUs with their quantities.", field="skus")
    if correction.once and correction.state is not None:
        raise BadInput(
            "A one-off charge changes no state. Enter the state in a correction of its own.", field="state"
        )
    named = [use.sku for use in correction.skus or ()]
    if len(named) != len(set(named)):
        raise BadInput("Each SKU is named once, with its whole quantity.", field="skus")
    billing_of = catalogue_queries.billing_of(session, named)
    for use in correction.skus or ():
        kind = billing_of.get(use.sku)
        if kind is None:
            raise BadInput(f"There is no SKU {use.sku}.", field="skus")
        if (kind == SkuBilling.ONE_OFF) != correction.once:
            raise BadInput(f"{use.sku} is billed {kind}.", field="once")
        if (kind == SkuBilling.PERCENT_OF_SPEC) != (use.spec is not None):
            raise BadInput(f"{use.sku} is billed {kind}: give a spec there and nowhere else.", field="skus")


def _require_before_release(session: Session, row: Resource, correction: UsageCorrection) -> None:
    """Refuse to bill a released resource from its release on."""
    if correction.state in (None, NOT_BILLED) or row.status not in _GIVEN_BACK:
        return
    released = billing_queries.released_on(session, row.id)
    if released is not None and correction.day >= released:
        raise BadInput(
            f"The resource was released on {released} and is not billed from then on.", field="day"
        )


def _run_behind(session: Session, row: Resource) -> Run:
    """Return the running apply of the resource's workspace, or the most recent one."""
    active = [run for run in run_queries.active_runs(session) if run.workspace_id == row.workspace_id]
    applies = [run for run in active if run.kind == RunKind.APPLY]
    return applies[0] if applies else run_queries.last_apply(session, row.workspace_id)


def _origin(session: Session, run: Run) -> Origin:
    return Origin(run.id, run_queries.workspace(session, run.workspace_id).serial)


def _uses(session: Session, row: Resource, request: ResourceRequest) -> list[SkuUse]:
    skus = quotation.skus_by_address(session, request).get(row.address, [])
    return [SkuUse(sku, Decimal(quantity)) for sku, quantity in skus]


def _write(session: Session, row: Resource, happening: billing.Happening) -> None:
    billing.hold_off_closes(session)
    metered = MeteredResource(
        resource_id=row.id,
        organisation_code=row.organisation_code,
        system_code=row.system_code,
        zone=run_queries.workspace(session, row.workspace_id).zone,
        address=row.address,
    )
    billing.meter(session, metered)
    billing.record_event(session, metered, happening)


def end_trials(session: Session) -> int:
    """End trials that expired without activation and order an approved release (R-25); return their number.

    This includes targets that a migration returned to trial, once it has ended (domain §6, 8d).
    """
    over = {row.request_id for row in resources.trials_over(session, today(session))}
    ended = 0
    for request_id in sorted(over):
        request = requests.lock(session, request_id)
        workspace = run_store.lock_workspace(
            session, run_queries.workspace_of_request(session, request_id).id
        )
        # A change starts from the present size, so the trial ends after the change. A release that is waiting
        # is not ordered twice.
        if request_queries.holding(session, workspace.id):
            continue
        if request.status == RequestStatus.IN_TRIAL:
            requests.transition(session, request, RequestStatus.TRIAL_ENDED, CALENDAR, "The trial has ended.")
        elif not _is_left_on_trial(session, request, workspace.id):
            continue
        _order_release(session, request)
        ended += 1
    return ended


def _is_left_on_trial(session: Session, request: ResourceRequest, workspace_id: UUID) -> bool:
    """Return whether a migration was rolled back and ended, and nothing in the workspace is in production."""
    used = (ResourceStatus.ACTIVE, ResourceStatus.CHANGING, ResourceStatus.SUSPENDED)
    is_over = migration_queries.live_of_request(session, request.id) is None
    in_production = any(row.status in used for row in resources.lock_all(session, workspace_id))
    return request.status == RequestStatus.FULFILLED and is_over and not in_production


def _order_release(session: Session, request: ResourceRequest) -> None:
    workspace = run_queries.workspace_of_request(session, request.id)
    draft = RequestDraft(
        kind=RequestKind.RELEASE,
        system=request.system_code,
        workspace=workspace.id,
        title=request.title,
        justification=request.justification,
    )
    author = requests.Author(
        request.requester_id, request.organisation_code, CALENDAR, request.filed_by_officer
    )
    release = requests.create(session, draft, author)
    release.endorser_id = request.endorser_id
    standing = read_standing(session, release.id)
    sizing = quotation.quote_request(session, release, standing)
    takes = quotation.request_takes(release, sizing)
    quotas.hold(session, release.id, release.organisation_code, takes, now(session) + RELEASE_WAITS)
    for status in (
        RequestStatus.AWAITING_ENDORSEMENT,
        RequestStatus.SUBMITTED,
        RequestStatus.ACCEPTED,
        RequestStatus.UNDER_REVIEW,
        RequestStatus.APPROVED,
    ):
        requests.transition(session, release, status, CALENDAR, "The trial has ended.")
