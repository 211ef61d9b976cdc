"""The audit chain: its events, and whether it still holds together."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.frame.views import Pager


@dataclass(frozen=True)
class AuditRow:
    """One event; `actor` in words, `action` and `object` as stored, `digest` the chain's value at it."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: str
    digest: str


@dataclass(frozen=True)
class ChainCheck:
    """What a verification found: `first_bad` is the sequence number of the first event that does not fit."""

    ok: bool
    checked_at: datetime
    events: int
    heads: int
    message: str = ""
    first_bad: int | None = None


@dataclass(frozen=True)
class AuditPage:
    """Page ``audit/list.html``: `object_id` is the filter in force; `check` is what a verification found."""

    rows: tuple[AuditRow, ...]
    pager: Pager
    object_id: str
    head_seq: int
    head_digest: str
    check: ChainCheck | None = None
