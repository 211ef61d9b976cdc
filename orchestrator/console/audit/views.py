"""View models of the audit page: events, and the result of a verification."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.frame.views import Pager


@dataclass(frozen=True)
class AuditRow:
    """One event; `actor` and `detail` are ready for the reader, `action` and `object` as stored."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: str
    digest: str


@dataclass(frozen=True)
class ChainCheck:
    """Result of a verification; `first_bad` is the number of the first event that does not match."""

    ok: bool
    checked_at: datetime
    events: int
    heads: int
    message: str = ""
    first_bad: int | None = None


@dataclass(frozen=True)
class AuditPage:
    """Page ``audit/list.html``: `object_id` is the filter in force; `check` the result of a verification."""

    rows: tuple[AuditRow, ...]
    pager: Pager
    object_id: str
    head_seq: int
    head_digest: str
    check: ChainCheck | None = None
