"""Rows of the to-do list: one object that waits for this person."""

from orchestrator.billing import statement_queries
from orchestrator.billing.months import month_text
from orchestrator.console.approvals.views import QueueRow
from orchestrator.console.frame.acts import waiting_text
from orchestrator.console.frame.visit import Visit
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.words.i18n import N_
from orchestrator.content import queries as revision_queries
from orchestrator.core.clock import today
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.migrations import queries as migration_queries
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.workflows.to_do_queries import Item

CONTENT_CHANGES = N_("内容修订，%(count)s 处变更")
STATEMENT_OF = N_("%(month)s 政务云资源用量确认单")


def waiting_code(item: Item) -> str:
    """Return the filter value of the awaited act, e.g. ``requests.endorse``."""
    return f"{item.noun.path}.{item.act.name}"


def queue_row(visit: Visit, item: Item) -> QueueRow:
    """Return the row of one item."""
    rows = {
        "requests": _request_row,
        "plans": _plan_row,
        "migrations": _migration_row,
        "statements": _statement_row,
        "content-revisions": _revision_row,
    }
    return rows[item.noun.path](visit, item)


def _request_row(visit: Visit, item: Item) -> QueueRow:
    request = request_queries.get(visit.session, item.key)
    due = request_reading.due_on(visit, request)
    return QueueRow(
        key=f"request:{request.id}",
        number=request.number,
        waiting=waiting_text(item.act.waiting, visit),
        organisation=visit.names.organisation(request.organisation_code),
        requester=visit.names.person(request.requester_id),
        since=item.since,
        subject=request.title,
        zone_class=request.zone_class,
        monthly_fen=request.monthly_fen,
        due_on=due,
        overdue=due is not None and due < today(visit.session),
    )


def _plan_row(visit: Visit, item: Item) -> QueueRow:
    plan = run_queries.plan(visit.session, item.key)
    request = request_queries.get(visit.session, plan.request_id)
    return QueueRow(
        key=f"plan:{plan.id}",
        number=plan.number,
        waiting=waiting_text(item.act.waiting, visit),
        organisation=visit.names.organisation(request.organisation_code),
        requester=visit.names.person(request.requester_id),
        since=item.since,
        subject=f"{visit.word(plan.kind, 'plan_kind')} · {request.title}",
        zone_class=request.zone_class,
        monthly_fen=plan.monthly_fen if plan.kind != PlanKind.BASELINE else None,
    )


def _migration_row(visit: Visit, item: Item) -> QueueRow:
    migration = migration_queries.get(visit.session, item.key)
    request = request_queries.get(visit.session, migration.request_id)
    return QueueRow(
        key=f"migration:{migration.id}",
        number=migration.number,
        waiting=waiting_text(item.act.waiting, visit),
        organisation=visit.names.organisation(migration.organisation_code),
        requester=visit.names.person(migration.registered_by),
        since=item.since,
        subject=migration.title,
        zone_class=request.zone_class,
        monthly_fen=None,
    )


def _statement_row(visit: Visit, item: Item) -> QueueRow:
    statement = statement_queries.get(visit.session, item.key)
    month, due = month_text(statement.month), statement.answer_due
    return QueueRow(
        key=f"statement:{statement.id}",
        number=statement.number or month,
        waiting=waiting_text(item.act.waiting, visit),
        organisation=visit.names.organisation(statement.organisation_code),
        requester="",
        since=item.since,
        subject=visit.say(STATEMENT_OF, month=month),
        zone_class="",
        monthly_fen=None,
        due_on=due,
        overdue=due is not None and due < today(visit.session),
    )


def _revision_row(visit: Visit, item: Item) -> QueueRow:
    revision = revision_queries.get(visit.session, item.key)
    return QueueRow(
        key=f"content-revision:{revision.id}",
        number=str(revision.number),
        waiting=waiting_text(item.act.waiting, visit),
        organisation=visit.names.organisation_of(revision.author_id),
        requester=visit.names.person(revision.author_id),
        since=item.since,
        subject=visit.say(CONTENT_CHANGES, count=len(revision.differences)),
        zone_class="",
        monthly_fen=None,
    )
