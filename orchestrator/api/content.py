"""Content revisions: the changes of a load, and the decision of a second person."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from orchestrator.api.deps import CountCursor, TheActor, TheSession, next_page
from orchestrator.api.shapes import ReasonIn
from orchestrator.content import queries
from orchestrator.content.models import ContentRevision
from orchestrator.departments.permissions import Permission, require
from orchestrator.workflows.content import content_revisions

router = APIRouter(prefix="/content-revisions", tags=["content"])


@router.get("")
def list_revisions(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    cursor: CountCursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List revisions, newest first."""
    require(actor, Permission.OBJECTS_READ_ALL)
    found = queries.page(session, before=cursor, limit=limit)
    link = next_page(asked, found[-1].number) if len(found) == limit else None
    return {"items": [_shown(session, item, whole=False) for item in found], "next": link}


@router.get("/{revision_id}")
def read_revision(revision_id: UUID, actor: TheActor, session: TheSession) -> dict[str, Any]:
    """Return one revision with its differences."""
    require(actor, Permission.OBJECTS_READ_ALL)
    return _shown(session, queries.get(session, revision_id))


@router.post("/{revision_id}/approve")
def approve_revision(revision_id: UUID, actor: TheActor, session: TheSession) -> dict[str, Any]:
    """Approve the revision for your authorities; the last approval loads it. Its author must not approve."""
    return _shown(session, content_revisions.approve_revision(session, actor, revision_id))


@router.post("/{revision_id}/reject")
def reject_revision(
    revision_id: UUID, body: ReasonIn, actor: TheActor, session: TheSession
) -> dict[str, Any]:
    """Reject the revision; it is not loaded."""
    return _shown(session, content_revisions.reject_revision(session, actor, revision_id, body.reason))


def _shown(session: TheSession, revision: ContentRevision, *, whole: bool = True) -> dict[str, Any]:
    left_out = {"rows"} if whole else {"rows", "differences"}
    return revision.model_dump(mode="json", exclude=left_out) | {
        "changes": len(revision.differences),
        "approved_by": queries.approved_by(session, revision.id),
        "waits_for": list(content_revisions.waits_for(session, revision)),
    }
