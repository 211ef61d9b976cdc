"""Operations of the sandbox cloud. An interrupted operation is completed at the next start."""

import asyncio
import logging
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import kernel
from faults import Faults
from hosts import Hosts, remove_folder
from inventory import MEASURES, Inventory, Record
from specs import CloudError, checked_key, checked_kind, checked_spec, checked_tags, count, text, word

Answer = dict[str, Any]
LOG = logging.getLogger("sandbox")
BOOTS_AT_ONCE = 8
FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.1, 5.0, 30.0


class Cloud:
    """Objects and hosts of one home folder. Operations on one key run one after the other."""

    def __init__(self, inventory: Inventory, hosts: Hosts) -> None:
        self.inventory, self.hosts, self.faults = inventory, hosts, Faults()
        hosts.when_lost.append(self.schedule_restart)
        self.volumes = inventory.home / "volumes"
        self.volumes.mkdir(mode=0o700, exist_ok=True)
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # By instance: time of the last unexpected end of its init, and the pause before the restart.
        self.pauses: dict[str, tuple[float, float]] = {}
        self.ready = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def answer(self, request: Any) -> Answer:
        """Carry out one request. Raises CloudError if the cloud refuses it."""
        operations: dict[str, Callable[[dict[str, Any]], Awaitable[Answer]]] = {
            "capacity": self.capacity,
            "create": self.create,
            "destroy": self.destroy,
            "fault": self.fault,
            "import": self.read,
            "list": self.list_objects,
            "ping": self.ping,
            "read": self.read,
            "start": self.start,
            "stop": self.stop,
            "update": self.update,
        }
        name = request.get("op") if isinstance(request, dict) else None
        if not isinstance(name, str) or name not in operations:
            raise CloudError(400, f"op: {name!r} is not one of {', '.join(operations)}")
        await self.ready.wait()
        return await operations[name](request)

    # --- start and end of the cloud --------------------------------------------------------------

    async def start_up(self) -> None:
        """Complete interrupted operations and boot the hosts that should run; then accept requests."""
        for leftover in self.hosts.folder.glob(".*.doomed"):
            await asyncio.to_thread(remove_folder, leftover)
        limit = asyncio.Semaphore(BOOTS_AT_ONCE)
        for kinds in (("instance",), ("network", "security_group", "port", "volume")):
            records = [record for record in self.inventory.records.values() if record.kind in kinds]
            await asyncio.gather(*(self.resume(record, limit) for record in records))
        self.ready.set()

    async def resume(self, record: Record, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                await (self.remove(record) if record.phase == "destroying" else self.realise(record))
            except (CloudError, OSError) as error:
                record.trouble = str(error)
                LOG.warning("%s %s: %s", record.id, record.key, error)

    async def close(self) -> None:
        """Stop every host cleanly. The recorded power stays, so the next start boots them again."""
        self.hosts.closing = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*(self.hosts.halt(host, signal.SIGTERM) for host in list(self.hosts.running)))
        kernel.sweep(str(self.hosts.folder))

    def schedule_restart(self, instance_id: str, code: int) -> None:
        """Restart a host whose init ended unexpectedly, with growing pauses if that repeats."""
        task = asyncio.create_task(self.restart(instance_id, code))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def restart(self, instance_id: str, code: int) -> None:
        kernel.sweep(str(self.hosts.root(instance_id)))
        record = self.inventory.records.get(instance_id)
        while record and record.power == "running":
            record.trouble = f"its init ended with {code}; it is being restarted"
            await asyncio.sleep(self.pause(instance_id))
            async with self.locks[record.key]:
                if (
                    record.power == "running"
                    and record.phase == "present"
                    and instance_id in self.inventory.records
                ):
                    try:
                        await self.hosts.boot(record)
                    except (CloudError, OSError) as error:
                        LOG.warning("%s: %s", instance_id, error)
                        continue
                    record.trouble = ""
                return

    def pause(self, instance_id: str) -> float:
        now = asyncio.get_running_loop().time()
        last, pause = self.pauses.get(instance_id, (0.0, 0.0))
        pause = (
            FIRST_PAUSE if now - last > STEADY_SECONDS else min(max(pause, FIRST_PAUSE) * 2, LONGEST_PAUSE)
        )
        self.pauses[instance_id] = (now, pause)
        return pause

    # --- requests --------------------------------------------------------------------------------

    async def create(self, request: dict[str, Any]) -> Answer:
        """{kind, key, spec, tags, run} -> {object, adopted}. Same key and spec return the existing object."""
        kind = checked_kind(request.get("kind"))
        key, spec = checked_key(kind, request.get("key")), checked_spec(kind, request.get("spec"))
        tags, run = checked_tags(request.get("tags", {})), text("run", request.get("run", ""))
        async with self.locks[key]:
            existing = self.inventory.by_key(key)
            if existing and existing.spec != spec:
                field = next(name for name in spec if existing.spec[name] != spec[name])
                raise CloudError(
                    409, f"spec.{field}: {key} exists as {existing.id} with {existing.spec[field]!r}"
                )
            adopted = existing is not None and existing.phase == "present"
            fault = {} if adopted else self.faults.take(kind)
            if fault.get("mode") == "fail":
                raise CloudError(503, fault["message"])
            record = existing or self.inventory.register(kind, key, spec, tags, run)
            record.tags, record.power = tags, "running"
            await asyncio.sleep(fault.get("seconds", 0))
            await self.realise(record)
            if fault.get("mode") == "fail_after":
                raise CloudError(503, fault["message"])
            if fault.get("mode") == "broken":
                record.trouble = fault["message"]
                self.inventory.save(record)
            return {"object": self.view(record), "adopted": adopted}

    async def read(self, request: dict[str, Any]) -> Answer:
        """{id or key, kind?} -> {object}. Raises CloudError 404 if it does not exist."""
        kind = request.get("kind")
        record = self.inventory.by_id(request.get("id"), checked_kind(kind) if kind is not None else None)
        if record.phase == "destroying":
            raise CloudError(404, f"{record.id} is being destroyed")
        return {"object": self.view(record)}

    async def list_objects(self, request: dict[str, Any]) -> Answer:
        """{workspace?} -> {objects}. The workspace of an object is its key up to the first slash."""
        workspace = request.get("workspace")
        records = sorted(self.inventory.records.values(), key=lambda record: record.key)
        return {"objects": [self.view(record) for record in records if workspace in {None, record.workspace}]}

    async def update(self, request: dict[str, Any]) -> Answer:
        """{id, spec? (changed fields), tags?, power?} -> {object}.

        Raises CloudError 409 if the change needs a new object.
        """
        record = self.inventory.by_id(request.get("id"))
        async with self.locks[record.key]:
            spec = checked_spec(record.kind, request.get("spec", {}), partial=True)
            tags = checked_tags(request.get("tags", record.tags))
            power = checked_power(request.get("power", record.power))
            self.inventory.require_changeable(record, spec)
            if (
                record.kind == "volume"
                and spec.get("instance", record.spec["instance"]) != record.spec["instance"]
            ):
                self.detach(record)
            record.spec, record.tags, record.power = {**record.spec, **spec}, tags, power
            await self.realise(record)
            return {"object": self.view(record)}

    async def start(self, request: dict[str, Any]) -> Answer:
        return await self.update({"id": self.instance(request).id, "power": "running"})

    async def stop(self, request: dict[str, Any]) -> Answer:
        return await self.update({"id": self.instance(request).id, "power": "stopped"})

    def instance(self, request: dict[str, Any]) -> Record:
        return self.inventory.by_id(request.get("id"), "instance")

    async def destroy(self, request: dict[str, Any]) -> Answer:
        """{id} -> {destroyed}, False if it did not exist. Raises CloudError 409 while it is referenced."""
        try:
            record = self.inventory.by_id(request.get("id"))
        except CloudError:
            return {"destroyed": False}
        async with self.locks[record.key]:
            if users := self.inventory.users_of(record):
                raise CloudError(409, f"{record.id} is used by {', '.join(sorted(users))}")
            record.phase = "destroying"
            self.inventory.save(record)
            await self.remove(record)
        self.locks.pop(record.key, None)
        return {"destroyed": True}

    async def capacity(self, request: dict[str, Any]) -> Answer:
        """{limits?: {pool: {measure: number}}} -> {pools: {pool: {limits, used}}}. {} removes all limits."""
        if "limits" in request:
            self.inventory.set_limits(checked_limits(request["limits"]))
        return {"pools": self.inventory.capacity()}

    async def fault(self, request: dict[str, Any]) -> Answer:
        """{kind, mode, count?, seconds?, message?} or {clear: true} -> {faults}; see faults.py."""
        if request.get("clear"):
            self.faults.waiting = []
        else:
            self.faults.add(request)
        return {"faults": self.faults.waiting}

    async def ping(self, _request: dict[str, Any]) -> Answer:
        return {"objects": len(self.inventory.records), "namespaces": bool(self.hosts.hide)}

    # --- realising the records --------------------------------------------------------------------

    async def realise(self, record: Record) -> None:
        """Save the record, then make reality match it. Idempotent, so a start can complete it."""
        self.inventory.save(record)
        try:
            if record.kind == "instance" and record.power == "running":
                await self.hosts.boot(record)
            elif record.kind == "instance":
                await self.hosts.halt(record.id, signal.SIGTERM)
            elif record.kind == "volume":
                self.attach(record)
        except (CloudError, OSError, TimeoutError) as error:
            record.trouble = str(error)
            raise CloudError(500, f"{record.id}: {error}") from error
        record.trouble = ""
        if record.phase == "creating":
            record.phase = "present"
            self.inventory.save(record)

    async def remove(self, record: Record) -> None:
        """Stop and remove the object, then its record. Idempotent."""
        if record.kind == "instance":
            await self.hosts.halt(record.id, signal.SIGQUIT)
            for volume in self.volumes_of(record):
                self.detach(volume)
            await self.hosts.remove(record.id)
        elif record.kind == "volume":
            self.detach(record)
            await asyncio.to_thread(remove_folder, self.volumes / record.id)
        self.inventory.forget(record)

    def volumes_of(self, instance: Record) -> list[Record]:
        return [
            volume for volume in self.inventory.of_kind("volume") if volume.spec["instance"] == instance.id
        ]

    def volume_path(self, volume: Record) -> Path:
        """Return the folder of an attached volume's data, in the root of its instance."""
        return self.hosts.root(volume.spec["instance"]) / "mnt" / volume.name

    def attach(self, volume: Record) -> None:
        """Move the volume's data into its instance, if that exists. A new volume starts empty."""
        attached, detached = self.volume_path(volume), self.volumes / volume.id
        if volume.spec["instance"] not in self.inventory.records or attached.exists():
            return
        attached.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if detached.exists():
            detached.rename(attached)
        else:
            attached.mkdir(mode=0o700)

    def detach(self, volume: Record) -> None:
        """Move the volume's data out of its instance, so that they survive the instance."""
        if (attached := self.volume_path(volume)).exists():
            attached.rename(self.volumes / volume.id)

    def view(self, record: Record) -> Answer:
        """Return the public description of an object."""
        instance, volume = record.kind == "instance", record.kind == "volume"
        return {
            "id": record.id,
            "key": record.key,
            "kind": record.kind,
            "state": self.state(record),
            "power": record.power if instance else None,
            "trouble": record.trouble,
            "address": record.address,
            "cidr": record.cidr,
            "host_root": str(self.hosts.root(record.id)) if instance else None,
            "path": str(self.volume_path(record)) if volume else None,
            "spec": record.spec,
            "tags": record.tags,
            "run": record.run,
        }

    def state(self, record: Record) -> str:
        """Return running, stopped, present or error; `trouble` has the reason of an error."""
        if record.trouble or record.phase != "present":
            return "error"
        if record.kind != "instance":
            return "present"
        up = self.hosts.is_up(record.id)
        return ("running" if up else "error") if record.power == "running" else "stopped"


def checked_power(value: Any) -> str:
    if not isinstance(value, str) or value not in {"running", "stopped"}:
        raise CloudError(400, f"power: {value!r} must be running or stopped")
    return value


def checked_limits(value: Any) -> dict[str, dict[str, int]]:
    if not isinstance(value, dict) or not all(isinstance(limits, dict) for limits in value.values()):
        raise CloudError(400, "limits: must be an object of pools, each an object of measures")
    for pool, limits in value.items():
        word("limits", pool)
        for measure, limit in limits.items():
            if measure not in MEASURES:
                raise CloudError(400, f"limits.{pool}.{measure}: must be one of {', '.join(MEASURES)}")
            if limit != 0:  # 0 closes the pool.
                count(f"limits.{pool}.{measure}", limit)
    return value
