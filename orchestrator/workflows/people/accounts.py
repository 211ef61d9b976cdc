"""People: signing in and out, tokens, passwords, deactivation."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pwdlib import PasswordHash
from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.core.clock import now, today
from orchestrator.core.errors import AuditNote, BadInput, NotFound, NotSignedIn
from orchestrator.core.sealing import new_token, token_hash
from orchestrator.departments import queries, store
from orchestrator.departments.errors import (
    AccountLocked,
    TokenInvalid,
    UnknownScope,
    WrongCredentials,
)
from orchestrator.departments.models import ApiToken, Person
from orchestrator.departments.permissions import Actor, Permission, require

ATTEMPTS = 5
PAUSE = timedelta(minutes=10)
LONGEST_TOKEN = timedelta(days=365)
SHORTEST_PASSWORD = 10
_HASHER = PasswordHash.recommended()
# An unknown name is verified against this, which takes as long, so that time does not betray names.
_NOBODY = _HASHER.hash("nobody has this password")


def sign_in(session: Session, username: str, password: str, lasts: timedelta) -> tuple[str, Person]:
    """Open a browser session; the secret for its cookie is returned once and stored as a hash only.

    Raises:
        WrongCredentials: name or password is wrong, or the account is deactivated.
        AccountLocked: too many wrong passwords in a row.
    """
    identity = store.lock_identity(session, "local", username)
    if identity is None or identity.password_hash is None:
        _HASHER.verify(password, _NOBODY)
        raise WrongCredentials
    if identity.locked_until is not None and identity.locked_until > now(session):
        raise AccountLocked
    valid, better = _HASHER.verify_and_update(password, identity.password_hash)
    person = queries.people(session, [identity.person_id])[identity.person_id]
    if not valid or not person.active:
        raise WrongCredentials().noted(_failed(identity.person_id))
    store.clear_failures(session, identity, better)
    secret = new_token("gs")
    store.add_web_session(session, person.id, token_hash(secret), lasts)
    _record(session, "session:opened", person)
    return secret, person


def _failed(person_id: UUID) -> AuditNote:
    return AuditNote("session:refused", ("person", person_id), f"person:{person_id}")


def count_wrong_password(session: Session, username: str) -> None:
    """Count a wrong password in a transaction of its own, because the refused sign-in was rolled back."""
    identity = store.lock_identity(session, "local", username)
    if identity is not None:
        store.count_failure(session, identity, ATTEMPTS, PAUSE)


def sign_out(session: Session, secret: str) -> None:
    """End the browser session; a session that is unknown is already ended."""
    row = queries.session_by_hash(session, token_hash(secret))
    if row is not None and row.ended_at is None:
        store.end_web_session(session, row)
        person = queries.people(session, [row.person_id])[row.person_id]
        _record(session, "session:closed", person)


def actor_of_session(session: Session, secret: str, idle: timedelta) -> Actor:
    """The person behind a browser session.

    Raises:
        NotSignedIn: the session is unknown, over, or was idle for too long.
    """
    row = queries.session_by_hash(session, token_hash(secret))
    instant = now(session)
    if (
        row is None
        or row.ended_at is not None
        or row.expires_at <= instant
        or row.last_seen_at + idle <= instant
    ):
        raise NotSignedIn
    store.touch(session, row)
    return _actor(session, row.person_id)


def actor_of_token(session: Session, token: str) -> Actor:
    """The person behind a personal token, narrowed to its scopes.

    Raises:
        TokenInvalid: it is unknown, expired or revoked, or its owner is deactivated.
    """
    row = queries.token_by_hash(session, token_hash(token))
    if row is None or row.revoked_at is not None or row.expires_at <= now(session):
        raise TokenInvalid
    return _actor(session, row.person_id, row.scopes)


def _actor(session: Session, person_id: UUID, scopes: Sequence[str] | None = None) -> Actor:
    person = queries.people(session, [person_id]).get(person_id)
    if person is None or not person.active:
        raise TokenInvalid
    return queries.actor(session, person, today(session), scopes)


def actor_named(session: Session, username: str) -> Actor:
    """The person with this user name, for commands on the machine itself.

    Raises:
        NotFound: there is no such active person.
    """
    person = queries.person_named(session, username)
    if person is None or not person.active:
        raise NotFound(f"There is no active person {username}.")
    return queries.actor(session, person, today(session))


def create_token(
    session: Session, actor: Actor, name: str, scopes: Sequence[str], lasts: timedelta
) -> tuple[str, ApiToken]:
    """Make a personal token; the text is returned once, only its hash is stored.

    Raises:
        UnknownScope: a scope is not among the actor's own permissions.
        BadInput: the life is not between one minute and a year.
    """
    require(actor, Permission.TOKENS_OWN)
    beyond = sorted(set(scopes) - {permission.value for permission in actor.permissions})
    if beyond:
        raise UnknownScope(f"Not among your permissions: {', '.join(beyond)}.", field="scopes")
    if not timedelta(minutes=1) <= lasts <= LONGEST_TOKEN:
        raise BadInput("A token lives between a minute and 365 days.", field="expires_in_days")
    secret = new_token("gc")
    row = store.add_token(
        session, actor.person_id, name, token_hash(secret), sorted(set(scopes)), now(session) + lasts
    )
    audit.record(
        session,
        "token:created",
        ("token", row.id),
        actor=actor.audit_name,
        organisation=actor.organisation,
        data={"name": name, "scopes": row.scopes},
    )
    return secret, row


def revoke_token(session: Session, actor: Actor, token_id: UUID) -> ApiToken:
    """End one of the actor's own tokens."""
    row = store.revoke_token(session, token_id, actor.person_id)
    audit.record(
        session, "token:revoked", ("token", row.id), actor=actor.audit_name, organisation=actor.organisation
    )
    return row


def set_password(session: Session, username: str, password: str, actor: str) -> None:
    """Give a person a local account or a new password; whoever signed in with the old one is signed out.

    Raises:
        BadInput: the password is too short.
        NotFound: there is no such person.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput(f"A password has at least {SHORTEST_PASSWORD} characters.", field="password")
    person = queries.person_named(session, username)
    if person is None:
        raise NotFound(f"There is no person {username}.")
    store.set_password_hash(session, person, _HASHER.hash(password))
    ended = store.end_web_sessions(session, person.id)
    audit.record(
        session,
        "identity:password_set",
        ("person", person.id),
        actor=actor,
        organisation=person.organisation_code,
        data={"sessions_ended": ended},
    )


def deactivate_person(session: Session, actor: Actor, username: str) -> None:
    """Take a person's rights away at once; what they approved before no longer counts at apply."""
    require(actor, Permission.PEOPLE_MANAGE)
    person = queries.person_named(session, username)
    if person is None:
        raise NotFound(f"There is no person {username}.")
    person.active = False
    session.add(person)
    _record(session, "person:deactivated", person, actor.audit_name)


def _record(session: Session, action: str, person: Person, actor: str | None = None) -> None:
    audit.record(
        session,
        action,
        ("person", person.id),
        actor=actor or f"person:{person.id}",
        organisation=person.organisation_code,
    )
