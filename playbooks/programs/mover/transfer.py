"""One transfer as seen from one of its two hosts: its data, both sides, the names of the mover's objects.

The direction `forward` replicates from source to target, `reverse` is the rollback path. In each direction
the publisher has a publication, a slot and a role for the subscriber; the subscriber has a subscription.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from host_files import host_path, read_json, write_json
from refusal import Refused

SIDES: Final = ("source", "target")
DIRECTION_FROM: Final = {"source": "forward", "target": "reverse"}
DIRECTION_TO: Final = {"source": "reverse", "target": "forward"}
OTHER_SIDE: Final = {"source": "target", "target": "source"}


@dataclass(frozen=True)
class Database:
    """The database of `postgresql_logical`.

    `writers` are the roles of the application. `admin` is a file on each host with the administrator's
    connection string.
    """

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
    """The DNS name of the system, and the control address of the name service."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Transfer:
    """A transfer seen from the host `side`; the host of the other side is the peer."""

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
        """Return the database. Raises Refused in a transfer without one."""
        if self.database is None:
            raise Refused("no_database_part")
        return self.database

    @property
    def peer_side(self) -> str:
        return OTHER_SIDE[self.side]

    @property
    def address(self) -> str:
        return self.addresses[self.side]

    @property
    def peer_address(self) -> str:
        return self.addresses[self.peer_side]

    @property
    def schema(self) -> str:
        """Return the name of the mover's schema and of the publication."""
        return f"govcloud_{self.key}"

    @property
    def incoming_direction(self) -> str:
        return DIRECTION_TO[self.side]

    @property
    def outgoing_direction(self) -> str:
        return DIRECTION_FROM[self.side]

    def replication_name(self, direction: str) -> str:
        """Return the name that subscription, slot and role of a direction share."""
        return f"govcloud_{self.key}_{direction}"

    @property
    def subscription(self) -> str:
        """Return the name of this side's subscription; its slot and its role are on the peer."""
        return self.replication_name(self.incoming_direction)

    @property
    def slot(self) -> str:
        """Return the name of the slot on this side that the peer's subscription reads."""
        return self.replication_name(self.outgoing_direction)

    @property
    def peer_role(self) -> str:
        """Return the name of the role on this side with which the peer logs in."""
        return self.replication_name(self.outgoing_direction)

    @property
    def state_folder(self) -> Path:
        """Return the mover's own folder on this host, which exists until clean-up."""
        return host_path(f"srv/govcloud/{self.key}")

    def service_name(self, service: str) -> str:
        return f"transfer-{self.key}-{service}"

    def live_path(self, folder: Folder) -> Path:
        """Return the path by which the application uses the folder."""
        return host_path(folder.path)

    def fenced_path(self, folder: Folder) -> Path:
        """Return the path of the folder while this side is fenced; the application does not know it."""
        live = self.live_path(folder)
        return live.with_name(f"{live.name}.fenced-{self.key}")

    def secrets(self) -> dict[str, str]:
        """Return the secrets stored on this side. Raises Refused before preparation."""
        stored = read_json(self.state_folder / "secrets.json")
        if stored is None:
            raise Refused("not_prepared", side=self.side)
        return dict(stored)

    def store_secrets(self, secrets: Mapping[str, str]) -> None:
        """Store this side's secrets: those for peer and name service, the token of its own file server."""
        incoming, outgoing = self.incoming_direction, self.outgoing_direction
        names = (f"{incoming}_password", f"{incoming}_files", f"{incoming}_names", f"{outgoing}_files")
        write_json(self.state_folder / "secrets.json", {name: secrets[name] for name in names})


def read(order: Mapping[str, Any]) -> Transfer:
    """Parse an order {side, transfer: {key, source, target, database, folders, names, ...}}."""
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
