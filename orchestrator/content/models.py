"""Revisions of the content that Git holds: what a load wrote or wants to write."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.core.db import document, id_field, instant, one_of


class ContentRevision(SQLModel, table=True):
    """One reading of the content files. `rows` is what the files said, `differences` what would change."""

    __tablename__ = "content_revisions"
    __table_args__ = (
        one_of("status", RevisionStatus),
        CheckConstraint("approver_id <> author_id", name="approver_is_another_person"),
    )

    id: UUID = id_field()
    number: int = Field(unique=True)
    digest: str
    status: str = RevisionStatus.PROPOSED
    status_at: datetime = instant()
    version: int = 1
    created_at: datetime = instant()
    author_id: UUID | None = Field(default=None, foreign_key="persons.id")
    approver_id: UUID | None = Field(default=None, foreign_key="persons.id")
    reason: str | None = None
    rows: list[Any] = document(list)
    differences: list[Any] = document(list)
