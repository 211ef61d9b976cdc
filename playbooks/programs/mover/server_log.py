"""Errors of a subscription's workers from the log of this side's server.

PostgreSQL records the error of a failed copy nowhere else. Lines are recognised by names, process ids and
severities only, so the language of the server's messages does not matter.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import psycopg
from database import Connection
from host_files import host_path

BYTES = 1 << 18
COLLECTED = """
SELECT pg_read_binary_file(name, greatest((pg_stat_file(name)).size - %s, 0), %s)
FROM pg_current_logfile('stderr') AS name WHERE name IS NOT NULL
"""
APPLYING = "SELECT pid FROM pg_stat_subscription WHERE subname = %s AND relid IS NULL AND leader_pid IS NULL"
SERVICE_LOG, PACKAGE_LOGS = "var/log/postgresql.log", "var/log/postgresql"
"""Logs of servers without a log collector: of our service, and of distribution packages."""
ERRORS = {"ERROR", "FATAL", "PANIC", "错误", "致命错误", "比致命错误还过分的错误"}
LONGEST = 300


def errors(connection: Connection, subscription: str) -> dict[str, str] | None:
    """Return the last error of each table's copy by table name, and of the apply worker under "".

    Returns None if no log can be read. Names have no schema, as in the server's messages.
    """
    logs = [*collected(connection), *written_by_services()]
    if not logs:
        return None
    prefix = connection.execute("SHOW log_line_prefix").fetchone() or ("",)
    applying = connection.execute(APPLYING, [subscription]).fetchone()
    last_errors: dict[str, str] = {}
    for log in logs:
        lines = log.decode("utf-8", "replace").splitlines()
        last_errors |= errors_in(lines, prefix[0], subscription, applying[0] if applying else None)
    return last_errors


def collected(connection: Connection) -> list[bytes]:
    """Return the end of the log collector's file, read over the connection."""
    try:
        return [bytes(row[0]) for row in connection.execute(COLLECTED, [BYTES, BYTES])]
    except psycopg.Error:
        return []


def written_by_services() -> list[bytes]:
    """Return the ends of the log files of the host's database services."""
    return [
        end
        for log in (host_path(SERVICE_LOG), *host_path(PACKAGE_LOGS).glob("*.log"))
        if (end := end_of(log))
    ]


def end_of(log: Path) -> bytes | None:
    """Return the end of a file, or None if it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - BYTES))
            return file.read()
    except OSError:
        return None


def errors_in(lines: Iterable[str], prefix: str, subscription: str, applying: int | None) -> dict[str, str]:
    """Return the errors of the subscription's workers; `applying` is the process id of the apply worker.

    A worker's first line names the subscription and, for a copy, the table. Lines before the first line of
    the apply worker belong to an earlier subscription of the same name.
    """
    pattern = re.compile(prefix_pattern(prefix) + r"(?P<severity>[^\W\d_]+):\s+(?P<message>.*)")
    named = re.compile(rf'"{re.escape(subscription)}"(?:[^"]*"(?P<table>.*)")?')
    if "pid" not in pattern.groupindex:
        return {}
    workers: dict[str, str] = {}
    last_errors: dict[str, str] = {}
    for line in lines:
        if (entry := pattern.match(line)) is None:
            continue
        pid, message = entry["pid"], entry["message"]
        if entry["severity"] in ERRORS:
            if pid in workers:
                last_errors[workers[pid]] = message[:LONGEST]
        elif names := named.search(message):
            if pid == str(applying) and pid not in workers:
                last_errors.clear()
            workers[pid] = names["table"] or ""
    return last_errors


def prefix_pattern(prefix: str) -> str:
    """Return a pattern that matches `log_line_prefix` in lines of background processes."""
    parts: list[str] = []
    for literal, escape in re.findall(r"([^%]+)|%-?\d*(.)", prefix):
        if escape == "q":  # The rest of the prefix appears in session lines only.
            break
        if escape == "p" and r"(?P<pid>" not in "".join(parts):
            parts.append(r" *(?P<pid>\d+) *")
        else:
            parts.append("%" if escape == "%" else ".*?" if escape else re.escape(literal))
    return "".join(parts)
