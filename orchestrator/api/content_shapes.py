"""Shapes of content revisions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType, TypedDict

from orchestrator.api.shapes import AttributeValue, Page
from orchestrator.content.authorities import Authority
from orchestrator.content.bundle import ROW_KINDS
from orchestrator.content.lifecycle import RevisionStatus

RowKind = TypeAliasType("RowKind", Annotated[str, Field(json_schema_extra={"enum": list(ROW_KINDS)})])
LoadAction = TypeAliasType("LoadAction", Literal["add", "change", "conflict", "remove"])


class ContentDifference(TypedDict):
    """A difference in one field, or in a whole row when `field` is empty, and the action of a load on it.

    For a whole row, `before` and `after` are objects of its fields, or null where the row is absent.
    """

    kind: RowKind
    key: str
    field: str
    before: AttributeValue
    after: AttributeValue
    verdict: LoadAction


class RevisionSummary(BaseModel):
    """A content revision: its number of changes, the authorities that approved and those missing."""

    id: UUID
    number: int
    digest: str
    status: RevisionStatus
    status_at: datetime
    version: int
    created_at: datetime
    author_id: UUID | None
    reason: str | None
    changes: int
    approved_by: dict[Authority, UUID]
    waits_for: list[Authority]


class RevisionDetail(RevisionSummary):
    """A content revision with its differences."""

    differences: list[ContentDifference]


class RevisionPage(Page):
    """Content revisions, newest first."""

    items: list[RevisionSummary]
