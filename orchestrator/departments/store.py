"""Writes of people, tokens and sessions."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from orchestrator.core import transitions
from orchestrator.core.clock import now
from orchestrator.core.errors import NotFound
from orchestrator.core.rows import lock_row
from orchestrator.core.transitions import Transition
from orchestrator.departments.lifecycle import PERSON_LIFECYCLE, PersonStatus
from orchestrator.departments.models import ApiToken, Identity, Person, WebSession


def lock_person(session: Session, person_id: UUID) -> Person:
    """Lock and return a person; one account is changed at a time, so that an administrator remains.

    Raises:
        NotFound: there is no such person.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('people', 0))"))
    return lock_row(session, Person, person_id)


def transition(session: Session, person: Person, change: Transition[PersonStatus]) -> None:
    """Change the status of a person."""
    session.add(person)
    transitions.transition(session, PERSON_LIFECYCLE, person, change)


def lock_identity(session: Session, kind: str, subject: str) -> Identity | None:
    """Lock and return an identity, so that failed attempts are counted one by one."""
    statement = select(Identity).where(Identity.kind == kind, Identity.subject == subject)
    return session.exec(statement.with_for_update()).one_or_none()


def set_password_hash(session: Session, person: Person, password_hash: str) -> Identity:
    """Give a person a local account, or a new password."""
    identity = lock_identity(session, "local", person.username)
    identity = identity or Identity(person_id=person.id, kind="local", subject=person.username)
    identity.password_hash = password_hash
    identity.failed_attempts = 0
    identity.locked_until = None
    session.add(identity)
    session.flush()
    return identity


def count_failure(session: Session, identity: Identity, allowed: int, pause: timedelta) -> None:
    """Count a wrong password; after `allowed` in a row the account is locked for `pause`."""
    identity.failed_attempts += 1
    if identity.failed_attempts >= allowed:
        identity.failed_attempts = 0
        identity.locked_until = now(session) + pause
    session.add(identity)
    session.flush()


def clear_failures(session: Session, identity: Identity, password_hash: str | None) -> None:
    """Reset the count after a right password, and store a stronger hash if there is one."""
    identity.failed_attempts = 0
    identity.password_hash = password_hash or identity.password_hash
    session.add(identity)
    session.flush()


def add_token(session: Session, token: ApiToken) -> ApiToken:
    """Store a new token; only the hash of its text is in the row."""
    token.created_at = now(session)
    session.add(token)
    session.flush()
    return token


def revoke_token(session: Session, token_id: UUID, person_id: UUID) -> ApiToken:
    """End a token of this person.

    Raises:
        NotFound: No such token exists, or it belongs to another person.
    """
    token = session.get(ApiToken, token_id)
    if token is None or token.person_id != person_id:
        raise NotFound
    token.revoked_at = token.revoked_at or now(session)
    session.add(token)
    session.flush()
    return token


def revoke_tokens(session: Session, person_id: UUID) -> int:
    """Revoke all tokens of a person; return their number."""
    instant = now(session)
    statement = select(ApiToken).where(
        ApiToken.person_id == person_id,
        col(ApiToken.revoked_at).is_(None),
        ApiToken.expires_at > instant,
    )
    tokens = session.exec(statement.with_for_update()).all()
    for token in tokens:
        token.revoked_at = instant
    session.add_all(tokens)
    session.flush()
    return len(tokens)


def add_web_session(session: Session, person_id: UUID, digest: str, lasts: timedelta) -> WebSession:
    """Store a browser session."""
    instant = now(session)
    row = WebSession(
        person_id=person_id,
        token_hash=digest,
        created_at=instant,
        last_seen_at=instant,
        expires_at=instant + lasts,
    )
    session.add(row)
    session.flush()
    return row


def touch(session: Session, row: WebSession) -> None:
    """Record the use of a session, at most once a minute, so that reading pages stays cheap."""
    if now(session) - row.last_seen_at > timedelta(minutes=1):
        row.last_seen_at = now(session)
        session.add(row)
        session.flush()


def end_web_sessions(session: Session, person_id: UUID) -> int:
    """End all sessions of a person; return their number."""
    statement = select(WebSession).where(
        WebSession.person_id == person_id,
        col(WebSession.ended_at).is_(None),
        WebSession.expires_at > now(session),
    )
    rows = session.exec(statement.with_for_update()).all()
    for row in rows:
        end_web_session(session, row)
    return len(rows)


def end_web_session(session: Session, row: WebSession) -> None:
    """End one session."""
    row.ended_at = now(session)
    session.add(row)
    session.flush()
