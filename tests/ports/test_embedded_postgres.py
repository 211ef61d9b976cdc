"""The embedded server: started, killed, taken over and refused, with real processes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from orchestrator.adapters.embedded_postgres import (
    LONGEST_SOCKET_PATH,
    EmbeddedPostgres,
    EmbeddedPostgresError,
)
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0, reason="PostgreSQL does not run as root; `make test` gives the tests an account"
)

OWNER = """
import sys, time
from pathlib import Path
from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folder, whose names are long: the socket should lie beside the data.
    with tempfile.TemporaryDirectory(prefix="pg-") as path:
        yield Path(path) / "postgres"


@pytest.fixture
def other_owner(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that owns a server in `folder`, and that server's process id."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


def run(server: EmbeddedPostgres, statement: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """True when nothing runs any more; a parent that collects no children leaves a name behind."""
    try:
        return " Z " in Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return True


def answers(server: EmbeddedPostgres) -> bool:
    try:
        return run(server, "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def test_a_first_start_gives_the_role_the_database_and_the_search_path(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        found = run(server, "SELECT current_user, current_database(), current_setting('search_path')")
        assert found == [("govcloud", "govcloud", "public, queue")]
        assert run(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_rows_are_kept_from_one_start_to_the_next_and_stop_leaves_no_process(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        run(server, "CREATE TABLE kept AS SELECT 42 AS n")
        pid = server.pid
    assert pid is not None
    assert is_gone(pid)
    assert not server.alive()
    with EmbeddedPostgres(folder) as server:
        assert run(server, "SELECT n FROM kept") == [(42,)]


def test_a_killed_server_is_started_again_with_its_rows(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        run(server, "CREATE TABLE kept AS SELECT 42 AS n")
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server.pid not in {None, pid} and answers(server))
        assert run(server, "SELECT n FROM kept") == [(42,)]


def test_a_second_owner_is_refused_with_the_process_of_the_first(
    folder: Path, other_owner: tuple[subprocess.Popen[str], int]
) -> None:
    process, server_pid = other_owner
    with pytest.raises(EmbeddedPostgresError, match=rf"another process \({process.pid}\) already runs"):
        EmbeddedPostgres(folder).start()
    assert not is_gone(server_pid)


def test_two_owners_in_one_process_are_refused_as_well(folder: Path) -> None:
    with (
        EmbeddedPostgres(folder) as server,
        pytest.raises(EmbeddedPostgresError, match="already runs the database"),
    ):
        EmbeddedPostgres(folder).start()
    assert not server.alive()


def test_the_server_ends_when_its_owner_is_killed_and_the_next_owner_takes_over(
    folder: Path, other_owner: tuple[subprocess.Popen[str], int]
) -> None:
    process, server_pid = other_owner
    process.kill()
    with EmbeddedPostgres(folder) as server:
        assert is_gone(server_pid)
        assert answers(server)


def test_owner_and_server_killed_together_leave_nothing_that_stops_the_next_start(
    folder: Path, other_owner: tuple[subprocess.Popen[str], int]
) -> None:
    process, server_pid = other_owner
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(server_pid, signal.SIGKILL)
    process.kill()
    process.wait()
    # What a restarted machine does: the number in the file now belongs to somebody else who is alive.
    (folder / "data" / "postmaster.pid").write_text(f"{os.getppid()}\n{folder / 'data'}\n")
    with EmbeddedPostgres(folder) as server:
        assert answers(server)


def test_an_incomplete_cluster_is_replaced(folder: Path) -> None:
    (folder / "data.partial").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (folder / "data.partial" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder) as server:
        assert answers(server)


def test_a_folder_that_others_may_enter_is_refused_and_not_changed(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="mode 0700"):
        EmbeddedPostgres(folder).start()
    assert folder.stat().st_mode & 0o777 == 0o755


def test_data_of_another_major_version_is_refused_with_the_way_out(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="created by PostgreSQL 17"):
        EmbeddedPostgres(folder).start()


def test_a_server_that_cannot_start_says_why_and_lets_go_of_the_folder(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(folder, settings={"no_such_setting": "1"}).start()
    with EmbeddedPostgres(folder) as server:
        assert answers(server)


def test_a_socket_path_that_would_be_too_long_lies_elsewhere(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep) as server:
        assert len(server.url.split("host=")[1].split("&", maxsplit=1)[0]) < LONGEST_SOCKET_PATH
        assert answers(server)


def test_settings_of_the_caller_reach_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings={"fsync": "off"}) as server:
        assert run(server, "SHOW fsync") == [("off",)]
