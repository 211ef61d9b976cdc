"""Reads of systems."""

from collections.abc import Sequence

from sqlmodel import Session, select

from orchestrator.systems.models import System


def find(session: Session, code: str) -> System | None:
    """A system, or None."""
    return session.get(System, code)


def of_organisation(session: Session, organisation: str | None) -> Sequence[System]:
    """The systems of one organisation, or all of them."""
    statement = select(System).order_by(System.code)
    if organisation is not None:
        statement = statement.where(System.organisation_code == organisation)
    return session.exec(statement).all()
