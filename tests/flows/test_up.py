"""Everything under one command: it starts, restarts dead processes, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.ports.sandbox.daemon import Daemon
from tests.running import ROOT, Process, RunningService, unprivileged, wait_until


@pytest.fixture
def place(database_url: str) -> Iterator[RunningService]:
    """A home and a database in which nothing runs yet."""
    made = RunningService(database_url)
    yield made
    made.stop()


@pytest.fixture
def up(place: RunningService) -> Iterator[Process]:
    """`govcloud up`, once its web process answers."""
    with place.log_of("up").open("wb") as output:
        supervisor = subprocess.Popen(
            unprivileged([sys.executable, "-B", "-m", "orchestrator", "up"]),
            cwd=ROOT,
            env=place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    wait_until(lambda: "Ctrl-C ends it" in place.log_of("up").read_text(), "everything is up")
    yield supervisor
    supervisor.kill()
    supervisor.wait()


def is_up(place: RunningService) -> bool:
    try:
        return httpx2.get(f"{place.settings.url}/healthz", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def parts(place: RunningService) -> dict[str, int]:
    """Name -> process of each part that runs as itself by now."""
    names = {"web": b"web", "worker": b"worker", "cloud": b"sandboxd.py"}
    found: dict[str, int] = {}
    for pid in place.leftovers():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found |= {
            name: pid for name, last in names.items() if any(word.endswith(last) for word in words[3:5])
        }
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_one_signal_ends_everything_in_order_and_leaves_no_process(
    place: RunningService, up: Process, number: signal.Signals
) -> None:
    up.send_signal(number)
    assert up.wait(60) == 0
    assert place.leftovers() == []
    log = place.log_of("up").read_text()
    assert "Ending: running work is finished first." in log
    assert "Traceback" not in log


def test_a_part_that_dies_is_started_again(place: RunningService, up: Process) -> None:
    before = wait_until(lambda: len(found := parts(place)) == 3 and found, "every part runs")
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_up(place) and len(parts(place)) == 3, "every part is back")
    assert not set(before.values()) & set(parts(place).values())
    assert up.poll() is None


def test_a_cloud_that_cannot_have_its_addresses_fails_with_its_reason(place: RunningService) -> None:
    other = Daemon(plain=True)
    try:
        taken = json.loads((other.start().home / "cloud.json").read_text())
        sandbox = place.settings.sandbox_socket.parent
        subprocess.run(unprivileged(["mkdir", "-p", "-m", "700", str(sandbox)]), check=True)
        (sandbox / "cloud.json").write_text(json.dumps({**taken, "id": "another"}))
        up = place.command("up")
    finally:
        other.close()
    assert up.returncode == 1
    assert f"{taken['block']} belongs to another sandbox cloud (process {other.pid}, " in up.stderr
    assert str(place.home / "log/cloud.log") in up.stderr
    assert place.leftovers() == []


def test_a_port_that_is_taken_is_reported_before_anything_is_started(place: RunningService) -> None:
    with socket.create_server(("127.0.0.1", place.settings.port)):
        up = place.command("up")
    assert up.returncode == 1
    assert f"Port {place.settings.port} of 127.0.0.1 is taken by another program" in up.stderr
    assert "Starting" not in up.stderr


def test_nothing_outlives_a_supervisor_that_was_killed(place: RunningService, up: Process) -> None:
    up.kill()
    up.wait()
    wait_until(lambda: place.leftovers() == [], "every part has ended")
