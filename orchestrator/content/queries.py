"""Reads of content revisions."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from orchestrator.content.authorities import Authority
from orchestrator.content.models import ContentApproval, ContentRevision
from orchestrator.core.rows import get_row


def get(session: Session, revision_id: UUID) -> ContentRevision:
    """Return a revision.

    Raises:
        NotFound: there is no such revision.
    """
    return get_row(session, ContentRevision, revision_id)


def approved_by(session: Session, revision_id: UUID) -> dict[Authority, UUID]:
    """Return the authorities that have approved a revision, each with the person who approved."""
    approvals = session.exec(select(ContentApproval).where(ContentApproval.revision_id == revision_id))
    return {Authority(approval.authority): approval.approver_id for approval in approvals}


def page(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[ContentRevision]:
    """Return revisions, newest number first; `before` is the last number of the previous page."""
    statement = select(ContentRevision).order_by(col(ContentRevision.number).desc()).limit(limit)
    if before is not None:
        statement = statement.where(ContentRevision.number < before)
    return session.exec(statement).all()
