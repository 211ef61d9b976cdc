"""The sample legacy system on hosts of the sandbox cloud, and clients that write to it.

Its hosts are created without a request, because a legacy system exists before this service does.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from orchestrator.adapters.playbook_bundles import SAMPLE, play_files, playbook_bundle
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.migrations.pause import Acknowledged, read_record
from orchestrator.migrations.transfer import DatabasePart, FolderPart, MigrationHost
from orchestrator.runs.engine import AnsibleEngine, EngineRun

WEB_PORT: Final = 8080
DATABASE: Final = DatabasePart("app", ("app",))
UPLOADS: Final = FolderPart("srv/app/uploads")
NAMES_FILE: Final = "srv/names/names.json"
_CLIENTS: Final = 4
_SECONDS_BETWEEN_WRITES: Final = 0.012
_STORED: Final = (
    "SELECT client || '-' || number, count(*) FROM (SELECT client, number FROM report"
    " UNION ALL SELECT client, number FROM picture) AS written GROUP BY 1"
)
_HOST: Final = {
    "pool": "LEGACY",
    "arch": "x86",
    "image": "legacy",
    "purpose": "other",
    "vcpu": 2,
    "memory_gb": 4,
}


class SampleError(Exception):
    """The sample system could not be installed; the text is the end of the play's log."""


def make_host(cloud: SandboxCloud, name: str, workspace: str, zone: str) -> MigrationHost:
    """Return the host in a zone's address block, and create it if needed. Raises SandboxCloudError."""
    network = cloud.create("network", f"{workspace}/network/main", zone=zone, name=zone)
    group = cloud.create(
        "security_group", f"{workspace}/security_group/{name}", network=network["id"], ports=[]
    )
    ends = {"network": network["id"], "security_group": group["id"]}
    port = cloud.create("port", f"{workspace}/port/{name}", **ends)
    instance = cloud.create("instance", f"{workspace}/instance/{name}", **_HOST, port=port["id"], label=name)
    return MigrationHost(name, instance["address"], {"plugin": "sandbox", "host_root": instance["host_root"]})


def sample_bundle(
    playbooks: Path, host: MigrationHost, playbook: str, variables: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the bundle that plays one playbook of the sample system on one host."""
    files = play_files([playbook], playbooks, playbooks / SAMPLE)
    inventory = {
        "name": host.name,
        "label": host.name,
        "address": host.address,
        "connection": host.connection,
    }
    return playbook_bundle(files, [inventory], variables)


class SampleSystem:
    """Installs the parts of the sample system; `folder` is for bundles and outlives every play."""

    def __init__(self, engine: AnsibleEngine, playbooks: Path, folder: Path) -> None:
        self._engine, self._playbooks, self._folder = engine, playbooks, folder

    def serve_names(self, host: MigrationHost, names: Mapping[str, str]) -> None:
        """Run the name service with these names: name -> address."""
        self.play(host, "serve_names.yml", {"serve_names_names": dict(names)})

    def install(self, host: MigrationHost, seed: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Install database and application; with `seed` {megabytes, files, file_bytes} the host serves."""
        variables = {"install_sample_system_seed": dict(seed)} if seed else {}
        return self.play(host, "install_sample_system.yml", variables)

    def play(self, host: MigrationHost, playbook: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Play a playbook on the host; return the answers of its programs by task. Raises SampleError."""
        folder = self.fill(sample_bundle(self._playbooks, host, playbook, variables))
        log: list[str] = []
        result = self._engine.run(folder, playbook, EngineRun("sample", {}, log.append, lambda: None))
        if result.returncode:
            raise SampleError("\n".join(log[-30:]))
        data = [event["event_data"] for event in result.events if event["event"] == "runner_on_ok"]
        return {event["task"]: event["res"].get("answer") for event in data}

    def fill(self, files: Mapping[str, bytes]) -> Path:
        """Return a new folder with the files of a bundle."""
        folder = Path(tempfile.mkdtemp(prefix="bundle-", dir=self._folder))
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


class SampleClients:
    """A process of clients that write to the sample system; their record outlives them."""

    def __init__(self, playbooks: Path, names: MigrationHost, name: str, record: Path) -> None:
        self.record = record
        where = ["--names", str(root_of(names) / NAMES_FILE), "--name", name, "--port", str(WEB_PORT)]
        how = ["--record", str(record), "--clients", str(_CLIENTS), "--pause", str(_SECONDS_BETWEEN_WRITES)]
        program = str(playbooks / SAMPLE / "programs/sample_application/clients.py")
        argv = [sys.executable, "-I", "-B", program, *where, *how]
        self.process = subprocess.Popen(argv, start_new_session=True)

    def acknowledged(self) -> list[Acknowledged]:
        """Return the writes acknowledged so far, client by client."""
        records = [read_record(path.read_text().splitlines()) for path in sorted(self.record.glob("*.acks"))]
        return [write for client in records for write in client]

    def stop(self) -> None:
        """End the clients and wait for them; can be repeated."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


def root_of(host: MigrationHost) -> Path:
    """Return the root folder of a sandbox host."""
    return Path(host.connection["host_root"])


def stored(host: MigrationHost) -> dict[str, int]:
    """Return how often each write is in the host's database, by its id."""
    with psycopg.connect(admin_conninfo(host, DATABASE.name)) as connection:
        return dict(connection.execute(_STORED).fetchall())


def admin_conninfo(host: MigrationHost, database: str) -> str:
    """Return the connection string of the administrator of the host's database server."""
    return f"{(root_of(host) / DATABASE.admin).read_text().strip()} dbname={database}"


def lost(acknowledged: list[Acknowledged], host: MigrationHost) -> tuple[int, int]:
    """Return how many acknowledged writes, and how many files of acknowledged pictures, the host lacks."""
    counts, uploads = stored(host), root_of(host) / UPLOADS.path
    rows = sum(counts.get(write.write, 0) != 1 for write in acknowledged)
    files = {path.stem for path in uploads.glob("*/*.bin")}
    return rows, sum(write.kind == "picture" and write.write not in files for write in acknowledged)
