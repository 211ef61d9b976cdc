"""Pages of runs, and the button that starts a drift check."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import TheVisit, Visit, go, words_of
from orchestrator.console.runs import reading
from orchestrator.console.runs.views import RunList
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import Permission, visible_to
from orchestrator.runs import queries
from orchestrator.workflows.nouns import RUNS
from orchestrator.workflows.perform import perform
from orchestrator.workflows.plans import drift
from orchestrator.workflows.plans.acts import CANCEL

router = APIRouter(prefix="/console", include_in_schema=False)
MENU = MenuEntry(40, N_("执行记录"), "/console/runs", "runs", frozenset({Permission.REQUESTS_READ}))

PAGE_SIZE = 30
PARTS = {"run-status": "runs/_status.html"}


@router.get("/runs")
def list_runs(visit: TheVisit, before: UUID | None = None) -> Response:
    """Runs of the person's organisation, or of all, newest first."""
    own = visible_to(visit.actor)
    runs = queries.run_page(visit.session, organisation=own, before=before, limit=PAGE_SIZE)
    following = str(runs[-1].id) if len(runs) == PAGE_SIZE else ""
    rows = tuple(reading.row(visit, run) for run in runs)
    return visit.show("runs/list.html", RunList(rows, Pager(None, str(before or ""), following)))


@router.get("/runs/{run_id}")
def show_run(run_id: UUID, visit: TheVisit, log: Annotated[str, Query(max_length=10)] = "") -> Response:
    """Show one run with its log so far; the browser follows the rest."""
    page = reading.detail(visit, reading.find(visit, run_id), whole_log=log == "all")
    return visit.show("runs/detail.html", page, parts=PARTS)


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: UUID, visit: TheVisit) -> Response:
    """Ask a run to stop."""
    visit.on_refusal(lambda again, error: _again(again, run_id, error))
    perform(RUNS, CANCEL, visit.call({}), run_id)
    return go(f"/console/runs/{run_id}", f"{RUNS.path}.{CANCEL.name}")


@router.post("/workspaces/{workspace_id}/check-drift")
def check_drift(workspace_id: UUID, visit: TheVisit) -> Response:
    """Check a workspace for drift, and show the run."""
    run = drift.check_drift(visit.session, visit.actor, workspace_id)
    return go(f"/console/runs/{run.id}", "checking")


def _again(visit: Visit, run_id: UUID, error: BusinessError) -> Response:
    page = reading.detail(visit, reading.find(visit, run_id))
    problem = replace(page.acts, problem=words_of(error, visit.language))
    return visit.show("runs/detail.html", replace(page, acts=problem))
