"""Sign-in and sign-out, personal tokens, passwords, deactivation."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pwdlib import PasswordHash
from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.core.clock import now, today
from orchestrator.core.errors import BadInput, NotFound, NotSignedIn
from orchestrator.core.events import Event
from orchestrator.core.sealing import new_token, token_hash
from orchestrator.core.transitions import Transition
from orchestrator.departments import queries, store
from orchestrator.departments.errors import (
    AccountLocked,
    TokenInvalid,
    UnknownScope,
    WrongCredentials,
)
from orchestrator.departments.lifecycle import PersonStatus
from orchestrator.departments.models import ApiToken, Person
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.workflows.act import Call

MAX_WRONG_PASSWORDS = 5
LOCK_LASTS = timedelta(minutes=10)
LONGEST_TOKEN = timedelta(days=365)
SHORTEST_PASSWORD = 10
_HASHER = PasswordHash.recommended()
# The password of an unknown name is verified against this hash: equal time does not reveal which names exist.
_NOBODY = _HASHER.hash("nobody has this password")


def sign_in(session: Session, username: str, password: str, lasts: timedelta) -> tuple[str, Person]:
    """Open a browser session and return the secret for its cookie, which is stored only as a hash.

    Raises:
        WrongCredentials: the name or the password is wrong, or the account is deactivated.
        AccountLocked: the account is locked after too many wrong passwords in a row.
    """
    identity = store.lock_identity(session, "local", username)
    if identity is None or identity.password_hash is None:
        _HASHER.verify(password, _NOBODY)
        raise WrongCredentials
    if identity.locked_until is not None and identity.locked_until > now(session):
        raise AccountLocked
    valid, better = _HASHER.verify_and_update(password, identity.password_hash)
    person = queries.people(session, [identity.person_id])[identity.person_id]
    if not valid or not person.is_active:
        raise WrongCredentials().noted(_failed(identity.person_id))
    store.clear_failures(session, identity, better)
    secret = new_token("gs")
    store.add_web_session(session, person.id, token_hash(secret), lasts)
    _record(session, "session:opened", person)
    return secret, person


def _failed(person_id: UUID) -> Event:
    return Event("session:refused", ("person", person_id), f"person:{person_id}")


def count_wrong_password(session: Session, username: str) -> None:
    """Count a wrong password; call it in its own transaction, because the refused sign-in is rolled back."""
    identity = store.lock_identity(session, "local", username)
    if identity is not None:
        store.count_failure(session, identity, MAX_WRONG_PASSWORDS, LOCK_LASTS)


def sign_out(session: Session, secret: str) -> None:
    """End the browser session; an unknown or ended session is ignored."""
    row = queries.session_by_hash(session, token_hash(secret))
    if row is not None and row.ended_at is None:
        store.end_web_session(session, row)
        person = queries.people(session, [row.person_id])[row.person_id]
        _record(session, "session:closed", person)


def actor_of_session(session: Session, secret: str, idle: timedelta) -> Actor:
    """Return the person who is signed in with a browser session.

    Raises:
        NotSignedIn: the session is unknown, ended, expired, or idle for longer than `idle`.
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
    """Return the owner of a personal token, with the permissions of its scopes only.

    Raises:
        TokenInvalid: the token is unknown, expired or revoked, or its owner is deactivated.
    """
    row = queries.token_by_hash(session, token_hash(token))
    if row is None or row.revoked_at is not None or row.expires_at <= now(session):
        raise TokenInvalid
    return _actor(session, row.person_id, row.scopes)


def _actor(session: Session, person_id: UUID, scopes: Sequence[str] | None = None) -> Actor:
    person = queries.people(session, [person_id]).get(person_id)
    if person is None or not person.is_active:
        raise TokenInvalid
    return queries.actor(session, person, today(session), scopes)


def actor_named(session: Session, username: str) -> Actor:
    """Return the person with this user name, for commands that run on the server itself.

    Raises:
        NotFound: there is no such active person.
    """
    person = queries.person_named(session, username)
    if person is None or not person.is_active:
        raise NotFound(f"There is no active person {username}.", detail_zh=f"没有在用账号 {username}")
    return queries.actor(session, person, today(session))


def create_token(
    session: Session, actor: Actor, name: str, scopes: Sequence[str], lasts: timedelta
) -> tuple[str, ApiToken]:
    """Create a personal token and return its text, which is stored only as a hash.

    Raises:
        UnknownScope: a scope is not among the actor's own permissions.
        BadInput: the lifetime is not between one minute and 365 days.
    """
    require(actor, Permission.TOKENS_OWN)
    beyond = sorted(set(scopes) - {permission.value for permission in actor.permissions})
    if beyond:
        names = ", ".join(beyond)
        raise UnknownScope(
            f"Not among your permissions: {names}. Choose scopes that you have.",
            field="scopes",
            detail_zh=f"您没有这些权限：{names}，请只选择自己拥有的权限",
        )
    if not timedelta(minutes=1) <= lasts <= LONGEST_TOKEN:
        raise BadInput(
            "A token must last between one minute and 365 days.",
            field="expires_in_days",
            detail_zh="令牌有效期须在 1 分钟至 365 天之间",
        )
    secret = new_token("gc")
    token = ApiToken(
        person_id=actor.person_id,
        name=name,
        token_hash=token_hash(secret),
        scopes=sorted(set(scopes)),
        expires_at=now(session) + lasts,
    )
    row = store.add_token(session, token)
    audit.record(
        session,
        Event(
            "token:created",
            ("token", row.id),
            actor=actor.audit_name,
            organisation=actor.organisation,
            data={"name": name, "scopes": row.scopes},
        ),
    )
    return secret, row


def revoke_token(session: Session, actor: Actor, token_id: UUID) -> ApiToken:
    """Revoke one of the actor's own tokens."""
    row = store.revoke_token(session, token_id, actor.person_id)
    audit.record(
        session,
        Event("token:revoked", ("token", row.id), actor=actor.audit_name, organisation=actor.organisation),
    )
    return row


def set_password(session: Session, username: str, password: str, actor: str) -> None:
    """Create a person's local account or change its password; all their browser sessions end.

    Raises:
        BadInput: the password is too short.
        NotFound: there is no such person.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput(
            f"The password is too short. Use at least {SHORTEST_PASSWORD} characters.",
            field="password",
            detail_zh=f"密码过短，请至少使用 {SHORTEST_PASSWORD} 个字符",
        )
    person = _person_named(session, username)
    store.set_password_hash(session, person, _HASHER.hash(password))
    ended = store.end_web_sessions(session, person.id)
    audit.record(
        session,
        Event(
            "identity:password_set",
            ("person", person.id),
            actor=actor,
            organisation=person.organisation_code,
            data={"sessions_ended": ended},
        ),
    )


def deactivate_person(call: Call, person: Person) -> Person:
    """Deactivate the account: sessions and tokens end at once, and earlier approvals no longer count.

    An approval counts when its plan is applied (invariant 21).
    """
    facts = {
        "reason": call.reason,
        "sessions_ended": store.end_web_sessions(call.session, person.id),
        "tokens_revoked": store.revoke_tokens(call.session, person.id),
    }
    organisation = person.organisation_code
    change = Transition(PersonStatus.DEACTIVATED, call.actor.audit_name, organisation, facts)
    store.transition(call.session, person, change)
    return person


def _person_named(session: Session, username: str) -> Person:
    person = queries.person_named(session, username)
    if person is None:
        raise NotFound(f"There is no person {username}.", detail_zh=f"没有人员 {username}")
    return person


def _record(session: Session, action: str, person: Person) -> None:
    audit.record(
        session,
        Event(
            action,
            ("person", person.id),
            actor=f"person:{person.id}",
            organisation=person.organisation_code,
        ),
    )
