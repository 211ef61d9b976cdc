"""The write pause of a cutover and of a rollback, as clients see it, and dump | restore of the same database.

A database of 200 MB and 5,000 files under some 200 acknowledged writes a second from four clients through
the web application. The pause is the largest gap between two acknowledged writes around the switch. Each
switch is proved and followed by a rollback, which is proved too. The ratio compares with the time that a dump
piped into a restore takes while nobody writes.
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
from benchmarks.place import leave_root
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

    forward: list[WritePause] = field(default_factory=list)
    back: list[WritePause] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    proofs: int = 0
    writes_a_second: float = 0.0


class Place:
    """A cloud of its own with the legacy system, its target and the name service."""

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
def place(seed: dict[str, int]) -> Iterator[Place]:
    """The place, and the end of everything that was started for it."""
    with tempfile.TemporaryDirectory(prefix="gcb-", dir="/tmp") as home:
        folder, door = Path(home), Path(home) / "s.sock"
        program = [sys.executable, "-I", "-B", str(ROOT / "terraform/providers/sandbox/sandboxd.py")]
        options = ["--home", f"{home}/c", "--socket", str(door)]
        with (folder / "cloud.log").open("wb") as log:
            cloud = subprocess.Popen(
                [*program, *options, "--parent", str(os.getpid())], stdout=log, stderr=log
            )
        try:
            while not SandboxCloud(door).is_running():
                time.sleep(0.02)
            yield Place(SandboxCloud(door), folder, seed)
        finally:
            cloud.terminate()
            cloud.wait(60)


def switch(
    movers: AnsibleMovers, clients: SampleClients, result: SwitchResult, figures: Figures
) -> WritePause:
    """Prove a switch that was made, let the other side follow, and measure its pause."""
    if result.outcome != "switched" or result.fenced_at is None or result.opened_at is None:
        raise RuntimeError(f"the switch ended with {result.outcome}: {result.reason}")
    proof = movers.prove(result.to)
    if not proof.equal:
        raise RuntimeError(f"not equal: {proof.mismatches}")
    figures.proofs += 1
    figures.closed.append(result.fenced_ms or 0.0)
    movers.follow(result.to)
    time.sleep(SECONDS_BETWEEN)
    return write_pause(clients.acknowledged(), result.fenced_at, result.opened_at, SECONDS_AROUND)


def measure(made: Place, rounds: int) -> tuple[Figures, int, int]:
    """Prepare under writes, then switch and return `rounds` times; also the rows and files that were lost."""
    figures, clients = Figures(), made.clients()
    try:
        made.movers(Purpose.PREPARE).prepare()
        movers = made.movers(Purpose.CUTOVER)
        for _ in range(rounds):
            wait_until_ready(movers)
            figures.forward.append(switch(movers, clients, movers.cut_over(), figures))
            figures.back.append(switch(movers, clients, movers.roll_back(), figures))
    finally:
        clients.stop()
    acknowledged = clients.acknowledged()
    moments = [each.at for each in acknowledged]
    figures.writes_a_second = len(moments) / (max(moments) - min(moments))
    rows, files = sample_system.lost(acknowledged, made.legacy)
    return figures, rows, files


def wait_until_ready(movers: AnsibleMovers) -> None:
    while not movers.progress().ready:
        time.sleep(0.5)


def dump_and_restore(source: MigrationHost, target: MigrationHost) -> float:
    """Milliseconds of a dump piped into a restore while nobody writes."""
    with psycopg.connect(sample_system.admin_conninfo(target, "postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored OWNER app")
    programs = programs_folder()
    without = ["--exclude-schema=govcloud_*", "--no-publications", "--no-subscriptions"]
    dump_it = [str(programs / "pg_dump"), "-Fc", *without, "-d", sample_system.admin_conninfo(source, "app")]
    begun = time.perf_counter()
    dump = subprocess.Popen(dump_it, stdout=subprocess.PIPE)
    restore = [str(programs / "pg_restore"), "-d", sample_system.admin_conninfo(target, "restored")]
    subprocess.run(restore, stdin=dump.stdout, check=True)
    if dump.wait():
        raise RuntimeError("the dump failed")
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--files", type=int, default=5000)
    chosen = options.parse_args()
    leave_root()
    seed = {"megabytes": chosen.megabytes, "files": chosen.files, "file_bytes": 22_000}
    with place(seed) as made:
        figures, rows_lost, files_lost = measure(made, chosen.rounds)
        dumped = dump_and_restore(made.legacy, made.target)
    _print(figures, dumped, rows_lost, files_lost, seed)


def _print(figures: Figures, dumped: float, rows_lost: int, files_lost: int, seed: dict[str, int]) -> None:
    rows = [
        (
            name,
            report.spread([each.longest_ms for each in pauses]),
            report.spread([each.at_fence_ms for each in pauses]),
        )
        for name, pauses in (("switch", figures.forward), ("rollback", figures.back))
    ]
    rows += [("no side open", report.spread(figures.closed), ""), ("dump | restore", f"{dumped:.0f}", "")]
    title = f"{seed['megabytes']} MB, {seed['files']} files, {figures.writes_a_second:.0f} writes/s"
    report.table(title, ["ms: min / median / max", "largest gap", "gap of the switch"], rows)
    pause = statistics.median(each.longest_ms for each in figures.forward)
    report.result(
        "write_pause_postgresql",
        dumped / pause,
        AIM_RATIO,
        at_most=False,
        pause_ms=round(pause, 1),
        rollback_pause_ms=round(statistics.median(each.longest_ms for each in figures.back), 1),
        pause_aim_ms=AIM_MS,
        at_fence_ms=round(statistics.median(each.at_fence_ms for each in figures.forward), 1),
        fenced_ms=round(statistics.median(figures.closed), 1),
        dump_restore_ms=round(dumped),
        rows_lost=rows_lost,
        files_lost=files_lost,
        proofs_equal=figures.proofs,
        switches=len(figures.forward),
        writes_a_second=round(figures.writes_a_second),
        megabytes=seed["megabytes"],
        files=seed["files"],
    )


if __name__ == "__main__":
    main()
