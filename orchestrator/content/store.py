"""Writes of content revisions."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from orchestrator.content.authorities import Authority
from orchestrator.content.lifecycle import REVISION_LIFECYCLE, RevisionStatus
from orchestrator.content.models import ContentApproval, ContentRevision
from orchestrator.core import transitions
from orchestrator.core.clock import now
from orchestrator.core.rows import lock_row
from orchestrator.core.transitions import Transition


def add(
    session: Session, digest: str, rows: Sequence[Any], differences: Sequence[Any], author: UUID | None
) -> ContentRevision:
    """Store a proposed revision under the next number and supersede older proposals."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('content-revision', 0))"))
    for older in session.exec(
        select(ContentRevision).where(ContentRevision.status == RevisionStatus.PROPOSED)
    ):
        transition(session, older, RevisionStatus.SUPERSEDED, "system:content")
    last = session.exec(select(func.max(ContentRevision.number))).one()
    revision = ContentRevision(
        number=(last or 0) + 1,
        digest=digest,
        rows=list(rows),
        differences=list(differences),
        author_id=author,
        created_at=now(session),
        status_at=now(session),
    )
    session.add(revision)
    session.flush()
    return revision


def lock(session: Session, revision_id: UUID) -> ContentRevision:
    """Return a revision, locked for this transaction.

    Raises:
        NotFound: there is no such revision.
    """
    return lock_row(session, ContentRevision, revision_id)


def transition(
    session: Session, revision: ContentRevision, status: RevisionStatus, actor: str, reason: str | None = None
) -> None:
    """Change the status of a revision; no other function does."""
    revision.reason = reason
    session.add(revision)
    facts = {"number": revision.number, "digest": revision.digest}
    transitions.transition(session, REVISION_LIFECYCLE, revision, Transition(status, actor=actor, data=facts))


def approve(session: Session, revision: ContentRevision, authorities: Iterable[Authority], by: UUID) -> None:
    """Store one approval for each of these authorities."""
    session.add_all(
        ContentApproval(revision_id=revision.id, authority=authority, approver_id=by, at=now(session))
        for authority in authorities
    )
    revision.version += 1
    session.add(revision)
    session.flush()


def last_loaded(session: Session) -> ContentRevision | None:
    """Return the newest loaded revision: the base of the three-way comparison."""
    statement = select(ContentRevision).where(ContentRevision.status == RevisionStatus.LOADED)
    return session.exec(statement.order_by(col(ContentRevision.number).desc()).limit(1)).first()
