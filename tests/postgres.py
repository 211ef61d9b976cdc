"""PostgreSQL for tests: a server of their own that may be stopped and killed, or the one of DATABASE_URL."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from orchestrator.adapters.embedded_postgres import EmbeddedPostgresError, programs_folder
from orchestrator.core.db import libpq_url

_SETTINGS = """\
fsync = off
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 200
max_wal_size = 128MB
"""
_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - the server's own folder in it has a name nobody can guess
_MEMORY_NEEDED = 3 << 30


class Server(Protocol):
    """Where tests make databases and remove them."""

    def url(self, database: str = "postgres") -> str:
        """The address of a database of this server."""

    def create_database(self, template: str = "template0") -> str:
        """A new database; its name."""

    def drop_database(self, name: str) -> None:
        """Remove a database, although sessions are still connected to it."""

    def remove(self) -> None:
        """Remove everything that was made."""


def start_server() -> Server:
    """The server that DATABASE_URL names, or else one of our own.

    Raises RuntimeError where there is neither a server nor the programs of one.
    """
    given = os.environ.get("DATABASE_URL")
    return GivenServer(given) if given else Cluster()


class _Databases:
    def url(self, database: str = "postgres") -> str:
        raise NotImplementedError

    def create_database(self, template: str = "template0") -> str:
        name = f"t_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class GivenServer(_Databases):
    """The server that somebody runs for the tests; its account may create databases."""

    def __init__(self, url: str) -> None:
        self._url = make_url(libpq_url(url))
        self._home = conninfo_to_dict(libpq_url(url)).get("dbname")
        self._made: list[str] = []

    def url(self, database: str = "postgres") -> str:
        name = self._home if database == "postgres" else database
        return self._url.set(database=str(name)).render_as_string(hide_password=False)

    def create_database(self, template: str = "template0") -> str:
        self._made.append(super().create_database(template))
        return self._made[-1]

    def remove(self) -> None:
        for name in self._made:
            self.drop_database(name)


class Cluster(_Databases):
    """One server over one temporary folder, on a socket of its own, without fsync."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_fast_folder()))
        self._account = "nobody" if os.geteuid() == 0 else None
        if self._account:
            os.chown(self._folder, pwd.getpwnam(self._account).pw_uid, -1)
        self._run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(folder=self._folder))
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-t", "30", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop in one of PostgreSQL's modes: smart, fast, immediate."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop and delete everything."""
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            user=self._account,
            group="nogroup" if self._account else None,
            extra_groups=[] if self._account else None,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        )


def _fast_folder() -> Path | None:
    """A file system in memory with enough room, where a database is cloned in 20 ms; else None.

    On a disk a clone takes up to 400 ms, nearly all of it to create its hundreds of files.
    """
    if not os.access(_MEMORY_FOLDER, os.W_OK):
        return None
    return _MEMORY_FOLDER if shutil.disk_usage(_MEMORY_FOLDER).free > _MEMORY_NEEDED else None


def _programs() -> Path:
    """The wheel's programs, which the product itself runs; else the newest installed ones."""
    try:
        return programs_folder()
    except EmbeddedPostgresError as missing:
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not installed:
            raise RuntimeError("No PostgreSQL: install one, or the extra `embedded`.") from missing
        return installed[-1]
