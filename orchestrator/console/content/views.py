"""View models of content revisions."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.frame.views import ActionSet, Pager


@dataclass(frozen=True)
class RevisionRow:
    """One revision in the list; `changes` counts its differences."""

    id: str
    number: int
    status: str
    author: str
    organisation: str
    created_at: datetime
    changes: int


@dataclass(frozen=True)
class RevisionList:
    """Page ``content/list.html``."""

    rows: tuple[RevisionRow, ...]
    pager: Pager


@dataclass(frozen=True)
class ContentChange:
    """One change of a load, its values ready for the reader; a change of a whole row has no `field`."""

    verdict: str
    kind: str
    key: str
    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Decision:
    """An authority, as the code of its role, and the person who approved for it; empty without one."""

    authority: str
    approver: str


@dataclass(frozen=True)
class RevisionDetail:
    """Page ``content/detail.html``; `reason` is the one of a rejection."""

    id: str
    number: int
    status: str
    author: str
    organisation: str
    created_at: datetime
    status_at: datetime
    digest: str
    reason: str
    decisions: tuple[Decision, ...]
    changes: tuple[ContentChange, ...]
    acts: ActionSet
