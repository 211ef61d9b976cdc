"""Reads of content revisions."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from orchestrator.content.authorities import Authority
from orchestrator.content.models import ContentApproval, ContentRevision
from orchestrator.core.rows import get_row


def get(session: Session, revision_id: UUID) -> ContentRevision:
    """One revision.

    Raises:
        NotFound: there is none.
    """
    return get_row(session, ContentRevision, revision_id)


def approved_by(session: Session, revision_id: UUID) -> dict[Authority, UUID]:
    """The authorities that have agreed to a revision, each with the person who did so."""
    given = session.exec(select(ContentApproval).where(ContentApproval.revision_id == revision_id))
    return {Authority(item.authority): item.approver_id for item in given}


def page(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[ContentRevision]:
    """Revisions, newest number first; `before` is the last number of the page before."""
    statement = select(ContentRevision).order_by(col(ContentRevision.number).desc()).limit(limit)
    if before is not None:
        statement = statement.where(ContentRevision.number < before)
    return session.exec(statement).all()
