"""Resources, their workspaces, and drift."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from orchestrator.api.deps import TheActor, TheSession, next_page
from orchestrator.api.resource_shapes import DriftCaseDetail, ResourceDetail, ResourcePage, WorkspaceDetail
from orchestrator.api.run_shapes import RunDetail
from orchestrator.departments.permissions import require_visible, visible_to
from orchestrator.resources import queries
from orchestrator.resources.models import Resource
from orchestrator.runs import queries as run_queries
from orchestrator.workflows.plans import drift

router = APIRouter(tags=["resources"])


@dataclass(frozen=True)
class ResourceFilter:
    """The requested page of the resources, or all resources of one request."""

    request: Request
    request_id: UUID | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 100


@router.get("/resources")
def list_resources(
    actor: TheActor, session: TheSession, chosen: Annotated[ResourceFilter, Depends()]
) -> ResourcePage:
    """List the resources that are not released."""
    if chosen.request_id is not None:
        return _page(queries.of_request(session, chosen.request_id, visible_to(actor)))
    resources = queries.page(session, organisation=visible_to(actor), after=chosen.cursor, limit=chosen.limit)
    link = next_page(chosen.request, resources[-1].id) if len(resources) == chosen.limit else None
    return _page(resources, link)


def _page(resources: Iterable[Resource], link: str | None = None) -> ResourcePage:
    return ResourcePage(items=[ResourceDetail.model_validate(resource) for resource in resources], next=link)


@router.get("/resources/{resource_id}")
def read_resource(
    resource_id: UUID, actor: TheActor, session: TheSession, response: Response
) -> ResourceDetail:
    """Return one resource."""
    resource = require_visible(actor, queries.get(session, resource_id))
    response.headers["ETag"] = f'"{resource.version}"'
    return ResourceDetail.model_validate(resource)


@router.get("/workspaces")
def list_workspaces(actor: TheActor, session: TheSession) -> list[WorkspaceDetail]:
    """List the workspaces that are not released."""
    workspaces = run_queries.workspaces(session, visible_to(actor))
    return [WorkspaceDetail.model_validate(workspace) for workspace in workspaces]


@router.post("/workspaces/{workspace_id}/drift-checks", status_code=202)
def check_drift(workspace_id: UUID, actor: TheActor, session: TheSession) -> RunDetail:
    """Start a drift check, which compares reality with the state and changes nothing."""
    return RunDetail.model_validate(drift.check_drift(session, actor, workspace_id))


@router.get("/drift-cases")
def list_drift_cases(actor: TheActor, session: TheSession) -> list[DriftCaseDetail]:
    """List the open drift cases."""
    return [DriftCaseDetail.model_validate(case) for case in queries.open_drift(session, visible_to(actor))]
