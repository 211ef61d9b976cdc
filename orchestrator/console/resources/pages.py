"""The page of resources: the list, one resource, and the acts on it."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import ActionSet, Pager
from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, words_of
from orchestrator.console.resources import reading
from orchestrator.console.resources.views import DriftCheck, ResourceList
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import Permission, require_visible, visible_to
from orchestrator.resources import queries
from orchestrator.runs import queries as run_queries
from orchestrator.workflows.nouns import RESOURCES
from orchestrator.workflows.perform import perform

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
        return visit.show("resources/list.html", _one(visit, only))
    own = visible_to(visit.actor)
    resources = queries.page(visit.session, organisation=own, after=before, limit=PAGE_SIZE)
    following = str(resources[-1].id) if len(resources) == PAGE_SIZE else ""
    page = ResourceList(
        rows=tuple(reading.item(visit, one) for one in resources),
        pager=Pager(None, str(before or ""), following),
        checks=_checks(visit, {one.workspace_id for one in resources}),
    )
    return visit.show("resources/list.html", page)


@router.post("/resources/{resource_id}/{name}")
def act_on_resource(resource_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a resource."""
    act, call = RESOURCES.act(name), visit.call(sent)
    visit.on_refusal(lambda again, error: _one_again(again, resource_id, error, call.reason))
    perform(RESOURCES, act, call, resource_id)
    return go("/console/resources", f"{RESOURCES.path}.{act.name}", only=str(resource_id))


def _one(visit: Visit, resource_id: UUID) -> ResourceList:
    resource = require_visible(visit.actor, queries.get(visit.session, resource_id))
    return ResourceList(
        rows=(reading.item(visit, resource),),
        pager=Pager(None, "", ""),
        checks=_checks(visit, {resource.workspace_id}),
        acts=ActionSet(buttons(visit, RESOURCES, resource), hidden={"version": str(resource.version)}),
    )


def _one_again(visit: Visit, resource_id: UUID, error: BusinessError, reason: str) -> Response:
    """Show the resource as it is now, with the reason of the refusal and the typed text."""
    page = _one(visit, resource_id)
    acts = replace(page.acts or ActionSet(), problem=words_of(error, visit.language), reason=reason)
    return visit.show("resources/list.html", replace(page, acts=acts))


def _checks(visit: Visit, shown: set[UUID]) -> tuple[DriftCheck, ...]:
    if not visit.actor.may(Permission.RESOURCES_CHECK_DRIFT):
        return ()
    return tuple(
        DriftCheck(workspace.key, f"/console/workspaces/{workspace.id}/check-drift")
        for workspace in run_queries.workspaces(visit.session)
        if workspace.id in shown
    )
