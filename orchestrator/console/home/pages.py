"""The page after signing in: awaited acts, runs in progress and the latest requests."""

from fastapi import APIRouter, Response

from orchestrator.console.approvals.rows import queue_row
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.visit import TheVisit
from orchestrator.console.home.views import HomePage
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.requests.quote import quota_card
from orchestrator.console.runs import reading as run_reading
from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import Permission, visible_to
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.workflows import to_do_queries as to_do
from orchestrator.workflows.nouns import NOUNS

router = APIRouter(prefix="/console", include_in_schema=False)
MENU = MenuEntry(10, N_("我的待办"), "/console/")

PAGE_SIZE = 20
FEW = 6


@router.get("/")
def show_home(visit: TheVisit) -> Response:
    """Show the acts that wait for this person."""
    actor = visit.actor
    own = visible_to(actor)
    latest = request_queries.page(visit.session, request_queries.Filter(own), limit=FEW)
    active = run_queries.active_runs(visit.session, own)
    page = HomePage(
        waiting=tuple(
            queue_row(visit, item)
            for item in to_do.page(
                visit.session, to_do.Queue(actor, visit.service.pack, NOUNS), limit=PAGE_SIZE
            )
        ),
        runs=tuple(run_reading.row(visit, run) for run in active[:FEW]),
        requests=tuple(request_reading.row(visit, request) for request in latest),
        quota=quota_card(visit, actor.organisation),
        may_create=actor.may(Permission.REQUESTS_DRAFT),
    )
    return visit.show("home/page.html", page)
