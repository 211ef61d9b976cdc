"""Report the state of one side of a transfer: write access, progress of the copies, findings.

It changes one thing only: it advances the idle slot of a fenced side, which would otherwise retain WAL that
nobody needs, until the disk is full.
"""

import contextlib
from typing import Any

import copy_failures
import database
import psycopg
import replica_identity
import server_log
import services
import switch
import transfer as transfers
from database import Connection
from host_files import read_json
from psycopg import sql
from transfer import Transfer

MOST_DIFFERENCES = 20
# Views in a schema of the database's owner would be executed with the administrator's rights.
OWN_SCHEMA = (
    "SELECT 1 FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = %s AND r.rolsuper"
)
WRITERS = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY (%s)"
FENCES = (
    "SELECT id, kind, side, turn FROM {schema}.switches"
    " WHERE kind IN ('fence', 'open') ORDER BY turn DESC LIMIT 12"
)
TABLES = """
SELECT n.nspname || '.' || c.relname, r.srsubstate, coalesce(p.bytes_processed, 0)
FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
    JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_progress_copy p ON p.relid = r.srrelid
WHERE s.subname = %s ORDER BY 1
"""
TABLE_SIZES = """
SELECT n.nspname || '.' || c.relname, pg_table_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg_toast%'
"""
SUBSCRIPTION = """
SELECT s.subenabled, st.pid IS NOT NULL, coalesce(x.apply_error_count, 0), coalesce(x.sync_error_count, 0)
FROM pg_subscription s LEFT JOIN pg_stat_subscription_stats x ON x.subid = s.oid
    LEFT JOIN pg_stat_subscription st ON st.subid = s.oid AND st.relid IS NULL AND st.leader_pid IS NULL
WHERE s.subname = %s
"""
SUBSCRIPTION_FIELDS = ("enabled", "running", "errors", "copy_errors")
SLOTS = """
SELECT slot_name, active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
FROM pg_replication_slots WHERE slot_name LIKE %s
"""
# The sessions of the administrator and of the mover are always there.
OTHER_SESSIONS = """
SELECT DISTINCT usename FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' AND NOT usename = ANY (%s)
    AND usename <> current_user AND usename !~ '^govcloud_' ORDER BY 1
"""


Findings = list[dict[str, Any]]


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer}. `database` is None if it cannot be read; `findings` are codes with facts."""
    transfer = transfers.read(order)
    is_prepared = (transfer.state_folder / "secrets.json").exists()
    findings: Findings = []
    return {
        "side": transfer.side,
        "prepared": is_prepared,
        "database": read_database(transfer, findings) if transfer.database else {},
        "folders": [
            {
                "path": folder.path,
                "open": transfer.live_path(folder).exists(),
                "fenced": transfer.fenced_path(folder).exists(),
            }
            for folder in transfer.folders
        ],
        "pull": read_json(transfer.state_folder / "pull-status.json"),
        "switch": read_json(transfer.state_folder / "switch.json"),
        "journal": switch.marks(transfer.state_folder / "switch.journal"),
        "services": {
            name: state
            for name, state in services.statuses().items()
            if name.startswith(f"transfer-{transfer.key}-")
        },
        "findings": findings,
    }


def read_database(transfer: Transfer, findings: Findings) -> dict[str, Any] | None:
    """Return the state of this side's database, and add its findings."""
    try:
        with database.connect(transfer, "postgres") as admin:
            writers: dict[str, bool] = dict(admin.execute(WRITERS, [list(transfer.db.writers)]).fetchall())
        with database.connect_existing(transfer) as connection:
            state = {"writers": writers, **read_replication(connection, transfer)}
            if any(writers.values()):
                check_writing(connection, transfer, findings)
            if (transfer.state_folder / "secrets.json").exists():
                state |= compare_with_peer(connection, transfer, findings)
                check_subscription(connection, transfer, state["subscription"], findings)
    except database.DatabaseMissing:
        return {"writers": writers, "fences": [], "slots": []}
    except psycopg.OperationalError as error:
        findings.append(
            {"code": "database_away", "facts": {"side": transfer.side, "error": str(error).strip()[-300:]}}
        )
        return None
    return state


def read_replication(connection: Connection, transfer: Transfer) -> dict[str, Any]:
    has_schema = connection.execute(OWN_SCHEMA, [transfer.schema]).fetchone()
    fences = sql.SQL(FENCES).format(schema=sql.Identifier(transfer.schema))
    subscription = connection.execute(SUBSCRIPTION, [transfer.subscription]).fetchone()
    advance_idle_slot(connection, transfer)
    return {
        "fences": [list(row) for row in connection.execute(fences)] if has_schema else [],
        "subscription": dict(zip(SUBSCRIPTION_FIELDS, subscription, strict=True)) if subscription else None,
        "tables": [list(row) for row in connection.execute(TABLES, [transfer.subscription])],
        "slots": [
            dict(zip(("name", "active", "wal_status", "retained_bytes"), row, strict=True))
            for row in connection.execute(SLOTS, [f"govcloud\\_{transfer.key}\\_%"])
        ],
    }


def advance_idle_slot(connection: Connection, transfer: Transfer) -> None:
    """Let the slot of a fenced side release its WAL.

    The lock prevents a switch from opening this side at the same time.
    """
    with connection.transaction(), contextlib.suppress(psycopg.errors.ObjectInUse):
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
        if connection.execute(lock, [transfer.schema]).fetchone() != (True,):
            return
        if any(can_log_in for _, can_log_in in connection.execute(WRITERS, [list(transfer.db.writers)])):
            return
        advance = (
            "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots"
            " WHERE slot_name = %s AND NOT active AND wal_status <> 'lost'"
        )
        connection.execute(advance, [transfer.slot])


def check_writing(connection: Connection, transfer: Transfer, findings: Findings) -> None:
    """On the side that serves: find roles that a fence would miss, and tables whose updates would fail."""
    writers = list(transfer.db.writers)
    for (role,) in connection.execute(database.OTHER_WRITERS, [writers]).fetchall():
        findings.append({"code": "other_writer", "facts": {"side": transfer.side, "role": role}})
    for (role,) in connection.execute(OTHER_SESSIONS, [transfer.db.name, writers]).fetchall():
        findings.append({"code": "other_session", "facts": {"side": transfer.side, "role": role}})
    for table, code in replica_identity.tables_without(connection):
        findings.append({"code": code, "facts": {"side": transfer.side, "table": table}})


def compare_with_peer(connection: Connection, transfer: Transfer, findings: Findings) -> dict[str, Any]:
    """Return whether the peer can be reached and the sizes of its tables; find differences of the columns."""
    try:
        with database.connect_peer(transfer) as peer:
            sizes: dict[str, int] = dict(peer.execute(TABLE_SIZES).fetchall())
            differences = database.schema_differences(connection, peer, transfer)[:MOST_DIFFERENCES]
    except psycopg.Error as error:
        facts = {"side": transfer.side, "error": str(error).strip()[-300:]}
        findings.append({"code": "other_side_away", "facts": facts})
        return {"reaches_peer": False}
    findings += [{"code": "schema_differs", "facts": difference} for difference in differences]
    return {"reaches_peer": True, "sizes": sizes}


def check_subscription(
    connection: Connection, transfer: Transfer, subscription: dict[str, Any] | None, findings: Findings
) -> None:
    """Find a failing apply worker and failed initial copies, with the errors from the server's log."""
    if not subscription or not subscription["enabled"]:
        return
    is_applying = subscription["running"]
    if is_applying and not subscription["copy_errors"]:
        return
    errors = server_log.errors(connection, transfer.subscription)
    if not is_applying:
        facts = {"side": transfer.side, "errors": subscription["errors"], "last": (errors or {}).get("", "-")}
        findings.append({"code": "apply_fails", "facts": facts})
    if subscription["copy_errors"]:
        failed = copy_failures.failed_copies(connection, transfer.subscription, errors)
        findings += [{"code": "copy_fails", "facts": {"side": transfer.side, **facts}} for facts in failed]
