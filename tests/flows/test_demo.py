"""The demo as a person starts it: it plays to the end, again where it has played, and says why it cannot."""

import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.core import clock
from orchestrator.core.db import transaction
from tests.running import RunningService

# `.ci/run` plays the demo with the trial that a person sees.
SHORT_TRIAL = ("--trial-seconds", "1")


@pytest.fixture
def stage(database_url: str) -> Iterator[RunningService]:
    """A home and a database of the demo's own, in which nothing runs yet."""
    made = RunningService(database_url)
    yield made
    made.stop()


def results(demo: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The last line of standard output."""
    assert demo.returncode == 0, demo.stderr
    found: dict[str, object] = json.loads(demo.stdout.splitlines()[-1])
    return found


def test_the_demo_plays_to_the_end_and_again_where_it_has_played(stage: RunningService) -> None:
    with socket.create_server(("127.0.0.1", stage.settings.port)):
        first = stage.command("demo", "--exit", *SHORT_TRIAL)
    assert results(first).items() >= {"resources": 9, "audit": "ok", "statement_total_fen": 40640}.items()
    assert f"Port {stage.settings.port} is taken" in first.stderr
    assert "1,016.00 CNY a month" in first.stderr
    assert "power should be 'running', is 'stopped'" in first.stderr
    expect_statement(first, "ST-2019-06-SLJ")
    second = stage.command("demo", "--exit", *SHORT_TRIAL)
    assert results(second).items() >= {"resources": 9, "audit": "ok"}.items()
    assert "It was loaded by an earlier demo." in second.stderr
    assert results(second)["statement_total_fen"]
    accounts = stage.home / "demo-accounts.json"
    assert accounts.stat().st_mode & 0o777 == 0o600
    assert not [name for name, secret in json.loads(accounts.read_text()).items() if secret in second.stderr]


def expect_statement(demo: subprocess.CompletedProcess[str], number: str) -> None:
    """It was printed line by line with its total; paper and workbook lie where they are said to."""
    printed = demo.stderr.partition(f"{number}: 市水利局, 2019-06")[2]
    for words in (
        "volume/web-2-data",
        "ECS-X86-CPU",
        "12/30",
        "42.00",
        "67.20",
        "Total 406.40 CNY",
        "肆佰零陆元肆角整",
    ):
        assert words in printed, words
    paths = [Path(line.strip()) for line in printed.splitlines() if f"/{number}." in line]
    assert [path.suffix for path in paths] == [".pdf", ".xlsx"]
    assert paths[0].read_bytes().startswith(b"%PDF")


def test_a_database_whose_clock_is_not_the_sample_citys_is_left_alone(stage: RunningService) -> None:
    with transaction(stage.engine) as session:
        clock.set_to(session, datetime(2026, 1, 2, tzinfo=UTC))
    demo = stage.command("demo", "--exit")
    assert demo.returncode == 1
    assert "The demo plays only in a database of its own" in demo.stderr
    assert f"Logs: {stage.home}" in demo.stderr
    assert demo.stdout == ""


def test_a_port_that_was_asked_for_and_is_taken_is_reported(stage: RunningService) -> None:
    with socket.create_server(("127.0.0.1", stage.settings.port)):
        demo = stage.command("demo", "--exit", "--port", str(stage.settings.port))
    assert demo.returncode == 1
    assert "choose another with --port" in demo.stderr


def test_one_folder_serves_one_supervisor(stage: RunningService) -> None:
    with (stage.home / "up.lock").open("w") as lock:
        os.fchmod(lock.fileno(), 0o666)
        fcntl.flock(lock, fcntl.LOCK_EX)
        demo = stage.command("demo", "--exit")
    assert demo.returncode == 1
    assert "already runs" in demo.stderr
