"""The page of resources."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.resources import reading
from orchestrator.console.resources.views import DriftCheck, ResourceList
from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import Permission, require, visible_to
from orchestrator.resources import queries
from orchestrator.runs import queries as run_queries

router = APIRouter(prefix="/console", include_in_schema=False)
MENU = MenuEntry(60, N_("资源清单"), "/console/resources", "resources", frozenset({Permission.REQUESTS_READ}))

PAGE_SIZE = 50


@router.get("/resources")
def list_resources(
    visit: TheVisit,
    before: Annotated[UUID | None, Query()] = None,
    only: Annotated[UUID | None, Query()] = None,
) -> Response:
    """Resources of the person's organisation, or of all; `only` shows that one, released or not."""
    if only is not None:
        return _one(visit, only)
    own = visible_to(visit.actor)
    found = queries.page(visit.session, organisation=own, after=before, limit=PAGE_SIZE)
    following = str(found[-1].id) if len(found) == PAGE_SIZE else ""
    page = ResourceList(
        rows=tuple(reading.item(visit, one) for one in found),
        pager=Pager(None, str(before or ""), following),
        checks=_checks(visit, {one.workspace_id for one in found}),
    )
    return visit.show("resources/list.html", page)


def _one(visit: Visit, resource_id: UUID) -> Response:
    found = queries.get(visit.session, resource_id)
    require(visit.actor, Permission.REQUESTS_READ, found.organisation_code)
    rows = (reading.item(visit, found),)
    page = ResourceList(rows, Pager(None, "", ""), _checks(visit, {found.workspace_id}), is_one=True)
    return visit.show("resources/list.html", page)


def _checks(visit: Visit, shown: set[UUID]) -> tuple[DriftCheck, ...]:
    if not visit.actor.may(Permission.RESOURCES_CHECK_DRIFT):
        return ()
    return tuple(
        DriftCheck(workspace.key, f"/console/workspaces/{workspace.id}/check-drift")
        for workspace in run_queries.workspaces(visit.session)
        if workspace.id in shown
    )
