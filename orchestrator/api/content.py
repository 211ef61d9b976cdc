"""Content revisions: the changes of a load, and the decision of a second person."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from orchestrator.api.acts import Answer, add_routes
from orchestrator.api.content_shapes import RevisionDetail, RevisionPage, RevisionSummary
from orchestrator.api.deps import CountCursor, TheActor, TheSession, next_page
from orchestrator.content import queries
from orchestrator.content.models import ContentRevision
from orchestrator.departments.permissions import Permission, require
from orchestrator.workflows.act import Call
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.nouns import REVISIONS

router = APIRouter(tags=["content"])


@router.get("/content-revisions")
def list_revisions(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    cursor: CountCursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RevisionPage:
    """List revisions, newest first."""
    require(actor, Permission.OBJECTS_READ_ALL)
    revisions = queries.page(session, before=cursor, limit=limit)
    link = next_page(asked, revisions[-1].number) if len(revisions) == limit else None
    items = [RevisionSummary.model_validate(_fields(session, revision)) for revision in revisions]
    return RevisionPage(items=items, next=link)


@router.get("/content-revisions/{revision_id}")
def read_revision(
    revision_id: UUID, actor: TheActor, session: TheSession, response: Response
) -> RevisionDetail:
    """Return one revision with its differences."""
    require(actor, Permission.OBJECTS_READ_ALL)
    revision = queries.get(session, revision_id)
    response.headers["ETag"] = f'"{revision.version}"'
    return _detail(session, revision)


def _detail(session: Session, revision: ContentRevision) -> RevisionDetail:
    return RevisionDetail.model_validate(_fields(session, revision))


def _fields(session: Session, revision: ContentRevision) -> dict[str, Any]:
    return revision.model_dump(exclude={"rows"}) | {
        "changes": len(revision.differences),
        "approved_by": queries.approved_by(session, revision.id),
        "waits_for": content_revisions.waits_for(session, revision),
    }


def _decided(call: Call, revision: ContentRevision) -> RevisionDetail:
    return _detail(call.session, revision)


add_routes(router, REVISIONS, {ContentRevision: Answer(200, RevisionDetail, _decided)})
