"""Where a benchmark runs: an unprivileged account, a home folder of its own, a database of its own."""

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import psycopg
from psycopg import sql

from orchestrator.core.account import become_unprivileged, is_root
from orchestrator.core.db import libpq_url
from orchestrator.settings import Settings

AS_OF = datetime.fromisoformat("2019-06-19T09:00:00+08:00")
CLOUDS = Path(__file__).resolve().parent / "clouds"


def leave_root() -> None:
    """Start again as the product's own account when root started this; never returns then."""
    if is_root():
        become_unprivileged()


@contextmanager
def settings_of_its_own(cloud: str, slots: int = 2) -> Iterator[Settings]:
    """Settings with a fresh home, a free port and, where DATABASE_URL names a server, a database made there.

    They also stand in the environment, because the processes of the product read them from it. Home and
    database are removed at the end, also after SIGTERM.
    """
    signal.signal(signal.SIGTERM, _end)
    home = Path(tempfile.mkdtemp(prefix="govcloud-bench-"))
    given = os.environ.pop("DATABASE_URL", None)
    os.environ |= {
        "GOVCLOUD_HOME": str(home),
        "GOVCLOUD_CLOUD": cloud,
        "GOVCLOUD_CLOUDS_DIR": str(CLOUDS),
        "GOVCLOUD_PORT": str(_free_port()),
        "GOVCLOUD_SLOTS": str(slots),
        "GOVCLOUD_AS_OF": AS_OF.isoformat(),
    }
    try:
        if given is None:
            yield Settings()
        else:
            with _database_on(given) as made:
                yield Settings(database_url=made)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _database_on(server: str) -> Iterator[str]:
    """Create a database on the server that `server` names; the role must be allowed to."""
    name = f"govcloud_bench_{secrets.token_hex(6)}"
    address = libpq_url(server)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield _with_database(address, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _with_database(address: str, name: str) -> str:
    front, mark, options = address.partition("?")
    scheme, _, rest = front.partition("://")
    host = rest.partition("/")[0]
    return f"{scheme}://{host}/{name}{mark}{options}"
