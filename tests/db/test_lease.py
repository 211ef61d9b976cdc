"""The lease against real PostgreSQL and real processes."""

import os
import subprocess
import sys
import time

import psycopg
import pytest

from orchestrator.core import lease as lease_module
from orchestrator.core.lease import LeaseBusy, workspace_lease
from tests.patience import PATIENCE


def test_one_workspace_admits_one_holder_and_another_workspace_is_free(database_url: str) -> None:
    with workspace_lease(database_url, "ws-1"):
        with pytest.raises(LeaseBusy, match="ws-1"), workspace_lease(database_url, "ws-1"):
            pass
        with workspace_lease(database_url, "ws-2") as other:
            assert other.is_alive()
    with workspace_lease(database_url, "ws-1") as again:
        assert again.is_alive()


def test_an_error_inside_frees_the_lease(database_url: str) -> None:
    with pytest.raises(ValueError, match="inside"), workspace_lease(database_url, "ws-1"):
        raise ValueError("inside")
    with workspace_lease(database_url, "ws-1"):
        pass


HOLDER = """
import subprocess, sys, time
from orchestrator.core.lease import workspace_lease
with workspace_lease(sys.argv[1], "ws-1") as lease:
    command = ["sh", "-c", "sleep 2 & wait"]
    subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=(lease.fileno(),), start_new_session=True)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holder_leaves_the_fence_to_its_children_until_the_last_ends(database_url: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    began = time.monotonic()
    holder.kill()
    holder.communicate()
    with pytest.raises(LeaseBusy), workspace_lease(database_url, "ws-1"):
        pass
    while time.monotonic() - began < PATIENCE:
        try:
            with workspace_lease(database_url, "ws-1"):
                break
        except LeaseBusy:
            time.sleep(0.1)
    else:
        pytest.fail("the last child has ended, and the lease is still busy")
    assert time.monotonic() - began > 1


def end_connection(database_url: str, workspace: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = %s",
            (f"lease:{workspace}",),
        ).fetchall()
    assert ended == [(True,)]


def test_a_broken_connection_is_replaced_and_the_fence_holds(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_CHECK_EVERY_SECONDS", 0.0)
    with workspace_lease(database_url, "ws-1") as lease:
        descriptor = lease.fileno()
        end_connection(database_url, "ws-1")
        assert lease.is_alive()
        with pytest.raises(LeaseBusy), workspace_lease(database_url, "ws-1"):
            pass
        # An engine process that starts later inherits the new connection under the number known before.
        assert lease.fileno() == descriptor
        assert os.fstat(descriptor).st_ino == os.fstat(lease._connection.fileno()).st_ino
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_fence_that_somebody_took_meanwhile_is_lost_for_good(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_CHECK_EVERY_SECONDS", 0.0)
    with workspace_lease(database_url, "ws-1") as lease:
        end_connection(database_url, "ws-1")
        with workspace_lease(database_url, "ws-1"):
            assert not lease.is_alive()
        assert not lease.is_alive()


def test_the_server_is_asked_at_most_every_five_seconds(database_url: str) -> None:
    with workspace_lease(database_url, "ws-1") as lease:
        end_connection(database_url, "ws-1")
        assert lease.is_alive()


def test_both_sides_probe_a_silent_connection() -> None:
    options = lease_module._KEEPALIVE
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 25
    assert "tcp_keepalives_idle=10" in options["options"]
