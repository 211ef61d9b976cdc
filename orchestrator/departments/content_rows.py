"""Organisations, people and filings as flat rows of the content files."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlmodel import Session, select

from orchestrator.core.clock import now
from orchestrator.core.transitions import Transition, transition
from orchestrator.departments.lifecycle import PERSON_LIFECYCLE, PersonStatus
from orchestrator.departments.models import AccessLink, OfficerFiling, Organisation, Person, RoleGrant

Row = Mapping[str, Any]


def read(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Return every row of this package in force."""
    for item in session.exec(select(Organisation)):
        names = item.model_dump(include={"name_zh", "name_en", "kind", "parent_code"})
        yield ("organisation", item.code), names
    for link in session.exec(select(AccessLink)):
        yield ("access_link", link.organisation_code), link.model_dump()
    people = {person.id: person for person in session.exec(select(Person))}
    # A deactivated person counts as removed: a load restores them only if a second person approves it.
    for person in people.values():
        if person.is_active:
            row = person.model_dump(include={"name_zh", "name_en", "organisation_code"})
            yield ("person", person.username), row
    for grant in session.exec(select(RoleGrant).where(RoleGrant.valid_to == None)):  # noqa: E711
        name = people[grant.person_id].username
        values = {"username": name, "role": grant.role, "valid_from": grant.valid_from.isoformat()}
        yield ("role_grant", f"{name}/{grant.role}"), values
    for filing in session.exec(select(OfficerFiling)):
        name = people[filing.person_id].username if filing.person_id else ""
        values = filing.model_dump(include={"organisation_code", "year", "status"})
        values |= {"filed_on": filing.filed_on.isoformat(), "username": name}
        yield ("officer_filing", f"{filing.organisation_code}/{filing.year}/{name}"), values


def write(session: Session, kind: str, key: str, row: Row | None) -> None:
    """Write one row, or remove it if `row` is None."""
    _WRITERS[kind](session, key, row)
    session.flush()


def _organisation(session: Session, key: str, row: Row | None) -> None:
    _put(session, Organisation, key, {"code": key}, row)


def _access_link(session: Session, key: str, row: Row | None) -> None:
    _put(session, AccessLink, key, {"organisation_code": key}, row)


def _put(session: Session, table: type[Any], key: Any, identity: Row, row: Row | None) -> None:
    stored = session.get(table, key)
    if row is None:
        session.delete(stored)
        return
    stored = stored or table(
        **identity, **{name: value for name, value in row.items() if name not in identity}
    )
    for name, value in row.items():
        setattr(stored, name, value)
    session.add(stored)


def _person(session: Session, key: str, row: Row | None) -> None:
    person = session.exec(select(Person).where(Person.username == key)).one_or_none()
    if row is None:
        if person is not None and person.is_active:
            _change_status(session, person, PersonStatus.DEACTIVATED)
        return
    if person is None:
        session.add(Person(username=key, status_at=now(session), **row))
        return
    for name, value in row.items():
        setattr(person, name, value)
    if not person.is_active:
        _change_status(session, person, PersonStatus.ACTIVE)


def _change_status(session: Session, person: Person, status: PersonStatus) -> None:
    change = Transition(status, "system:content", person.organisation_code)
    transition(session, PERSON_LIFECYCLE, person, change)


def _role_grant(session: Session, key: str, row: Row | None) -> None:
    username, role = key.split("/")
    person = session.exec(select(Person).where(Person.username == username)).one()
    statement = select(RoleGrant).where(
        RoleGrant.person_id == person.id,
        RoleGrant.role == role,
        RoleGrant.valid_to == None,  # noqa: E711
    )
    grant = session.exec(statement).one_or_none()
    if row is None:
        session.delete(grant)
        return
    grant = grant or RoleGrant(person_id=person.id, role=role, valid_from=date.min)
    grant.valid_from = date.fromisoformat(row["valid_from"])
    session.add(grant)


def _officer_filing(session: Session, key: str, row: Row | None) -> None:
    organisation, year, username = key.split("/")
    person = session.exec(select(Person).where(Person.username == username)).one()
    statement = select(OfficerFiling).where(
        OfficerFiling.organisation_code == organisation,
        OfficerFiling.year == int(year),
        OfficerFiling.person_id == person.id,
    )
    filing = session.exec(statement).one_or_none()
    if row is None:
        session.delete(filing)
        return
    filed_on = date.fromisoformat(row["filed_on"])
    filing = filing or OfficerFiling(
        organisation_code=organisation, person_id=person.id, year=int(year), filed_on=filed_on
    )
    filing.status, filing.filed_on = row["status"], filed_on
    session.add(filing)


_WRITERS = {
    "organisation": _organisation,
    "access_link": _access_link,
    "person": _person,
    "role_grant": _role_grant,
    "officer_filing": _officer_filing,
}
KINDS = tuple(_WRITERS)
