"""The write pause that clients see in a cutover and in a rollback, compared with a dump and restore.

Four clients make about 200 acknowledged writes a second through the web application, into a database of
200 MB and a folder of 5,000 files. The pause is the largest gap between two acknowledged writes around the
switch. Each cutover is proved and rolled back, and the rollback is proved too. The baseline is the time of a
dump piped into a restore of the same database without any writes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.environment import leave_root
from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.embedded_postgres import programs_folder
from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.adapters.movers.bundles import transfer_bundle
from orchestrator.adapters.movers.playing import Player
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.demo import sample_system
from orchestrator.demo.sample_system import SampleClients, SampleSystem, make_host
from orchestrator.migrations.kinds import Purpose
from orchestrator.migrations.movers import SwitchResult
from orchestrator.migrations.pause import WritePause, write_pause
from orchestrator.migrations.transfer import MigrationHost, NamePart, Transfer
from orchestrator.runs.engine import EngineRun

ROOT = Path(__file__).resolve().parents[1]
PLAYBOOKS = ROOT / "playbooks"
NAME = "flood.slj.example"
AIM_RATIO, AIM_MS = 30.0, 100.0
SECONDS_BETWEEN, SECONDS_AROUND = 3.0, 3.0


@dataclass
class Figures:
    """The measured pauses in both directions."""

    cutovers: list[WritePause] = field(default_factory=list)
    rollbacks: list[WritePause] = field(default_factory=list)
    fenced_ms: list[float] = field(default_factory=list)
    proofs: int = 0
    writes_per_second: float = 0.0
    rows_lost: int = 0
    files_lost: int = 0


class Environment:
    """A sandbox cloud with the legacy system, its target and the name service."""

    def __init__(self, cloud: SandboxCloud, folder: Path, seed: dict[str, int]) -> None:
        self.engine, self.folder = AnsibleRunnerEngine(), folder
        self.system = SampleSystem(self.engine, PLAYBOOKS, folder)
        self.legacy = make_host(cloud, "legacy-1", "legacy", "vrf-shuili")
        self.names = make_host(cloud, "names-1", "names", "management")
        self.target = make_host(cloud, "db-1", "target", "extranet")
        self.system.serve_names(self.names, {NAME: self.legacy.address})
        self.system.install(self.legacy, seed)
        self.system.install(self.target)
        self.transfer = Transfer(
            "bench",
            self.legacy,
            self.target,
            sample_system.DATABASE,
            (sample_system.UPLOADS,),
            NamePart(NAME, self.names),
        )

    def movers(self, purpose: Purpose) -> AnsibleMovers:
        folder = self.system.fill(transfer_bundle(PLAYBOOKS, self.transfer, purpose))
        run = EngineRun("bench", {}, lambda _line: None, lambda: None)
        return AnsibleMovers(self.transfer, Player(self.engine, folder, run))

    def clients(self) -> SampleClients:
        return SampleClients(PLAYBOOKS, self.names, NAME, self.folder / "record")


@contextmanager
def start_environment(seed: dict[str, int]) -> Iterator[Environment]:
    """Start a sandbox cloud with the sample system; stop and remove everything at the end."""
    with tempfile.TemporaryDirectory(prefix="gcb-", dir="/tmp") as home:
        folder, socket_path = Path(home), Path(home) / "s.sock"
        program = [sys.executable, "-I", "-B", str(ROOT / "terraform/providers/sandbox/sandboxd.py")]
        options = ["--home", f"{home}/c", "--socket", str(socket_path)]
        with (folder / "cloud.log").open("wb") as log:
            cloud = subprocess.Popen(
                [*program, *options, "--parent", str(os.getpid())], stdout=log, stderr=log
            )
        try:
            while not SandboxCloud(socket_path).is_running():
                time.sleep(0.02)
            yield Environment(SandboxCloud(socket_path), folder, seed)
        finally:
            cloud.terminate()
            cloud.wait(60)


def switch(
    movers: AnsibleMovers, clients: SampleClients, result: SwitchResult, figures: Figures
) -> WritePause:
    """Prove a switch, start replication to the other side, and return the measured pause."""
    if result.outcome != "switched" or result.fenced_at is None or result.opened_at is None:
        raise RuntimeError(f"the outcome of the switch is {result.outcome}: {result.reason}")
    proof = movers.prove(result.to)
    if not proof.equal:
        raise RuntimeError(f"the sides differ: {proof.mismatches}")
    figures.proofs += 1
    figures.fenced_ms.append(result.fenced_ms or 0.0)
    movers.follow(result.to)
    time.sleep(SECONDS_BETWEEN)
    return write_pause(clients.acknowledged(), result.fenced_at, result.opened_at, SECONDS_AROUND)


def measure(environment: Environment, rounds: int) -> Figures:
    """Prepare while clients write, then cut over and roll back `rounds` times."""
    figures, clients = Figures(), environment.clients()
    try:
        environment.movers(Purpose.PREPARE).prepare()
        movers = environment.movers(Purpose.CUTOVER)
        for _ in range(rounds):
            wait_until_ready(movers)
            figures.cutovers.append(switch(movers, clients, movers.cut_over(), figures))
            figures.rollbacks.append(switch(movers, clients, movers.roll_back(), figures))
    finally:
        clients.stop()
    acknowledged = clients.acknowledged()
    times = [write.at for write in acknowledged]
    figures.writes_per_second = len(times) / (max(times) - min(times))
    figures.rows_lost, figures.files_lost = sample_system.lost(acknowledged, environment.legacy)
    return figures


def wait_until_ready(movers: AnsibleMovers) -> None:
    while not movers.progress().ready:
        time.sleep(0.5)


def dump_and_restore(source: MigrationHost, target: MigrationHost) -> float:
    """Return the milliseconds of a dump piped into a restore, without any writes."""
    with psycopg.connect(sample_system.admin_conninfo(target, "postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored OWNER app")
    programs = programs_folder()
    exclusions = ["--exclude-schema=govcloud_*", "--no-publications", "--no-subscriptions"]
    source_conninfo = sample_system.admin_conninfo(source, "app")
    dump_command = [str(programs / "pg_dump"), "-Fc", *exclusions, "-d", source_conninfo]
    began = time.perf_counter()
    dump = subprocess.Popen(dump_command, stdout=subprocess.PIPE)
    restore = [str(programs / "pg_restore"), "-d", sample_system.admin_conninfo(target, "restored")]
    subprocess.run(restore, stdin=dump.stdout, check=True)
    if dump.wait():
        raise RuntimeError("pg_dump failed")
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--files", type=int, default=5000)
    arguments = options.parse_args()
    leave_root()
    seed = {"megabytes": arguments.megabytes, "files": arguments.files, "file_bytes": 22_000}
    with start_environment(seed) as environment:
        figures = measure(environment, arguments.rounds)
        dump_ms = dump_and_restore(environment.legacy, environment.target)
    _print(figures, dump_ms, seed)


def _print(figures: Figures, dump_ms: float, seed: dict[str, int]) -> None:
    rows = [
        (
            name,
            report.spread([pause.longest_ms for pause in pauses]),
            report.spread([pause.at_fence_ms for pause in pauses]),
        )
        for name, pauses in (("cutover", figures.cutovers), ("rollback", figures.rollbacks))
    ]
    rows += [
        ("both sides fenced", report.spread(figures.fenced_ms), ""),
        ("dump | restore", f"{dump_ms:.0f}", ""),
    ]
    title = f"{seed['megabytes']} MB, {seed['files']} files, {figures.writes_per_second:.0f} writes/s"
    report.table(title, ["ms: min / median / max", "largest gap", "gap at the fence"], rows)
    pause_ms = statistics.median(pause.longest_ms for pause in figures.cutovers)
    report.result(
        "write_pause_postgresql",
        dump_ms / pause_ms,
        AIM_RATIO,
        at_most=False,
        pause_ms=round(pause_ms, 1),
        rollback_pause_ms=round(statistics.median(pause.longest_ms for pause in figures.rollbacks), 1),
        pause_aim_ms=AIM_MS,
        at_fence_ms=round(statistics.median(pause.at_fence_ms for pause in figures.cutovers), 1),
        fenced_ms=round(statistics.median(figures.fenced_ms), 1),
        dump_restore_ms=round(dump_ms),
        rows_lost=figures.rows_lost,
        files_lost=figures.files_lost,
        proofs_equal=figures.proofs,
        switches=len(figures.cutovers),
        writes_a_second=round(figures.writes_per_second),
        megabytes=seed["megabytes"],
        files=seed["files"],
    )


if __name__ == "__main__":
    main()
