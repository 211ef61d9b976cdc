"""Reads of organisations, people and their rights."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from sqlmodel import Session, col, or_, select

from orchestrator.core.rows import get_row
from orchestrator.departments.models import (
    ApiToken,
    Identity,
    OfficerFiling,
    Organisation,
    Person,
    RoleGrant,
    WebSession,
)
from orchestrator.departments.permissions import Actor, Permission, Role

Filing = Literal["current", "lapsed", "never_filed"]


def organisation(session: Session, code: str) -> Organisation | None:
    """Return an organisation, or None."""
    return session.get(Organisation, code)


def organisations(session: Session) -> Sequence[Organisation]:
    """Return all organisations, ordered by code."""
    return session.exec(select(Organisation).order_by(Organisation.code)).all()


def people(session: Session, ids: Collection[UUID]) -> Mapping[UUID, Person]:
    """Persons by id."""
    return {person.id: person for person in session.exec(select(Person).where(col(Person.id).in_(ids)))}


def person(session: Session, person_id: UUID) -> Person:
    """Return a person.

    Raises:
        NotFound: there is no such person.
    """
    return get_row(session, Person, person_id)


def people_page(session: Session, search: str, after: str | None, limit: int) -> Sequence[Person]:
    """Return the people with `search` in user name or name, by user name, beginning after that of `after`."""
    statement = select(Person).order_by(Person.username).limit(limit)
    if search:
        names = (Person.username, Person.name_zh, Person.name_en)
        statement = statement.where(or_(*(col(name).icontains(search, autoescape=True) for name in names)))
    if after is not None:
        statement = statement.where(Person.username > after)
    return session.exec(statement).all()


def everybody(session: Session) -> Sequence[Person]:
    """Return all persons, by user name."""
    return session.exec(select(Person).order_by(Person.username)).all()


def person_named(session: Session, username: str) -> Person | None:
    """Return the person with this user name, or None."""
    return session.exec(select(Person).where(Person.username == username)).one_or_none()


def roles_on(session: Session, person_id: UUID, day: date) -> frozenset[Role]:
    """Return the roles in force on `day`."""
    return roles_of(session, [person_id], day)[person_id]


def roles_of(session: Session, ids: Collection[UUID], day: date) -> Mapping[UUID, frozenset[Role]]:
    """Return the roles in force on `day` of each of these persons."""
    in_force = or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > day)
    statement = select(RoleGrant.person_id, RoleGrant.role).where(
        col(RoleGrant.person_id).in_(ids), RoleGrant.valid_from <= day, in_force
    )
    roles: dict[UUID, set[Role]] = {person_id: set() for person_id in ids}
    for person_id, role in session.exec(statement):
        roles[person_id].add(Role(role))
    return {person_id: frozenset(held) for person_id, held in roles.items()}


def actor(session: Session, person: Person, day: date, scopes: Sequence[str] | None = None) -> Actor:
    """Return the person as an actor with the rights of `day`, narrowed to the `scopes` of a token."""
    return Actor(
        person_id=person.id,
        name=person.name_zh,
        name_en=person.name_en,
        organisation=person.organisation_code,
        roles=roles_on(session, person.id, day),
        language=person.language,
        scopes=None if scopes is None else frozenset(Permission(scope) for scope in scopes),
    )


def identity(session: Session, kind: str, subject: str) -> Identity | None:
    """Return the identity of this kind with this subject, or None."""
    statement = select(Identity).where(Identity.kind == kind, Identity.subject == subject)
    return session.exec(statement).one_or_none()


def token_by_hash(session: Session, digest: str) -> ApiToken | None:
    """Return the token with this hash, or None."""
    return session.exec(select(ApiToken).where(ApiToken.token_hash == digest)).one_or_none()


def tokens_of(session: Session, person_id: UUID) -> Sequence[ApiToken]:
    """Return a person's tokens, newest first."""
    statement = select(ApiToken).where(ApiToken.person_id == person_id)
    return session.exec(statement.order_by(col(ApiToken.created_at).desc())).all()


def session_by_hash(session: Session, digest: str) -> WebSession | None:
    """Return the browser session with this hash, or None."""
    return session.exec(select(WebSession).where(WebSession.token_hash == digest)).one_or_none()


def filing_status(session: Session, code: str) -> Filing:
    """Return the filing status of the organisation's information officer (clause 13)."""
    statement = select(OfficerFiling.status).where(OfficerFiling.organisation_code == code)
    return filing_of(session.exec(statement).all())


def filing_of(statuses: Collection[str]) -> Filing:
    """Return the one status that follows from all filings of an organisation."""
    if "current" in statuses:
        return "current"
    return "lapsed" if statuses else "never_filed"
