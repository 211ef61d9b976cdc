"""The objects of the cloud, in memory and on disk. The disk is written before an operation begins.

`HOME/objects/ID.json` is one object, `HOME/counters.json` has the address allocation, `HOME/limits.json` the
capacity of the pools. This module starts and stops nothing.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import addresses
import kernel
from specs import CHANGEABLE, ID_PREFIX, REFERENCES, CloudError

MEASURES = ("instances", "vcpu", "memory_gb", "disk_gb")


@dataclass
class Record:
    """One object. `phase` is creating, present or destroying."""

    id: str
    key: str
    kind: str
    spec: dict[str, Any]
    tags: dict[str, str]
    run: str
    phase: str = "creating"
    power: str = "running"  # Of an instance, as its owner wants it: running or stopped.
    address: str | None = None
    cidr: str | None = None
    trouble: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[1]

    @property
    def workspace(self) -> str:
        return self.key.split("/", 1)[0]


class Inventory:
    """The objects of one home folder. Not thread-safe: used from one event loop."""

    def __init__(self, home: Path, block: IPv4Network, cloud: str) -> None:
        self.home, self.block, self.cloud = home, block, cloud
        self.folder = home / "objects"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in self.folder.glob(".*.tmp"):
            draft.unlink()
        loaded = (
            Record(**json.loads(path.read_text("utf-8"))) for path in sorted(self.folder.glob("*.json"))
        )
        self.records = {record.id: record for record in loaded}
        self.counters: addresses.Counters = self.read("counters.json", addresses.no_counters())
        self.limits: dict[str, dict[str, int]] = self.read("limits.json", {})

    def read(self, name: str, default: Any) -> Any:
        path = self.home / name
        return json.loads(path.read_text("utf-8")) if path.exists() else default

    def save(self, record: Record) -> None:
        kernel.write_json(self.folder / f"{record.id}.json", asdict(record))
        self.records[record.id] = record

    def forget(self, record: Record) -> None:
        (self.folder / f"{record.id}.json").unlink(missing_ok=True)
        kernel.sync_folder(self.folder)
        self.records.pop(record.id, None)

    def by_id(self, object_id: Any, kind: str | None = None) -> Record:
        """Return the object with this id or key. Raises CloudError 404 if none of that kind exists."""
        record = self.records.get(object_id) if isinstance(object_id, str) else None
        record = record or self.by_key(object_id)
        if record is None or (kind is not None and record.kind != kind):
            raise CloudError(404, f"{kind or 'object'} {object_id!r} does not exist")
        return record

    def by_key(self, key: Any) -> Record | None:
        return next((record for record in self.records.values() if record.key == key), None)

    def of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records.values() if record.kind == kind]

    # --- creating --------------------------------------------------------------------------------

    def register(self, kind: str, key: str, spec: dict[str, Any], tags: dict[str, str], run: str) -> Record:
        """Record an object with id and address before it is realised. Raises CloudError 404, 409 or 507."""
        self.require_references(key.split("/", 1)[0], spec)
        self.require_capacity(kind, spec, None)
        self.counters["serial"] += 1
        # The digest includes the cloud's identity, so that ids are unique across clouds.
        digest = hashlib.sha256(f"{self.cloud} {key} {self.counters['serial']}".encode()).hexdigest()
        record = Record(f"{ID_PREFIX[kind]}-{digest[:12]}", key, kind, spec, tags, run)
        if kind == "network":
            taken = {other.cidr or "" for other in self.of_kind("network")}
            record.cidr = addresses.next_network(self.counters, self.block, spec["zone"], taken)
        elif kind == "port":
            taken = {other.address or "" for other in self.of_kind("port")}
            record.address = addresses.next_address(
                self.counters, self.by_id(spec["network"]).cidr or "", taken
            )
        elif kind == "instance":
            record.address = self.by_id(spec["port"]).address
        # The counters are saved first: an unused number is harmless, a number used twice is not.
        kernel.write_json(self.home / "counters.json", self.counters)
        self.save(record)
        return record

    def require_references(self, workspace: str, spec: dict[str, Any]) -> None:
        """Check the objects that the spec refers to. Raises CloudError 404 or 409.

        Each must exist in the same workspace, and a port must not belong to another instance.
        """
        for name in REFERENCES:
            if name in spec and self.by_id(spec[name], name).workspace != workspace:
                raise CloudError(409, f"spec.{name}: {spec[name]} belongs to another workspace")
        users = [other.id for other in self.of_kind("instance") if other.spec["port"] == spec.get("port")]
        if users:
            raise CloudError(409, f"spec.port: {spec['port']} belongs to instance {users[0]}")

    def users_of(self, record: Record) -> list[str]:
        """Return the ids of the objects that refer to this one and cannot exist without it."""
        if record.kind == "instance":  # A volume survives its instance.
            return []
        others = self.records.values()
        return [other.id for other in others if other.spec.get(record.kind) == record.id]

    # --- capacity --------------------------------------------------------------------------------

    def need(self, kind: str, spec: dict[str, Any]) -> tuple[str | None, dict[str, int]]:
        """Return the pool of an object with this spec, and the amount of each measure that it uses."""
        if kind == "instance":
            return spec["pool"], {"instances": 1, "vcpu": spec["vcpu"], "memory_gb": spec["memory_gb"]}
        if kind == "volume" and (host := self.records.get(spec["instance"])):
            return host.spec["pool"], {"disk_gb": spec["size_gb"]}
        return None, {}

    def used(self, pool: str, without: str | None) -> dict[str, int]:
        """Return the amounts used in a pool, leaving out the object with id `without`."""
        total = dict.fromkeys(MEASURES, 0)
        for record in self.records.values():
            record_pool, amounts = self.need(record.kind, record.spec)
            if record_pool == pool and record.id != without:
                total = {name: amount + amounts.get(name, 0) for name, amount in total.items()}
        return total

    def require_capacity(self, kind: str, spec: dict[str, Any], replaced: str | None) -> None:
        """Raise CloudError 507 if the object would exceed a limit of its pool. A pool may have no limit."""
        pool, amounts = self.need(kind, spec)
        limits = self.limits.get(pool or "", {})
        used = self.used(pool, replaced) if pool and limits else {}
        for name, amount in amounts.items():
            if name in limits and used[name] + amount > limits[name]:
                free = limits[name] - used[name]
                raise CloudError(507, f"pool {pool}: {amount} {name} wanted, {free} of {limits[name]} free")

    def set_limits(self, limits: dict[str, dict[str, int]]) -> None:
        kernel.write_json(self.home / "limits.json", limits)
        self.limits = limits

    def capacity(self) -> dict[str, Any]:
        """Return limits and use of every pool that has either."""
        used = {record.spec["pool"] for record in self.of_kind("instance")}
        pools = sorted(used | set(self.limits))
        return {pool: {"limits": self.limits.get(pool, {}), "used": self.used(pool, None)} for pool in pools}

    # --- changing --------------------------------------------------------------------------------

    def require_changeable(self, record: Record, spec: dict[str, Any]) -> None:
        """Raise CloudError if the object cannot get these values in place, or has no capacity for them."""
        for name, value in spec.items():
            if record.spec[name] != value and name not in CHANGEABLE[record.kind]:
                raise CloudError(
                    409, f"spec.{name}: cannot be changed on {record.id}; replace the {record.kind}"
                )
        if record.kind == "volume" and spec.get("size_gb", record.spec["size_gb"]) < record.spec["size_gb"]:
            raise CloudError(409, f"spec.size_gb: {record.id} can only grow")
        self.require_references(
            record.workspace, {name: spec[name] for name in spec if spec[name] != record.spec[name]}
        )
        self.require_capacity(record.kind, {**record.spec, **spec}, record.id)
