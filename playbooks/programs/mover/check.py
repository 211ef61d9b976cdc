"""Preflight of one side of a transfer: read-only, and all problems at once.

`findings` are codes with facts. `facts` are for checks that compare both sides, such as extensions and disk
space.
"""

import contextlib
import os
import shutil
import socket
import stat
import time
from pathlib import Path
from typing import Any

import database
import psycopg
import replica_identity
import schema_copy
import transfer as transfers
from database import Connection
from host_files import host_path, printable
from refusal import Refused
from transfer import Transfer

NEEDED_SETTINGS = {"max_replication_slots": 2, "max_wal_senders": 4, "max_logical_replication_workers": 4}
OLDEST_VERSION = 160000
SECONDS_TO_CONNECT = 3.0
RELATIONS = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = %s AND c.relpersistence = ANY (%s) AND c.oid >= 16384 ORDER BY 1
"""
NOT_REPLICATED = (("unlogged_table", "r", "u"), ("materialised_view", "m", "pu"), ("foreign_table", "f", "p"))
SESSIONS = (
    "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid() AND NOT usename = ANY (%s)"
)
LONG_TRANSACTIONS = (
    "SELECT pid, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND xact_start < now() - interval '5 minutes'"
)


class Findings:
    """The problems of one side, in the order of the checks."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.reported: list[dict[str, Any]] = []

    def add(self, code: str, **facts: Any) -> None:
        self.reported.append({"code": code, "facts": {"side": self.side, **facts}})


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer}."""
    transfer = transfers.read(order)
    findings = Findings(transfer.side)
    facts: dict[str, Any] = {"clock": time.time()}
    if transfer.database:
        facts["database"] = check_server(transfer, findings)
        check_connection(transfer.peer_address, transfer.db.port, findings)
    facts["folders"] = [check_folder(transfer, folder, findings) for folder in transfer.folders]
    facts["free_bytes"] = shutil.disk_usage(host_path("/")).free
    return {"findings": findings.reported, "facts": facts}


def check_connection(address: str, port: int, findings: Findings) -> None:
    try:
        socket.create_connection((address, port), SECONDS_TO_CONNECT).close()
    except OSError as error:
        findings.add("unreachable", address=address, port=port, error=str(error))


def check_server(transfer: Transfer, findings: Findings) -> dict[str, Any]:
    """Check the server, then the source's database, or that the target's is empty or missing."""
    try:
        with database.connect(transfer, "postgres") as admin:
            facts = check_settings(admin, findings)
            check_writers(admin, transfer, findings)
            if transfer.side == "target":
                check_programs(facts["version"] // 10000, findings)
            exists = admin.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [transfer.db.name]
            ).fetchone()
    except (psycopg.OperationalError, OSError) as error:
        findings.add("database_away", error=str(error).strip()[-300:])
        return {}
    if exists:
        with database.connect(transfer) as connection:
            if transfer.side == "source":
                facts |= check_source(connection, transfer, findings)
            elif connection.execute("SELECT to_regnamespace(%s)", [transfer.schema]).fetchone() == (None,):
                check_target(connection, transfer, findings)
    elif transfer.side == "source":
        findings.add("database_missing", database=transfer.db.name)
    return facts


def check_settings(admin: Connection, findings: Findings) -> dict[str, Any]:
    """Return version and available extensions, after checks of the settings for replication."""
    version = admin.info.server_version
    if version < OLDEST_VERSION:
        findings.add("version_too_old", version=version // 10000, oldest=OLDEST_VERSION // 10000)
    if (level := value(admin, "SHOW wal_level")) != "logical":
        findings.add("wal_level", value=level)
    for name, needed in NEEDED_SETTINGS.items():
        if int(value(admin, f"SHOW {name}")) < needed:
            findings.add("setting_too_small", setting=name, value=value(admin, f"SHOW {name}"), needed=needed)
    free_slots = "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots"
    if value(admin, free_slots) < 1:
        findings.add("no_free_slot")
    extensions = [row[0] for row in admin.execute("SELECT name FROM pg_available_extensions")]
    return {"version": version, "available_extensions": extensions}


def check_programs(major: int, findings: Findings) -> None:
    """Check that the target has a pg_dump whose output its own server understands."""
    try:
        schema_copy.programs_folder(OLDEST_VERSION // 10000, major)
    except Refused as refused:
        findings.add(refused.code, **refused.facts)


def check_writers(admin: Connection, transfer: Transfer, findings: Findings) -> None:
    """Check that the writers can log in to the source and not to the target."""
    query = "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname = ANY (%s)"
    roles = {row[0]: row[1:] for row in admin.execute(query, [list(transfer.db.writers)])}
    for writer in transfer.db.writers:
        can_log_in, is_superuser = roles.get(writer, (None, False))
        if is_superuser:
            findings.add("writer_is_superuser", role=writer)
        if transfer.side == "source" and not can_log_in:
            findings.add("writer_missing" if can_log_in is None else "writer_shut", role=writer)
        if transfer.side == "target" and can_log_in:
            findings.add("target_is_open", roles=writer)


def check_source(connection: Connection, transfer: Transfer, findings: Findings) -> dict[str, Any]:
    """Check for objects that are not replicated, for other writers, and for transactions that block the copy.

    Returns the installed extensions and the size of the database.
    """
    writers = list(transfer.db.writers)
    for code, kind, persistence in NOT_REPLICATED:
        for (name,) in connection.execute(RELATIONS, [kind, list(persistence)]).fetchall():
            findings.add(code, table=name)
    for table, code in replica_identity.tables_without(connection):
        findings.add(code, table=table)
    if objects := value(connection, "SELECT count(*) FROM pg_largeobject_metadata"):
        findings.add("large_objects", count=objects)
    if value(connection, "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"):
        findings.add("prepared_transactions")
    for (role,) in connection.execute(database.OTHER_WRITERS, [writers]).fetchall():
        findings.add("other_writer", role=role)
    for (role,) in connection.execute(SESSIONS, [transfer.db.name, writers]).fetchall():
        findings.add("other_session", role=role)
    for pid, seconds in connection.execute(LONG_TRANSACTIONS).fetchall():
        findings.add("long_transaction", pid=pid, seconds=seconds)
    extensions = [row[0] for row in connection.execute("SELECT extname FROM pg_extension")]
    return {
        "extensions": extensions,
        "bytes": value(connection, "SELECT pg_database_size(current_database())"),
    }


def check_target(connection: Connection, transfer: Transfer, findings: Findings) -> None:
    if connection.execute(RELATIONS, ["r", ["p", "u"]]).fetchone():
        findings.add("target_not_empty", database=transfer.db.name)


def check_folder(transfer: Transfer, folder: transfers.Folder, findings: Findings) -> dict[str, Any]:
    """Check a folder and its files. Returns number and bytes of the files."""
    live, totals = transfer.live_path(folder), {"path": folder.path, "files": 0, "bytes": 0}
    if transfer.side == "target":
        if live.exists():
            findings.add("folder_exists", folder=folder.path)
        return totals
    if not live.is_dir() or live.is_symlink():
        findings.add("folder_missing", folder=folder.path)
        return totals
    if live.stat().st_dev != live.parent.stat().st_dev:
        findings.add("folder_is_mount", folder=folder.path)
    if not os.access(live.parent, os.W_OK):
        findings.add("folder_fixed", folder=folder.path)
    for parent, subfolders, files in os.walk(live):
        links = [name for name in subfolders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            with contextlib.suppress(FileNotFoundError):
                check_file(Path(parent, name), live, totals, findings)
    return totals


def check_file(path: Path, live: Path, totals: dict[str, Any], findings: Findings) -> None:
    """Add a file to the totals, and find unreadable files and entries that are neither file nor folder."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        findings.add("strange_file", file=printable(path.relative_to(live)))
        return
    if not os.access(path, os.R_OK) and path.exists():  # A client may have deleted it in the meantime.
        findings.add("unreadable_file", file=printable(path.relative_to(live)))
    totals["files"] += 1
    totals["bytes"] += status.st_size


def value(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
