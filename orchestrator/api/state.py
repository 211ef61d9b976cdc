"""Terraform's http backend: each run reads and writes the state of its own workspace with its own token.

Terraform does nothing else while it waits for one of these calls, so each is one step in one thread.
"""

import base64
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from orchestrator.api.deps import TheBody, TheService
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, NotSignedIn
from orchestrator.core.texts import require_storable
from orchestrator.runs.errors import StateLocked
from orchestrator.workflows.plans import terraform_state
from orchestrator.workflows.plans.terraform_state import StateAccess

router = APIRouter(prefix="/state", include_in_schema=False)


async def read_access(request: Request, workspace_id: UUID) -> StateAccess:
    """Return the workspace with the run's token, which is the password of Basic authentication.

    Raises:
        NotSignedIn: no token was sent.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        name, token = "", ""
    if scheme.lower() != "basic" or name != "run" or not token:
        raise NotSignedIn
    return StateAccess(workspace_id, token)


@router.get("/{workspace_id}")
def read_state(access: Annotated[StateAccess, Depends(read_access)], service: TheService) -> Response:
    """Return the newest state, or 204 before the first one."""
    with transaction(service.engine) as session:
        body = terraform_state.read_state(session, access, service.keys)
    return Response(body, media_type="application/json") if body is not None else Response(status_code=204)


@router.post("/{workspace_id}")
def write_state(
    access: Annotated[StateAccess, Depends(read_access)],
    body: TheBody,
    service: TheService,
    lock_id: Annotated[str, Query(alias="ID")] = "",
) -> Response:
    """Append a version of the state."""
    with transaction(service.engine) as session:
        terraform_state.write_state(session, access, lock_id, body, service.keys)
    return Response(status_code=200)


@router.api_route("/{workspace_id}", methods=["LOCK"])
def lock_state(
    access: Annotated[StateAccess, Depends(read_access)], body: TheBody, service: TheService
) -> Response:
    """Take the lock; 423 with the description of the existing lock."""
    try:
        with transaction(service.engine) as session:
            terraform_state.lock_state(session, access, _lock_info(body))
    except StateLocked as held:
        return Response(json.dumps(held.extra["lock"]), status_code=423, media_type="application/json")
    return Response(status_code=200)


def _lock_info(body: bytes) -> dict[str, Any]:
    try:
        info = json.loads(body)
    except ValueError as error:
        raise BadInput("The lock is described by a JSON object.") from error
    if not isinstance(info, dict):
        raise BadInput("The lock is described by a JSON object.")
    require_storable(info.items())
    return info


@router.api_route("/{workspace_id}", methods=["UNLOCK"])
def unlock_state(access: Annotated[StateAccess, Depends(read_access)], service: TheService) -> Response:
    """Release the run's own lock."""
    with transaction(service.engine) as session:
        terraform_state.unlock_state(session, access)
    return Response(status_code=200)
