"""Resources, their workspaces, and drift."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from orchestrator.api.deps import TheActor, TheSession, next_page
from orchestrator.api.shapes import Page, ResourceOut, RunOut, WorkspaceOut
from orchestrator.departments.permissions import Permission, require, visible_to
from orchestrator.resources import queries
from orchestrator.runs import queries as run_queries
from orchestrator.workflows.plans import drift

router = APIRouter(tags=["resources"])


class ResourcePage(Page):
    """Resources, oldest first."""

    items: list[ResourceOut]


@router.get("/resources")
def list_resources(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    request_id: UUID | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ResourcePage:
    """List the resources that are not released."""
    own = visible_to(actor)
    if request_id is not None:
        of_one = [
            item for item in queries.of_request(session, request_id) if actor.sees(item.organisation_code)
        ]
        return ResourcePage(items=[ResourceOut.model_validate(item) for item in of_one])
    found = queries.page(session, organisation=own, after=cursor, limit=limit)
    link = next_page(asked, found[-1].id) if len(found) == limit else None
    return ResourcePage(items=[ResourceOut.model_validate(item) for item in found], next=link)


@router.get("/resources/{resource_id}")
def read_resource(resource_id: UUID, actor: TheActor, session: TheSession) -> ResourceOut:
    """Return one resource."""
    found = queries.get(session, resource_id)
    require(actor, Permission.REQUESTS_READ, found.organisation_code)
    return ResourceOut.model_validate(found)


@router.get("/workspaces")
def list_workspaces(actor: TheActor, session: TheSession) -> list[WorkspaceOut]:
    """List the workspaces that are not released."""
    found = run_queries.workspaces(session, visible_to(actor))
    return [WorkspaceOut.model_validate(item) for item in found]


@router.post("/workspaces/{workspace_id}/drift-checks", status_code=202)
def check_drift(workspace_id: UUID, actor: TheActor, session: TheSession) -> RunOut:
    """Start a drift check, which compares reality with the state and changes nothing."""
    return RunOut.model_validate(drift.check_drift(session, actor, workspace_id))


@router.get("/drift-cases")
def list_drift_cases(actor: TheActor, session: TheSession) -> list[dict[str, Any]]:
    """List the open drift cases."""
    return [_case(item) for item in queries.open_drift(session, visible_to(actor))]


def _case(case: Any) -> dict[str, Any]:
    document: dict[str, Any] = case.model_dump(mode="json")
    return document
