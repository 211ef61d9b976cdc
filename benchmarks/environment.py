"""The environment of a benchmark: an unprivileged account, a temporary home folder and database."""

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
    """Restart this program as the product's unprivileged account if root runs it."""
    if is_root():
        become_unprivileged()


@contextmanager
def temporary_settings(cloud: str, slots: int = 2) -> Iterator[Settings]:
    """Yield settings with a new home folder, a free port and, if DATABASE_URL is set, a new database on it.

    The settings are also exported to the environment, where the processes of the product read them. Home and
    database are removed at the end, also after SIGTERM.
    """
    signal.signal(signal.SIGTERM, _exit)
    home = Path(tempfile.mkdtemp(prefix="govcloud-bench-"))
    server_url = os.environ.pop("DATABASE_URL", None)
    os.environ |= {
        "GOVCLOUD_HOME": str(home),
        "GOVCLOUD_CLOUD": cloud,
        "GOVCLOUD_CLOUDS_DIR": str(CLOUDS),
        "GOVCLOUD_PORT": str(_free_port()),
        "GOVCLOUD_SLOTS": str(slots),
        "GOVCLOUD_AS_OF": AS_OF.isoformat(),
    }
    try:
        if server_url is None:
            yield Settings()
        else:
            with _temporary_database(server_url) as database_url:
                yield Settings(database_url=database_url)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _temporary_database(server_url: str) -> Iterator[str]:
    """Create a database on the server and yield its URL; the role needs CREATEDB."""
    name = f"govcloud_bench_{secrets.token_hex(6)}"
    address = libpq_url(server_url)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield _with_database(address, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    """Return the URL with another database."""
    location, mark, options = url.partition("?")
    scheme, _, rest = location.partition("://")
    server = rest.partition("/")[0]
    return f"{scheme}://{server}/{name}{mark}{options}"
