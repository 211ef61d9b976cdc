"""A legacy system and its target on real sandbox hosts, clients that write, eyes that are not the mover's."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.adapters.movers.bundles import transfer_bundle
from orchestrator.adapters.movers.playing import Player
from orchestrator.demo.sample_system import sample_bundle
from orchestrator.migrations.kinds import Purpose, Side
from orchestrator.migrations.pause import Acknowledged, read_record
from orchestrator.migrations.serving import judge
from orchestrator.migrations.transfer import DatabasePart, FolderPart, MigrationHost, NamePart, Transfer
from orchestrator.runs.engine import EngineRun
from tests.ports.sandbox.daemon import INSTANCE, ROOT, Daemon, unprivileged, wait_until

PLAYBOOKS = ROOT / "playbooks"
CLIENTS = PLAYBOOKS / "sample/programs/sample_application/clients.py"
RECORD = "flood.slj.example"
UPLOADS = "srv/app/uploads"
SMALL: Mapping[str, int] = {"megabytes": 12, "files": 200, "file_bytes": 4000}


def engine_run(log: list[str], **options: Any) -> EngineRun:
    return EngineRun("run-1", {}, log.append, lambda: None, **options)


class World:
    """Three hosts of one cloud: the legacy system in one block, its target in another, the name service."""

    def __init__(self, daemon: Daemon, folder: Path, seed: Mapping[str, int] = SMALL) -> None:
        self.daemon, self.folder, self.seed = daemon, folder, seed
        self.log: list[str] = []
        self.engine = AnsibleRunnerEngine(grace_seconds=5)
        self.legacy = self.host("legacy-1", "legacy", "vrf-shuili")
        self.names = self.host("names-1", "names", "management")
        self.targets = 0
        self.target = self.next_target()

    def host(self, name: str, workspace: str, zone: str) -> MigrationHost:
        network = self.daemon.create(f"{workspace}/network/main", zone=zone, name=zone)["id"]
        group = self.daemon.create(f"{workspace}/security_group/{name}", network=network, ports=[5432])["id"]
        port = self.daemon.create(f"{workspace}/port/{name}", network=network, security_group=group)["id"]
        made = self.daemon.create(f"{workspace}/instance/{name}", **{**INSTANCE, "port": port})
        return MigrationHost(name, made["address"], {"plugin": "sandbox", "host_root": made["host_root"]})

    def next_target(self) -> MigrationHost:
        self.targets += 1
        return self.host(f"db-{self.targets}", "target", "extranet")

    def destroy_target(self) -> None:
        """The target's instance is gone, with everything that was on it."""
        self.daemon.ask(op="destroy", id=f"target/instance/{self.target.name}")

    def make_target(self) -> None:
        """Another target, prepared like the first."""
        self.target = self.next_target()
        self.install(self.target, "install_sample_system.yml")

    def root(self, host: MigrationHost) -> Path:
        return Path(host.connection["host_root"])

    def install(self, host: MigrationHost, playbook: str, **variables: Any) -> dict[str, Any]:
        """Play one of the sample playbooks on a host; the answers of its programs by task."""
        folder = self.fill(sample_bundle(PLAYBOOKS, host, playbook, variables))
        result = self.engine.run(folder, playbook, engine_run(self.log))
        assert result.returncode == 0, "\n".join(self.log[-30:])
        data = [each["event_data"] for each in result.events if each["event"] == "runner_on_ok"]
        return {each["task"]: each["res"].get("answer") for each in data}

    def fill(self, files: Mapping[str, bytes]) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bundle-", dir=self.folder))
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def prepare(self) -> None:
        """The legacy system with its data, the name that leads to it, a target without data."""
        self.install(self.names, "serve_names.yml", serve_names_names={RECORD: self.legacy.address})
        self.install(self.legacy, "install_sample_system.yml", install_sample_system_seed=dict(self.seed))
        self.install(self.target, "install_sample_system.yml")

    def transfer(self, key: str, **changed: Any) -> Transfer:
        parts: dict[str, Any] = {
            "database": DatabasePart("app", ("app",)),
            "folders": (FolderPart(UPLOADS),),
            "name": NamePart(RECORD, self.names),
            "budget_ms": 10_000,
        }
        return Transfer(key, self.legacy, self.target, **{**parts, **changed})

    def movers(self, transfer: Transfer, purpose: str, seconds_to_follow: float = 60) -> AnsibleMovers:
        """The movers as they are after an approval: from a folder of their own, filled with the bundle."""
        folder = self.fill(transfer_bundle(PLAYBOOKS, transfer, Purpose(purpose)))
        player = Player(self.engine, folder, engine_run(self.log))
        return AnsibleMovers(transfer, player, seconds_to_follow=seconds_to_follow)

    def admin(self, host: MigrationHost, database: str = "app") -> psycopg.Connection[Any]:
        """The administrator's connection to a host's database; a test's own eyes and hands."""
        text = (self.root(host) / "srv/postgresql/admin.conninfo").read_text()
        return psycopg.connect(f"{text} dbname={database}", autocommit=True, connect_timeout=5)

    def answers(self, host: MigrationHost) -> bool:
        """Whether the host's database server accepts the administrator."""
        try:
            self.admin(host, "postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def may_write(self, host: MigrationHost) -> bool:
        """Whether the application's own role can log in there, tried for real."""
        config = json.loads((self.root(host) / "srv/app/config.json").read_text())
        try:
            psycopg.connect(config["database"], connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def stored(self, host: MigrationHost) -> dict[str, int]:
        """Ids of all reports and pictures in a host's database, with how often each is there."""
        query = (
            "SELECT client || '-' || number, count(*) FROM (SELECT client, number FROM report"
            " UNION ALL SELECT client, number FROM picture) AS written GROUP BY 1"
        )
        with self.admin(host) as connection:
            return dict(connection.execute(query).fetchall())

    def address_of_name(self) -> str:
        text = (self.root(self.names) / "srv/names/names.json").read_text()
        return str(json.loads(text)[RECORD])

    @contextmanager
    def clients(self, number: int = 4, pause: float = 0.02) -> Iterator["Clients"]:
        """Clients that write through the application while the block runs."""
        clients = Clients(self, number, pause)
        try:
            yield clients
        finally:
            clients.stop()


class Clients:
    """A process of clients; their record outlives it."""

    def __init__(self, world: World, number: int, pause: float) -> None:
        self.record = Path(tempfile.mkdtemp(prefix="record-", dir=world.folder))
        if os.getuid() == 0:
            os.chown(self.record, 65534, 65534)
        names = world.root(world.names) / "srv/names/names.json"
        options = ["--names", str(names), "--name", RECORD, "--port", "8080", "--record", str(self.record)]
        argv = [
            sys.executable,
            "-I",
            "-B",
            str(CLIENTS),
            *options,
            "--clients",
            str(number),
            "--pause",
            str(pause),
        ]
        self.process = subprocess.Popen(unprivileged(argv), start_new_session=True)
        wait_until(lambda: len(self.acknowledged()) > number, "the clients write")

    def acknowledged(self) -> list[Acknowledged]:
        found = [read_record(path.read_text().splitlines()) for path in sorted(self.record.glob("*.acks"))]
        return [each for client in found for each in client]

    def wait_for(self, more: int, seconds: float = 20) -> None:
        """Until so many more writes were acknowledged."""
        goal = len(self.acknowledged()) + more
        wait_until(lambda: len(self.acknowledged()) >= goal, f"{more} more writes", seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


def expect_all_stored(world: World, acknowledged: Sequence[Acknowledged], host: MigrationHost) -> None:
    """Every acknowledged id exactly once, and every acknowledged picture with its content."""
    stored = world.stored(host)
    lost = [each.write for each in acknowledged if each.write not in stored]
    assert not lost, f"{len(lost)} of {len(acknowledged)} lost: {lost[:5]}"
    assert set(stored.values()) <= {1}
    uploads = world.root(host) / UPLOADS
    gone = [
        each.write
        for each in acknowledged
        if each.kind == "picture" and not list(uploads.glob(f"*/{each.write}.bin"))
    ]
    assert not gone, f"pictures lost: {gone[:5]}"


def expect_one_side(world: World, host: MigrationHost) -> None:
    """This side accepts writes, the other does not."""
    other = world.target if host is world.legacy else world.legacy
    assert (world.may_write(host), world.may_write(other)) == (True, False)


def wait_until_ready(movers: AnsibleMovers, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not (progress := movers.progress()).ready:
        assert time.monotonic() < end, progress
        time.sleep(0.3)


def reset(world: World, transfer: Transfer) -> None:
    """Whatever a test left: the source serves again, nothing is prepared, the target holds no copy."""
    movers = world.movers(transfer, "rollback")
    addresses: dict[Side, str] = {Side.SOURCE: world.legacy.address, Side.TARGET: world.target.address}
    sides = movers.sides()
    if not sides.source.prepared:
        return
    serving = judge(sides, addresses)
    if serving.verdict == "target":
        assert movers.roll_back().outcome == "switched"
    elif serving.verdict == "neither" or serving.name_follows is False:
        movers.reopen(Side.SOURCE)
    world.movers(transfer, "clean_up").clean_up(remove_copies=True)


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
