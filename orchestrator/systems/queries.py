"""Reads of systems."""

from collections.abc import Sequence

from sqlmodel import Session, select

from orchestrator.systems.models import System


def find(session: Session, code: str) -> System | None:
    """Return a system, or None."""
    return session.get(System, code)


def of_organisation(session: Session, organisation: str | None) -> Sequence[System]:
    """Return the systems of one organisation, or of all with None, ordered by code."""
    statement = select(System).order_by(System.code)
    if organisation is not None:
        statement = statement.where(System.organisation_code == organisation)
    return session.exec(statement).all()
