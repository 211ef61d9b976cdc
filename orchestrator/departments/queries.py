"""Reads of organisations, people and their rights."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from sqlmodel import Session, col, or_, select

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


def everybody(session: Session) -> Sequence[Person]:
    """Return all persons, by user name."""
    return session.exec(select(Person).order_by(Person.username)).all()


def person_named(session: Session, username: str) -> Person | None:
    """Return the person with this user name, or None."""
    return session.exec(select(Person).where(Person.username == username)).one_or_none()


def roles_on(session: Session, person_id: UUID, day: date) -> frozenset[Role]:
    """Return the roles in force on `day`."""
    in_force = or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > day)
    statement = select(RoleGrant.role).where(
        RoleGrant.person_id == person_id, RoleGrant.valid_from <= day, in_force
    )
    return frozenset(Role(role) for role in session.exec(statement))


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
