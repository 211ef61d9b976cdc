"""Preflight on one side of a transfer: read-only, and all problems at once. `found` are codes with facts.

Values that are compared between the sides, such as extensions and disk space, are returned as `facts`.
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
from place import below, printable
from refusal import Refused
from transfer import Transfer

NEEDED_SETTINGS = {"max_replication_slots": 2, "max_wal_senders": 4, "max_logical_replication_workers": 4}
OLDEST = 160000
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
LONG = (
    "SELECT pid, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND xact_start < now() - interval '5 minutes'"
)


class Findings:
    """The findings of one side, in the order of the checks."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.found: list[dict[str, Any]] = []

    def add(self, code: str, **facts: Any) -> None:
        self.found.append({"code": code, "facts": {"side": self.side, **facts}})


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer}."""
    transfer = transfers.read(order)
    findings = Findings(transfer.side)
    facts: dict[str, Any] = {"clock": time.time(), "prepared": (transfer.folder / "secrets.json").exists()}
    if transfer.database:
        facts["database"] = check_server(transfer, findings)
        reach(transfer.other_address, transfer.db.port, findings)
    facts["folders"] = [check_folder(transfer, folder, findings) for folder in transfer.folders]
    facts["free_bytes"] = shutil.disk_usage(below("/")).free
    return {"found": findings.found, "facts": facts}


def reach(address: str, port: int, findings: Findings) -> None:
    try:
        socket.create_connection((address, port), SECONDS_TO_CONNECT).close()
    except OSError as error:
        findings.add("unreachable", address=address, port=port, error=str(error))


def check_server(transfer: Transfer, findings: Findings) -> dict[str, Any]:
    """Check the server, then the database: it must exist on the source, and be empty on the target."""
    try:
        with database.here(transfer, "postgres") as admin:
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
        with database.here(transfer) as connection:
            if transfer.side == "source":
                facts |= check_source(connection, transfer, findings)
            elif connection.execute("SELECT to_regnamespace(%s)", [transfer.schema]).fetchone() == (None,):
                check_target(connection, transfer, findings)
    elif transfer.side == "source":
        findings.add("database_missing", database=transfer.db.name)
    return facts


def check_settings(admin: Connection, findings: Findings) -> dict[str, Any]:
    version = admin.info.server_version
    if version < OLDEST:
        findings.add("version_too_old", version=version // 10000, oldest=OLDEST // 10000)
    if (level := value(admin, "SHOW wal_level")) != "logical":
        findings.add("wal_level", value=level)
    for name, needed in NEEDED_SETTINGS.items():
        if int(value(admin, f"SHOW {name}")) < needed:
            findings.add("setting_too_small", setting=name, value=value(admin, f"SHOW {name}"), needed=needed)
    free = "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots"
    if value(admin, free) < 1:
        findings.add("no_free_slot")
    extensions = [row[0] for row in admin.execute("SELECT name FROM pg_available_extensions")]
    return {"version": version, "available_extensions": extensions}


def check_programs(major: int, findings: Findings) -> None:
    """Check that the target has a pg_dump of its own version or of an older one, to copy the schema."""
    try:
        schema_copy.programs_folder(OLDEST // 10000, major)
    except Refused as refused:
        findings.add(refused.code, **refused.facts)


def check_writers(admin: Connection, transfer: Transfer, findings: Findings) -> None:
    query = "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname = ANY (%s)"
    roles = {row[0]: row[1:] for row in admin.execute(query, [list(transfer.db.writers)])}
    for writer in transfer.db.writers:
        log_in, superuser = roles.get(writer, (None, False))
        if superuser:
            findings.add("writer_is_superuser", role=writer)
        if transfer.side == "source" and not log_in:
            findings.add("writer_missing" if log_in is None else "writer_shut", role=writer)
        if transfer.side == "target" and log_in:
            findings.add("target_is_open", roles=writer)


def check_source(connection: Connection, transfer: Transfer, findings: Findings) -> dict[str, Any]:
    """Find objects that cannot be replicated, other writers, and transactions that would delay the copy."""
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
    for pid, seconds in connection.execute(LONG).fetchall():
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
    """Count files and bytes, and find entries that are neither file nor folder."""
    live, totals = transfer.live(folder), {"path": folder.path, "files": 0, "bytes": 0}
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
    for place, folders, names in os.walk(live):
        for name in [*names, *(subfolder for subfolder in folders if Path(place, subfolder).is_symlink())]:
            with contextlib.suppress(FileNotFoundError):
                count_file(Path(place, name), live, totals, findings)
    return totals


def count_file(path: Path, live: Path, totals: dict[str, Any], findings: Findings) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        findings.add("strange_file", file=printable(path.relative_to(live)))
        return
    if not os.access(path, os.R_OK) and path.exists():  # Clients may remove files meanwhile.
        findings.add("unreadable_file", file=printable(path.relative_to(live)))
    totals["files"] += 1
    totals["bytes"] += status.st_size


def value(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
