"""The queue of what waits for a decision, and the page after signing in that begins with it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.approvals.views import ApprovalQueue, QueueRow
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.home.views import HomePage
from orchestrator.console.plans import reading as plan_reading
from orchestrator.console.plans.views import PlanDetail
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.requests.quote import quota_card
from orchestrator.console.requests.views import RequestDetail
from orchestrator.console.runs import reading as run_reading
from orchestrator.core.clock import today
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import Permission
from orchestrator.migrations.models import Migration
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.workflows import to_do

router = APIRouter(prefix="/console", include_in_schema=False)

PAGE_SIZE = 20
FEW = 6
PARTS = {"queue-rows": "approvals/_rows.html", "panel": "approvals/_panel.html"}


@router.get("/")
def show_home(visit: TheVisit) -> Response:
    """What waits for me."""
    actor = visit.actor
    sees_all = actor.may(Permission.OBJECTS_READ_ALL)
    own = None if sees_all else actor.organisation
    latest = request_queries.page(visit.session, organisation=own, limit=FEW)
    active = [run for run in run_queries.active_runs(visit.session) if actor.sees(run.organisation_code)]
    page = HomePage(
        waiting=tuple(
            _row(visit, item) for item in to_do.items(visit.session, actor, visit.service.pack)[:PAGE_SIZE]
        ),
        runs=tuple(run_reading.row(visit, run) for run in active[:FEW]),
        requests=tuple(request_reading.row(visit, request) for request in latest),
        quota=quota_card(visit, actor.organisation),
        may_create=actor.may(Permission.REQUESTS_DRAFT),
    )
    return visit.show("home/page.html", page)


@router.get("/approvals")
def show_queue(
    visit: TheVisit,
    kind: Annotated[str, Query(alias="waiting", max_length=20)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=10)] = "",
    chosen: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """The queue, with the chosen item beside it."""
    rows = [_row(visit, item) for item in to_do.items(visit.session, visit.actor, visit.service.pack)]
    kinds = tuple(one for one in to_do.KINDS if any(row.waiting == one for row in rows))
    wanted = [row for row in rows if kind in ("", row.waiting) and _matches(row, text)]
    start = int(before) if before.isdecimal() else 0
    following = str(start + PAGE_SIZE) if start + PAGE_SIZE < len(wanted) else ""
    plan, request = _chosen(visit, chosen)
    page = ApprovalQueue(
        rows=tuple(wanted[start : start + PAGE_SIZE]),
        pager=Pager(len(wanted), before if start else "", following),
        waiting=kind,
        text=text,
        kinds=kinds,
        chosen=chosen,
        plan=plan,
        request=request,
    )
    return visit.show("approvals/queue.html", page, parts=PARTS)


def _row(visit: Visit, item: to_do.Item) -> QueueRow:
    subject = item.subject
    if isinstance(subject, Migration):
        return _migration_row(visit, item.kind, subject)
    is_request = isinstance(subject, ResourceRequest)
    request = subject if isinstance(subject, ResourceRequest) else _request_of(visit, subject.request_id)
    due = request_reading.due_on(visit, request) if is_request else None
    return QueueRow(
        key=f"{'request' if is_request else 'plan'}:{subject.id}",
        number=subject.number,
        waiting=item.kind,
        organisation=visit.names.organisation(request.organisation_code),
        requester=visit.names.person(request.requester_id),
        since=subject.status_at,
        subject=request.title if is_request else f"{visit.word(subject.kind, 'plan_kind')} · {request.title}",
        zone_class=request.zone_class,
        monthly_fen=subject.monthly_fen if subject.kind != "baseline" else None,
        due_on=due,
        overdue=due is not None and due < today(visit.session),
    )


def _migration_row(visit: Visit, kind: str, migration: Migration) -> QueueRow:
    request = _request_of(visit, migration.request_id)
    return QueueRow(
        key=f"migration:{migration.id}",
        number=migration.number,
        waiting=kind,
        organisation=visit.names.organisation(migration.organisation_code),
        requester=visit.names.person(migration.registered_by),
        since=migration.status_at,
        subject=migration.title,
        zone_class=request.zone_class,
        monthly_fen=None,
    )


def _request_of(visit: Visit, request_id: UUID) -> ResourceRequest:
    return request_queries.get(visit.session, request_id)


def _matches(row: QueueRow, text: str) -> bool:
    words = (row.number, row.organisation, row.requester, row.subject)
    return any(text.strip().lower() in word.lower() for word in words)


def _chosen(visit: Visit, key: str) -> tuple[PlanDetail | None, RequestDetail | None]:
    noun, _, subject = key.partition(":")
    try:
        subject_id = UUID(subject)
    except ValueError:
        return None, None
    try:
        if noun == "plan":
            return plan_reading.detail(visit, plan_reading.find(visit, subject_id)), None
        return None, request_reading.detail(visit, request_reading.find(visit, subject_id))
    except NotFound:
        return None, None
