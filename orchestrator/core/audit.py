"""Hash-chained audit events, written at the end of the transaction that they describe.

`record` collects events in the session. One statement, sent in the same round trip as COMMIT, appends them,
so the lock on the end of the chain is never held across a round trip. The hash of an event is SHA-256 over
the previous hash, the event's number and its body. PostgreSQL computes it in `append_audit_events`; `verify`
computes it again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlmodel import Field, Session, SQLModel, col, select

from orchestrator.core.clock import now
from orchestrator.core.events import Event

GENESIS = "0" * 64
_PENDING = "audit_pending"
# One JSON document is several times cheaper to send than an array whose elements are escaped one by one.
_APPEND = "SELECT append_audit_events(ARRAY(SELECT json_array_elements_text(CAST(%(bodies)s AS json))))"


class AuditEvent(SQLModel, table=True):
    """One event. The columns repeat parts of `body` for searching; `verify` checks that both agree."""

    __tablename__ = "audit_events"

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    actor: str
    action: str = Field(index=True)
    object_type: str
    object_id: str = Field(index=True)
    organisation_code: str | None = Field(default=None, index=True)
    body: str = Field(sa_column=Column(Text, nullable=False))
    previous_hash: str
    hash: str = Field(unique=True)


class AuditChain(SQLModel, table=True):
    """The end of the chain: exactly one row, which every append locks."""

    __tablename__ = "audit_chain"

    id: int = Field(default=1, primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: str


@dataclass(frozen=True)
class Head:
    """A point of the chain: the number of its last event and that event's hash."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Finding:
    """One defect of the chain that `verify` detected, at the event with this number."""

    seq: int
    problem: str


def record(session: Session, event: Event) -> None:
    """Add an event to the session; it is written when the transaction commits."""
    object_type, object_id = event.subject
    body = {
        "at": now(session).isoformat(),
        "actor": event.actor,
        "action": event.action,
        "object_type": object_type,
        "object_id": str(object_id),
        "organisation_code": event.organisation,
        "data": dict(event.data),
    }
    session.info.setdefault(_PENDING, []).append(canonical(body))


def canonical(body: Mapping[str, Any]) -> str:
    """Return the canonical JSON text of a body: sorted keys, no spaces, Chinese characters unescaped."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def take_pending(session: Session) -> tuple[str, dict[str, str]] | None:
    """Remove the collected events; return the statement that appends them and its values, or None.

    The parameters of the statement are in the driver's style.
    """
    pending = session.info.pop(_PENDING, [])
    return (_APPEND, {"bodies": json.dumps(pending, ensure_ascii=False)}) if pending else None


def head(session: Session) -> Head:
    """Return the end of the chain that the database has stored."""
    row = session.get(AuditChain, 1)
    return Head(row.seq, row.hash) if row else Head(0, GENESIS)


def page(
    session: Session, *, object_id: str | None = None, before: int | None = None, limit: int = 100
) -> Sequence[AuditEvent]:
    """Return events, newest first; `before` is the number of the last event of the previous page."""
    statement = select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(limit)
    if object_id is not None:
        statement = statement.where(AuditEvent.object_id == object_id)
    if before is not None:
        statement = statement.where(AuditEvent.seq < before)
    return session.exec(statement).all()


def event_hash(previous: str, seq: int, body: str) -> str:
    """Return the SHA-256 over previous hash, number and body, as `append_audit_events` computes it."""
    return hashlib.sha256(f"{previous}|{seq}|{body}".encode()).hexdigest()


def verify(session: Session, heads: Iterable[Head]) -> list[Finding]:
    """Check the whole chain for consistency and against heads that were exported from the database.

    Detects an edited, deleted or reordered event, a truncated chain, and a chain that was recomputed after a
    head had been exported. Returns an empty list if the chain is intact.
    """
    exported_hashes = {exported.seq: exported.hash for exported in heads}
    findings: list[Finding] = []
    last = Head(0, GENESIS)
    for event in _events(session):
        findings.extend(_event_findings(event, last, exported_hashes.pop(event.seq, None)))
        last = Head(event.seq, event.hash)
    findings.extend(
        Finding(seq, "the exported head has no event: the chain was truncated")
        for seq in sorted(exported_hashes)
    )
    if head(session) != last:
        findings.append(Finding(last.seq, "the end of the chain does not match its last event"))
    return findings


def _events(session: Session) -> Iterator[AuditEvent]:
    statement = select(AuditEvent).order_by(col(AuditEvent.seq)).execution_options(yield_per=2000)
    for event in session.exec(statement):
        yield event
        session.expunge(event)


def _event_findings(event: AuditEvent, last: Head, exported_hash: str | None) -> Iterator[Finding]:
    if event.seq != last.seq + 1:
        yield Finding(event.seq, f"event {last.seq + 1} is missing")
    if event.previous_hash != last.hash:
        yield Finding(event.seq, "its previous hash is not the hash of the event before it")
    if event.hash != event_hash(event.previous_hash, event.seq, event.body):
        yield Finding(event.seq, "its content was changed")
    if not _columns_agree(event):
        yield Finding(event.seq, "its columns differ from its body")
    if exported_hash is not None and exported_hash != event.hash:
        yield Finding(event.seq, "it differs from the exported head: the chain was recomputed")


def _columns_agree(event: AuditEvent) -> bool:
    try:
        body = json.loads(event.body)
    except ValueError:
        return False
    names = ("actor", "action", "object_type", "object_id", "organisation_code")
    same = all(body.get(name) == getattr(event, name) for name in names)
    return same and datetime.fromisoformat(body["at"]) == event.at
