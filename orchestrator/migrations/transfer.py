"""One transfer: the parts of a system, the hosts, and how the hosts are reached. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.migrations.kinds import Side

_KEY: Final = re.compile(r"[a-z0-9]{1,20}")
_FOLDER: Final = re.compile(r"[^/\0][^\0]{0,200}")
_LAST_PORT: Final = 65535


class BadTransfer(ValueError):
    """The transfer cannot be carried out as it is described; the text names the field."""


@dataclass(frozen=True)
class MigrationHost:
    """A host by its name in the inventory; address and connection come from outputs of Terraform alone.

    `connection` is {plugin: sandbox or ssh, ...}, as the outputs contract says.
    """

    name: str
    address: str
    connection: Mapping[str, Any]


@dataclass(frozen=True)
class DatabasePart:
    """The data of the mover `postgresql_logical`: one database and the roles that write to it.

    `admin` is a file below the root of each host; it holds the connection string of the administrator.
    """

    name: str
    writers: tuple[str, ...]
    port: int = 5432
    admin: str = "srv/postgresql/admin.conninfo"


@dataclass(frozen=True)
class FolderPart:
    """The data of the mover `files_stream`: a folder; its path begins at the root of the host."""

    path: str


@dataclass(frozen=True)
class NamePart:
    """The DNS name that clients use, and the host of the name service."""

    record: str
    host: MigrationHost
    port: int = 5353


@dataclass(frozen=True)
class Transfer:
    """The input of the movers.

    Raises:
        BadTransfer: The transfer cannot be carried out as it is described.
    """

    key: str
    source: MigrationHost
    target: MigrationHost
    database: DatabasePart | None = None
    folders: tuple[FolderPart, ...] = ()
    name: NamePart | None = None
    files_port: int = 8730
    budget_ms: int = 2000
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise BadTransfer(f"key: {self.key!r} does not match {_KEY.pattern}")
        if self.database is None and not self.folders:
            raise BadTransfer("database, folders: a transfer needs at least one part")
        if self.database is not None and not self.database.writers:
            raise BadTransfer("database.writers: name at least one role, so that writes can be fenced")
        if self.source.address == self.target.address:
            raise BadTransfer("target.address: it is the address of the source")
        for folder in self.folders:
            if not _FOLDER.fullmatch(folder.path) or ".." in folder.path.split("/"):
                raise BadTransfer(f"folders: {folder.path!r} is no path from the host's root")
        if len({folder.path for folder in self.folders}) < len(self.folders):
            raise BadTransfer("folders: a folder is named twice")
        for name, number in (("files_port", self.files_port), ("budget_ms", self.budget_ms)):
            if not 1 <= number <= (_LAST_PORT if name == "files_port" else 600_000):
                raise BadTransfer(f"{name}: {number} is out of range")

    @property
    def movers(self) -> tuple[str, ...]:
        """Return the names of the movers that this transfer uses."""
        used = (("postgresql_logical", self.database is not None), ("files_stream", bool(self.folders)))
        return tuple(name for name, wanted in used if wanted)

    def hosts(self) -> dict[str, MigrationHost]:
        """Return every host of the transfer by its part: source, target, names."""
        sides: dict[str, MigrationHost] = {Side.SOURCE: self.source, Side.TARGET: self.target}
        return sides | ({"names": self.name.host} if self.name else {})

    def variables(self) -> dict[str, Any]:
        """Return the variables of the programs on the hosts; no value is ever interpreted as code."""
        return {
            "key": self.key,
            "label": self.label,
            Side.SOURCE.value: {"name": self.source.name, "address": self.source.address},
            Side.TARGET.value: {"name": self.target.name, "address": self.target.address},
            "database": _database(self.database),
            "folders": [{"path": folder.path} for folder in self.folders],
            "names": _names(self.name),
            "files_port": self.files_port,
            "budget_ms": self.budget_ms,
        }


def _database(part: DatabasePart | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {"name": part.name, "writers": list(part.writers), "port": part.port, "admin": part.admin}


def _names(part: NamePart | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {"record": part.record, "address": part.host.address, "port": part.port}
