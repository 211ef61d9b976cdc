"""Tables of content revisions and of their approvals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from orchestrator.content.authorities import Authority
from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.core.db import document, id_field, instant, one_of


class ContentRevision(SQLModel, table=True):
    """One proposed load. `rows` are all rows of the files, `differences` the changes that the load writes."""

    __tablename__ = "content_revisions"
    __table_args__ = (one_of("status", RevisionStatus),)

    id: UUID = id_field()
    number: int = Field(unique=True)
    digest: str
    status: str = RevisionStatus.PROPOSED
    status_at: datetime = instant()
    version: int = 1
    created_at: datetime = instant()
    author_id: UUID | None = Field(default=None, foreign_key="persons.id")
    reason: str | None = None
    rows: list[Any] = document(list)
    differences: list[Any] = document(list)


class ContentApproval(SQLModel, table=True):
    """An authority's approval of its part of a revision; a trigger refuses the author of the revision."""

    __tablename__ = "content_approvals"
    __table_args__ = (one_of("authority", Authority),)

    revision_id: UUID = Field(foreign_key="content_revisions.id", primary_key=True)
    authority: str = Field(primary_key=True)
    approver_id: UUID = Field(foreign_key="persons.id")
    at: datetime = instant()
