"""Systems as flat rows of the content files: read from the table, write to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlmodel import Session, select

from orchestrator.systems.models import System

Row = Mapping[str, Any]
_COLUMNS = (
    "organisation_code",
    "name_zh",
    "name_en",
    "network",
    "hosting",
    "mlps_level",
    "classification",
    "zombie",
)


def read(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Return every stored system as a row; a column wins over an attribute of the same name."""
    for system in session.exec(select(System)):
        columns = {name: getattr(system, name) for name in _COLUMNS}
        yield ("system", system.code), {**system.attributes, **columns}


def write(session: Session, _kind: str, key: str, row: Row | None) -> None:
    """Create or update one system from `row`; None deletes it."""
    system = session.get(System, key)
    if row is None:
        session.delete(system)
        return
    columns = {name: row[name] for name in _COLUMNS}
    attributes = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in row.items()
        if name not in _COLUMNS
    }
    system = system or System(code=key, **columns)
    for name, value in columns.items():
        setattr(system, name, value)
    system.attributes = attributes
    session.add(system)
    session.flush()


KINDS = ("system",)
