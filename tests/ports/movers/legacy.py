"""A legacy system and its target on sandbox hosts, writing clients, and checks independent of the mover."""

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
        """Destroy the target's instance with all its data."""
        self.daemon.ask(op="destroy", id=f"target/instance/{self.target.name}")

    def make_target(self) -> None:
        """Create another target, prepared like the first."""
        self.target = self.next_target()
        self.install(self.target, "install_sample_system.yml")

    def root(self, host: MigrationHost) -> Path:
        return Path(host.connection["host_root"])

    def install(self, host: MigrationHost, playbook: str, **variables: Any) -> dict[str, Any]:
        """Play one of the sample playbooks on a host. Returns the answers of its programs by task."""
        folder = self.fill(sample_bundle(PLAYBOOKS, host, playbook, variables))
        result = self.engine.run(folder, playbook, engine_run(self.log))
        assert result.returncode == 0, "\n".join(self.log[-30:])
        data = [event["event_data"] for event in result.events if event["event"] == "runner_on_ok"]
        return {task["task"]: task["res"].get("answer") for task in data}

    def fill(self, files: Mapping[str, bytes]) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bundle-", dir=self.folder))
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def prepare(self) -> None:
        """Install the legacy system with its data, the name that points to it, and a target without data."""
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
        """Return the movers as after an approval, with the bundle in a folder of its own."""
        folder = self.fill(transfer_bundle(PLAYBOOKS, transfer, Purpose(purpose)))
        player = Player(self.engine, folder, engine_run(self.log))
        return AnsibleMovers(transfer, player, seconds_to_follow=seconds_to_follow)

    def admin(self, host: MigrationHost, database: str = "app") -> psycopg.Connection[Any]:
        """Connect to a host's database as administrator."""
        text = (self.root(host) / "srv/postgresql/admin.conninfo").read_text()
        return psycopg.connect(f"{text} dbname={database}", autocommit=True, connect_timeout=5)

    def answers(self, host: MigrationHost) -> bool:
        """Return True if the host's database server accepts the administrator."""
        try:
            self.admin(host, "postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def may_write(self, host: MigrationHost) -> bool:
        """Return True if the application's role can log in on the host."""
        config = json.loads((self.root(host) / "srv/app/config.json").read_text())
        try:
            psycopg.connect(config["database"], connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def stored(self, host: MigrationHost) -> dict[str, int]:
        """Return the ids of all reports and pictures in a host's database, with the number of their rows."""
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
        """Run clients that write through the application while the block runs."""
        clients = Clients(self, number, pause)
        try:
            yield clients
        finally:
            clients.stop()


class Clients:
    """A process with several clients; their record remains after it has ended."""

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
        records = [read_record(path.read_text().splitlines()) for path in sorted(self.record.glob("*.acks"))]
        return [write for record in records for write in record]

    def wait_for(self, more: int, seconds: float = 20) -> None:
        """Wait until so many more writes were acknowledged."""
        goal = len(self.acknowledged()) + more
        wait_until(lambda: len(self.acknowledged()) >= goal, f"{more} more writes", seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


def expect_all_stored(world: World, acknowledged: Sequence[Acknowledged], host: MigrationHost) -> None:
    """Check that every acknowledged write is stored exactly once, pictures with their content."""
    stored = world.stored(host)
    lost = [write.write for write in acknowledged if write.write not in stored]
    assert not lost, f"{len(lost)} of {len(acknowledged)} lost: {lost[:5]}"
    assert set(stored.values()) <= {1}
    uploads = world.root(host) / UPLOADS
    lost_pictures = [
        write.write
        for write in acknowledged
        if write.kind == "picture" and not list(uploads.glob(f"*/{write.write}.bin"))
    ]
    assert not lost_pictures, f"pictures lost: {lost_pictures[:5]}"


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
    """Restore the initial state after a test: the source serves, no transfer is prepared, no copy exists."""
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
