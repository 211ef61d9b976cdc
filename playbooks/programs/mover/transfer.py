"""One transfer as a host sees it: its data, its two sides, and the names of its parts on both.

`forward` leads from source to target, `reverse` is the rollback path. The side that a way leads from
offers: a publication, a slot, a role that may read and fence. The side that it leads to subscribes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from place import below, read_json, write_json
from refusal import Refused

SIDES: Final = ("source", "target")
WAY_FROM: Final = {"source": "forward", "target": "reverse"}
WAY_TO: Final = {"source": "reverse", "target": "forward"}
OTHER: Final = {"source": "target", "target": "source"}


@dataclass(frozen=True)
class Database:
    """The database of `postgresql_logical`; `admin` is a file on each host with its connection."""

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
    """The name that clients find the system by, and where its service listens for control."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Transfer:
    """A transfer seen from the host `side`."""

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
        """The database part. Raises Refused in a transfer that has none."""
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
        """Also the name of the publication."""
        return f"govcloud_{self.key}"

    def way(self, way: str) -> str:
        """The name of the slot, the subscription and the role of a way."""
        return f"govcloud_{self.key}_{way}"

    @property
    def outgoing(self) -> str:
        return self.way(WAY_FROM[self.side])

    @property
    def incoming(self) -> str:
        return self.way(WAY_TO[self.side])

    @property
    def folder(self) -> Path:
        """The mover's folder on this host, until clean-up."""
        return below(f"srv/govcloud/{self.key}")

    def service(self, what: str) -> str:
        return f"transfer-{self.key}-{what}"

    def live(self, folder: Folder) -> Path:
        return below(folder.path)

    def closed(self, folder: Folder) -> Path:
        """Where the folder lies while this side accepts no writes: no path of the application leads there."""
        live = self.live(folder)
        return live.with_name(f"{live.name}.closed-{self.key}")

    def secrets(self) -> dict[str, str]:
        """This side's half of the transfer's secrets. Raises Refused where the transfer is not prepared."""
        kept = read_json(self.folder / "secrets.json")
        if kept is None:
            raise Refused("not_prepared", side=self.side)
        return dict(kept)

    def keep_secrets(self, given: Mapping[str, str]) -> None:
        """Store this side's secrets: access to the other side, and the token of its own files."""
        way_in, way_out = WAY_TO[self.side], WAY_FROM[self.side]
        wanted = (f"{way_in}_password", f"{way_in}_files", f"{way_in}_names", f"{way_out}_files")
        write_json(self.folder / "secrets.json", {name: given[name] for name in wanted})

    @property
    def way_in(self) -> str:
        return WAY_TO[self.side]

    @property
    def way_out(self) -> str:
        return WAY_FROM[self.side]


def read(order: Mapping[str, Any]) -> Transfer:
    """The transfer of an order {side, transfer: {key, source, target, database, folders, names, ...}}."""
    transfer, side = order["transfer"], order["side"]
    database, names = transfer.get("database"), transfer.get("names")
    return Transfer(
        key=transfer["key"],
        side=side,
        addresses={each: transfer[each]["address"] for each in SIDES},
        database=Database(
            database["name"], tuple(database["writers"]), int(database["port"]), database["admin"]
        )
        if database
        else None,
        folders=tuple(Folder(each["path"]) for each in transfer["folders"]),
        files_port=int(transfer["files_port"]),
        names=Names(names["record"], names["address"], int(names["port"])) if names else None,
        budget_ms=int(transfer["budget_ms"]),
    )
