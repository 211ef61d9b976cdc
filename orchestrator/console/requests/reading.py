"""Read requests as the view models of the pages."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.render import money
from orchestrator.console.frame.views import Action, ActionSet, Finding, Happening
from orchestrator.console.frame.visit import Visit
from orchestrator.console.requests.quote import quote_view
from orchestrator.console.requests.views import (
    HoldRow,
    InstanceLine,
    PlanRow,
    Removal,
    RequestDetail,
    RequestRow,
    ResourceRow,
)
from orchestrator.console.words import labels
from orchestrator.core import audit
from orchestrator.core.calendar import add_working_days, business_date
from orchestrator.core.object_kinds import ObjectKind
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Permission, require_visible
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.arithmetic import Counter, CounterKind
from orchestrator.quotas.models import HoldStatus
from orchestrator.resource_requests import queries
from orchestrator.resource_requests.drafting import LINE_FIELDS
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.resources.models import Resource
from orchestrator.runs import queries as run_queries
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.requests.removals import removed_by_request

STEPS: Mapping[str, str] = {RequestStatus.SUBMITTED: "accept", RequestStatus.UNDER_REVIEW: "review"}
"""The time limit of the policy pack that runs in a status."""

BAD_EVENTS = ("returned", "refused", "rejected", "blocked", "draft", "failed", "stale", "alarm", "expired")


def row(visit: Visit, request: ResourceRequest) -> RequestRow:
    """Return one request as a row of a list."""
    lines = queries.lines(visit.session, request.id)
    return RequestRow(
        id=str(request.id),
        number=request.number,
        kind=request.kind,
        organisation=visit.names.organisation(request.organisation_code),
        requester=visit.names.person(request.requester_id),
        created_at=request.created_at,
        title=request.title,
        system=visit.names.system(request.system_code),
        zone_class=request.zone_class,
        instances=sum(line.count for line in lines),
        monthly_fen=request.monthly_fen,
        status=request.status,
    )


def detail(visit: Visit, request: ResourceRequest) -> RequestDetail:
    """Return one request with everything that belongs to it."""
    plans = run_queries.plans_of(visit.session, request.id)
    events = _events(visit, [request.id, *(plan.id for plan in plans)])
    resources = resource_queries.of_request(visit.session, request.id)
    return RequestDetail(
        id=str(request.id),
        number=request.number,
        kind=request.kind,
        status=request.status,
        title=request.title,
        organisation=visit.names.organisation(request.organisation_code),
        requester=visit.names.person(request.requester_id),
        system=visit.names.system(request.system_code),
        zone_class=request.zone_class,
        justification=request.justification,
        created_at=request.created_at,
        due_on=due_on(visit, request),
        lines=_lines(visit, request),
        quote=quote_view(visit, request.catalogue_code, request.quote.get("lines"), request.monthly_fen),
        holds=_holds(visit, request),
        findings=findings(visit, request.judgement),
        plans=tuple(_plan_row(plan) for plan in plans),
        resources=tuple(resource_row(visit, item) for item in sorted(resources, key=_kind_first)),
        timeline=tuple(_timeline(visit, events)),
        acts=_acts(visit, request),
        reached=frozenset({"draft"} | {event.action.partition(":")[2] for event in events}),
        removals=tuple(map(Removal, removed_by_request(visit.session, request))),
    )


ASKS_FURTHER = frozenset({RequestStatus.IN_TRIAL, RequestStatus.FULFILLED})


def _acts(visit: Visit, request: ResourceRequest) -> ActionSet:
    """Return the buttons of the request, and the further requests that its resources permit."""
    acts = (*buttons(visit, REQUESTS, request), *_further_requests(visit, request))
    return ActionSet(acts, hidden={"version": str(request.version)})


def _further_requests(visit: Visit, request: ResourceRequest) -> list[Action]:
    plans = run_queries.plans_of(visit.session, request.id)
    applied = [plan for plan in plans if plan.status == PlanStatus.APPLIED]
    if request.status not in ASKS_FURTHER or not applied or request.kind == RequestKind.RELEASE:
        return []
    workspace = run_queries.workspace(visit.session, applied[0].workspace_id)
    if workspace.released_at is not None:
        return []
    actions: list[Action] = []
    if visit.actor.may(Permission.RESOURCES_CHECK_DRIFT):
        actions.append(Action("check_drift", f"/console/workspaces/{workspace.id}/check-drift"))
    is_inside = visit.actor.organisation == request.organisation_code
    if is_inside and visit.actor.may(Permission.REQUESTS_DRAFT):
        new = f"/console/requests/new?workspace={workspace.id}"
        actions += [
            Action("change", f"{new}&kind=change", is_link=True),
            Action("release", f"{new}&kind=release", "outline-danger", is_link=True),
        ]
    return actions


def due_on(visit: Visit, request: ResourceRequest) -> date | None:
    """Return the last day of the current step, by the time limits of the policy pack."""
    step = STEPS.get(request.status)
    if step is None:
        return None
    pack = visit.service.pack
    started = business_date(request.status_at)
    return add_working_days(started, pack.time_limit(step).count, pack.calendar).date


def findings(visit: Visit, documents: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Stored results of the policy pack's rules."""
    return tuple(
        Finding(
            rule=result["rule_id"],
            verdict=result["verdict"],
            message=visit.pick(result["message_zh"], result["message_en"]),
            clause=result.get("clause") or "",
            quote=result.get("quote_zh") or "",
        )
        for result in documents
    )


def _lines(visit: Visit, request: ResourceRequest) -> tuple[InstanceLine, ...]:
    return tuple(
        InstanceLine(
            key=line.key,
            label=line.label,
            purpose=line.purpose,
            pool=visit.names.pool(line.pool_code),
            image=visit.word(line.image, "image"),
            vcpu=line.vcpu,
            memory_gb=line.memory_gb,
            disk_gb=line.disk_gb,
            tier=visit.word(line.disk_tier, "tier"),
            backup_gb=line.backup_gb,
            count=line.count,
            services=tuple(line.host_services),
            ports=tuple(line.ports),
            others=tuple(_other_fields(visit, line)),
        )
        for line in queries.lines(visit.session, request.id)
    )


IN_SENTENCES = frozenset(field.name for field in fields(InstanceLine)) | {"disk_tier"}
"""Fields that the page words itself; every other field is listed with its label."""


def _other_fields(visit: Visit, line: RequestLine) -> Iterator[tuple[str, str]]:
    for row in LINE_FIELDS:
        if row.name not in IN_SENTENCES and (value := getattr(line, row.name)):
            yield visit.pick(row.zh, row.en), str(value)


def _holds(visit: Visit, request: ResourceRequest) -> tuple[HoldRow, ...]:
    held_with_items = quota_queries.hold_of(visit.session, request.id)
    if held_with_items is None:
        return ()
    held, items = held_with_items
    expires = held.expires_at if held.status == HoldStatus.LIVE else None
    return tuple(
        HoldRow(kind, subject, amount, held.status, expires)
        for kind, subject, amount in (_hold_words(visit, item.counter, item.amount) for item in items)
    )


def _hold_words(visit: Visit, counter: Counter, amount: int) -> tuple[str, str, str]:
    kind, owner, name = counter.kind, counter.owner, counter.resource_class
    if kind is CounterKind.BUDGET:
        return kind, visit.word("gov_cloud_service", "budget_purpose"), money(amount)
    place = visit.word(owner, "zone_class") if kind is CounterKind.QUOTA else visit.names.pool(owner)
    return (
        kind,
        f"{place} · {visit.word(name, 'quota_class')}",
        f"{amount:,} {visit.word(name, 'quota_unit')}",
    )


def _plan_row(plan: ExecutionPlan) -> PlanRow:
    counts = plan.summary.get("counts", {})
    replaced = counts.get("replace", 0)
    return PlanRow(
        id=str(plan.id),
        number=plan.number,
        kind=plan.kind,
        status=plan.status,
        created_at=plan.created_at,
        creates=counts.get("create", 0) + replaced,
        updates=counts.get("update", 0),
        deletes=counts.get("delete", 0) + replaced,
        monthly_fen=plan.monthly_fen if plan.kind != PlanKind.BASELINE else None,
    )


def _kind_first(resource: Resource) -> tuple[int, str]:
    """Sort hosts and disks before networks and ports."""
    kinds = list(labels.WORDS["resource_kind"])
    return kinds.index(resource.kind) if resource.kind in kinds else len(kinds), resource.address


def resource_row(visit: Visit, resource: Resource) -> ResourceRow:
    """Return one delivered resource as a row."""
    return ResourceRow(
        name=resource.address.partition("/")[2] or resource.address,
        kind=resource.kind,
        spec=spec_words(visit, resource.kind, resource.spec),
        zone=zone_of(visit, resource.workspace_id),
        address=resource.ip_address or "",
        status=resource.status,
        drift="found" if resource.drift else "none",
    )


def spec_words(visit: Visit, kind: str, spec: Mapping[str, Any]) -> str:
    """Return the size of a resource as text; other kinds have none."""
    if kind == ObjectKind.INSTANCE:
        return f"{spec.get('vcpu', '?')} vCPU · {spec.get('memory_gb', '?')} GB"
    if kind == ObjectKind.VOLUME:
        return f"{spec.get('size_gb', '?')} GB {visit.word(str(spec.get('tier', '')), 'tier')}"
    return "—"


def zone_of(visit: Visit, workspace_id: UUID) -> str:
    """Return the name of a workspace's zone."""
    return visit.word(run_queries.workspace(visit.session, workspace_id).zone, "zone")


def _events(visit: Visit, objects: Sequence[UUID]) -> list[audit.AuditEvent]:
    events = [
        event for subject in objects for event in audit.page(visit.session, object_id=str(subject), limit=200)
    ]
    return sorted(events, key=lambda event: event.seq)


def timeline_of(visit: Visit, subject: UUID) -> tuple[Happening, ...]:
    """Return the history of one object, oldest event first."""
    return tuple(_timeline(visit, _events(visit, [subject])))


def _timeline(visit: Visit, events: Iterable[audit.AuditEvent]) -> Iterable[Happening]:
    for event in events:
        who, organisation = visit.names.actor(event.actor)
        code = event.action
        yield Happening(
            at=event.at,
            who=who,
            organisation=organisation,
            what=visit.word(code, "event") if code in labels.WORDS["event"] else code,
            said=str(json.loads(event.body)["data"].get("reason", "")),
            bad=code.endswith(BAD_EVENTS),
        )


def find(visit: Visit, request_id: UUID) -> ResourceRequest:
    """Return a request that the person may see.

    Raises:
        NotFound: there is none, or it belongs to an organisation that this person does not see.
    """
    return require_visible(visit.actor, queries.get(visit.session, request_id))
