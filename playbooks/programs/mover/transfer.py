"""One transfer on one of its hosts: its data, its two sides, and the names of its objects on both.

Replication has two directions: `forward` leads from source to target, `reverse` is the rollback path. The
side that sends has a publication, a slot, and a role that may read and fence. The side that receives
subscribes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from place import below, read_json, write_json
from refusal import Refused

SIDES: Final = ("source", "target")
SENDS: Final = {"source": "forward", "target": "reverse"}
RECEIVES: Final = {"source": "reverse", "target": "forward"}
OTHER: Final = {"source": "target", "target": "source"}


@dataclass(frozen=True)
class Database:
    """The database of `postgresql_logical`; `admin` is a file with the administrator's connection string."""

    name: str
    writers: tuple[str, ...]
    port: int
    admin: str


@dataclass(frozen=True)
class Folder:
    """A folder of `files_stream`."""

    path: str


@dataclass(frozen=True)
class Names:
    """The DNS name of the system, and the control address of its name service."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Transfer:
    """A transfer on the host of `side`."""

    key: str
    side: str
    addresses: Mapping[str, str]
    database: Database | None
    folders: tuple[Folder, ...]
    files_port: int
    names: Names | None
    budget_ms: int

    @property
    def db(self) -> Database:
        """The database part. Raises Refused if the transfer has none."""
        if self.database is None:
            raise Refused("no_database_part")
        return self.database

    @property
    def other(self) -> str:
        return OTHER[self.side]

    @property
    def address(self) -> str:
        return self.addresses[self.side]

    @property
    def other_address(self) -> str:
        return self.addresses[self.other]

    @property
    def schema(self) -> str:
        """The name of the mover's schema and of its publication."""
        return f"govcloud_{self.key}"

    def replication(self, direction: str) -> str:
        """Return the name of the slot, the subscription and the role of a direction."""
        return f"govcloud_{self.key}_{direction}"

    @property
    def outgoing(self) -> str:
        return self.replication(SENDS[self.side])

    @property
    def incoming(self) -> str:
        return self.replication(RECEIVES[self.side])

    @property
    def folder(self) -> Path:
        """The mover's folder on this host, until clean-up."""
        return below(f"srv/govcloud/{self.key}")

    def service(self, kind: str) -> str:
        """Return the name of a service of the mover."""
        return f"transfer-{self.key}-{kind}"

    def live(self, folder: Folder) -> Path:
        """Return the path of the folder for the application."""
        return below(folder.path)

    def closed(self, folder: Folder) -> Path:
        """Return the path of the folder while this side is fenced; the application does not know it."""
        live = self.live(folder)
        return live.with_name(f"{live.name}.closed-{self.key}")

    def secrets(self) -> dict[str, str]:
        """Return the secrets that this side needs. Raises Refused if the transfer is not prepared."""
        stored = read_json(self.folder / "secrets.json")
        if stored is None:
            raise Refused("not_prepared", side=self.side)
        return dict(stored)

    def keep_secrets(self, given: Mapping[str, str]) -> None:
        """Store this side's secrets: access to the other side, and the token of its own files."""
        receives, sends = RECEIVES[self.side], SENDS[self.side]
        names = (f"{receives}_password", f"{receives}_files", f"{receives}_names", f"{sends}_files")
        write_json(self.folder / "secrets.json", {name: given[name] for name in names})

    @property
    def receives(self) -> str:
        """The direction in which this side receives."""
        return RECEIVES[self.side]

    @property
    def sends(self) -> str:
        """The direction in which this side sends."""
        return SENDS[self.side]


def read(order: Mapping[str, Any]) -> Transfer:
    """Return the transfer of an order {side, transfer: {key, source, target, database, folders, ...}}."""
    transfer, side = order["transfer"], order["side"]
    database, names = transfer.get("database"), transfer.get("names")
    return Transfer(
        key=transfer["key"],
        side=side,
        addresses={name: transfer[name]["address"] for name in SIDES},
        database=Database(
            database["name"], tuple(database["writers"]), int(database["port"]), database["admin"]
        )
        if database
        else None,
        folders=tuple(Folder(folder["path"]) for folder in transfer["folders"]),
        files_port=int(transfer["files_port"]),
        names=Names(names["record"], names["address"], int(names["port"])) if names else None,
        budget_ms=int(transfer["budget_ms"]),
    )
