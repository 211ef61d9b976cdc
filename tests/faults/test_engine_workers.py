"""Workers that are killed, stopped, drained and disconnected from the database, as real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.core import jobs
from orchestrator.core.db import create_database_engine, transaction
from tests.patience import PATIENCE
from tests.postgres import Cluster

STALLED_SECONDS = 2.0
PROGRAM = Path(__file__).with_name("engine_worker.py")


class Workshop:
    """Worker processes on one database, and their records."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.url = database_url
        self.folder = folder
        self._records = folder / "records"
        self._records.touch()
        self._workers: list[subprocess.Popen[bytes]] = []

    def worker(self) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"worker-{len(self._workers)}.log").open("wb")
        with log:
            started = subprocess.Popen(
                [sys.executable, str(PROGRAM), self.url, str(self._records), str(STALLED_SECONDS)],
                env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
                stdout=log,
                stderr=log,
            )
        self._workers.append(started)
        return started

    def put(self, task: str, **args: Any) -> int:
        engine = create_database_engine(self.url)
        with transaction(engine) as session:
            job = jobs.enqueue(session, task, queue="extranet", lock="ws:1", **args)
        engine.dispose()
        return job

    def records(self) -> list[str]:
        return [line.split()[0] for line in self._records.read_text().splitlines()]

    def moment_of(self, word: str) -> float:
        times = [line.split() for line in self._records.read_text().splitlines()]
        return next(float(at) for said, _pid, at in times if said == word)

    def process_of(self, word: str) -> int:
        lines = [line.split() for line in self._records.read_text().splitlines()]
        return next(int(pid) for said, pid, _at in lines if said == word)

    def jobs(self) -> list[tuple[str, int]]:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT status, attempts FROM queue.procrastinate_jobs ORDER BY id")
            return [(status, attempts) for status, attempts in rows.fetchall()]

    def end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def workshop(own_database_url: str, tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(own_database_url, tmp_path)
    yield made
    made.end()


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def test_the_job_of_a_killed_worker_is_taken_over(workshop: Workshop) -> None:
    victim = workshop.worker()
    workshop.put("take_time", seconds=1.5)
    wait_until(lambda: "enter-1" in workshop.records())
    victim.kill()
    workshop.worker()
    wait_until(lambda: workshop.jobs() == [("succeeded", 2)])
    assert workshop.records() == ["enter-1", "enter-2", "leave"]


def test_a_draining_worker_keeps_its_job_and_ends_when_it_is_done(workshop: Workshop) -> None:
    draining = workshop.worker()
    workshop.put("take_time", seconds=3 * STALLED_SECONDS)
    wait_until(workshop.records)
    workshop.worker()
    draining.send_signal(signal.SIGTERM)
    workshop.put("take_time", seconds=0)
    assert draining.wait(PATIENCE) == 0
    wait_until(lambda: workshop.jobs() == [("succeeded", 1), ("succeeded", 1)])
    assert workshop.records() == ["enter-1", "leave", "enter-1", "leave"]


def test_a_second_signal_tells_the_handlers_to_stop(workshop: Workshop) -> None:
    worker = workshop.worker()
    workshop.put("take_time", seconds=60)
    wait_until(workshop.records)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert workshop.records() == ["enter-1", "worker-stopping"]
    assert workshop.jobs() == [("succeeded", 1)]


def test_a_cancel_reaches_a_draining_worker(workshop: Workshop) -> None:
    worker = workshop.worker()
    job = workshop.put("take_time", seconds=60)
    wait_until(workshop.records)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    engine = create_database_engine(workshop.url)
    with transaction(engine) as session:
        assert jobs.cancel(session, job) is jobs.Cancellation.ASKED
    engine.dispose()
    assert worker.wait(PATIENCE) == 0
    assert workshop.records() == ["enter-1", "cancelled"]


def test_nobody_enters_while_the_terraform_of_a_killed_worker_lives(workshop: Workshop) -> None:
    folder = workshop.folder / "run"
    folder.mkdir()
    (folder / ".terraform.lock.hcl").write_text("")
    (folder / "main.tf").write_text(
        'resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n'
        '    command = "date +%s.%N > began; sleep 6; date +%s.%N > ended"\n  }\n}\n'
    )
    victim = workshop.worker()
    workshop.put("apply", folder=str(folder))
    wait_until((folder / "began").exists)
    victim.kill()
    workshop.worker()
    wait_until(lambda: workshop.jobs()[0][0] == "succeeded")
    assert workshop.records()[0] == "enter-1"
    assert len(workshop.records()) == 3
    entered_again = workshop.moment_of(workshop.records()[1])
    # It was rescued long before, and turned away each time it knocked.
    assert entered_again > float((folder / "ended").read_text())
    assert workshop.jobs()[0][1] > 3
    assert (folder / "terraform.tfstate").exists()


def test_a_worker_that_stood_still_never_works_beside_its_rescuer(workshop: Workshop) -> None:
    zombie = workshop.worker()
    workshop.put("hold_lease", seconds=8)
    wait_until(lambda: "enter-1" in workshop.records())
    os.kill(zombie.pid, signal.SIGSTOP)
    workshop.worker()
    wait_until(lambda: workshop.jobs()[0][1] >= 3)
    os.kill(zombie.pid, signal.SIGCONT)
    wait_until(lambda: workshop.jobs()[0][0] == "succeeded")
    first, left, second, left_again = workshop.records()
    # The zombie's late end neither let anybody in before it nor ended the attempt that came after it.
    assert (first, left, left_again) == ("enter-1", "leave", "leave")
    assert second == f"enter-{workshop.jobs()[0][1]}"
    assert workshop.process_of("leave") == zombie.pid


def test_a_job_outlives_a_restart_of_the_database(workshop: Workshop, own_cluster: Cluster) -> None:
    worker = workshop.worker()
    workshop.put("watch_lease", seconds=8)
    wait_until(lambda: "enter-1" in workshop.records())
    own_cluster.stop("immediate")
    time.sleep(1)
    own_cluster.start()
    wait_until(lambda: workshop.jobs() == [("succeeded", 1)])
    assert workshop.records() == ["enter-1", "held"]
    workshop.put("take_time", seconds=0)
    wait_until(lambda: workshop.jobs() == [("succeeded", 1), ("succeeded", 1)])
    assert worker.poll() is None


def test_a_job_that_ends_while_the_database_is_away_is_recorded_once(
    workshop: Workshop, own_cluster: Cluster
) -> None:
    workshop.worker()
    workshop.put("take_time", seconds=1)
    wait_until(lambda: "enter-1" in workshop.records())
    own_cluster.stop("fast")
    wait_until(lambda: "leave" in workshop.records())
    time.sleep(4)
    own_cluster.start()
    wait_until(lambda: workshop.jobs() == [("succeeded", 1)])
    assert workshop.records() == ["enter-1", "leave"]


def test_a_worker_waits_for_a_database_that_is_not_there_yet(
    workshop: Workshop, own_cluster: Cluster
) -> None:
    own_cluster.stop("fast")
    try:
        worker = workshop.worker()
        time.sleep(2)
        assert worker.poll() is None
    finally:
        own_cluster.start()
    workshop.put("take_time", seconds=0)
    wait_until(lambda: workshop.jobs() == [("succeeded", 1)])
