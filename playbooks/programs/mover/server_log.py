"""What a subscription's workers have written into the log of this side's server.

PostgreSQL keeps the text of a failed copy nowhere else. The lines are told apart by names, processes and
severities alone, so the language of the server's messages plays no part.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import psycopg
from database import Connection
from place import below

BYTES = 1 << 18
COLLECTED = """
SELECT pg_read_binary_file(name, greatest((pg_stat_file(name)).size - %s, 0), %s)
FROM pg_current_logfile('stderr') AS name WHERE name IS NOT NULL
"""
APPLYING = "SELECT pid FROM pg_stat_subscription WHERE subname = %s AND relid IS NULL AND leader_pid IS NULL"
SERVICE_LOG, PACKAGE_LOGS = "var/log/postgresql.log", "var/log/postgresql"
"""Where a server without a log collector writes: a service of ours, a package of a distribution."""
ERRORS = {"ERROR", "FATAL", "PANIC", "错误", "致命错误", "比致命错误还过分的错误"}
LONGEST = 300


def errors(connection: Connection, subscription: str) -> dict[str, str] | None:
    """Return the last error of each table's copy by the table's name, and of the apply worker under "".

    None where no log can be read. Names are without their schemas, as the server writes them.
    """
    logs = [*collected(connection), *written_by_services()]
    if not logs:
        return None
    prefix = connection.execute("SHOW log_line_prefix").fetchone() or ("",)
    applying = connection.execute(APPLYING, [subscription]).fetchone()
    found: dict[str, str] = {}
    for log in logs:
        lines = log.decode("utf-8", "replace").splitlines()
        found |= errors_in(lines, prefix[0], subscription, applying[0] if applying else None)
    return found


def collected(connection: Connection) -> list[bytes]:
    """Return the end of the log that the server collects itself; the connection reads it."""
    try:
        return [bytes(row[0]) for row in connection.execute(COLLECTED, [BYTES, BYTES])]
    except psycopg.Error:
        return []


def written_by_services() -> list[bytes]:
    """Return the ends of the logs that the host keeps for its database servers."""
    return [end for log in (below(SERVICE_LOG), *below(PACKAGE_LOGS).glob("*.log")) if (end := end_of(log))]


def end_of(log: Path) -> bytes | None:
    """Return the end of a file; None where there is none or it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - BYTES))
            return file.read()
    except OSError:
        return None


def errors_in(lines: Iterable[str], prefix: str, subscription: str, applying: int | None) -> dict[str, str]:
    """Return the errors of the subscription's workers; `applying` is the process that applies now.

    A worker's first line names the subscription, and the table when it copies one. What was written before
    the process that applies now began belongs to an earlier subscription of the same name.
    """
    pattern = re.compile(prefix_pattern(prefix) + r"(?P<severity>[^\W\d_]+):\s+(?P<message>.*)")
    named = re.compile(rf'"{re.escape(subscription)}"(?:[^"]*"(?P<table>.*)")?')
    if "pid" not in pattern.groupindex:
        return {}
    workers: dict[str, str] = {}
    found: dict[str, str] = {}
    for line in lines:
        if (entry := pattern.match(line)) is None:
            continue
        pid, message = entry["pid"], entry["message"]
        if entry["severity"] in ERRORS:
            if pid in workers:
                found[workers[pid]] = message[:LONGEST]
        elif names := named.search(message):
            if pid == str(applying) and pid not in workers:
                found.clear()
            workers[pid] = names["table"] or ""
    return found


def prefix_pattern(prefix: str) -> str:
    """Return a pattern for the server's `log_line_prefix` before the lines of background processes."""
    parts = []
    for literal, escape in re.findall(r"([^%]+)|%-?\d*(.)", prefix):
        if escape == "q":  # Only sessions have what comes behind it.
            break
        if escape == "p" and r"(?P<pid>" not in "".join(parts):
            parts.append(r" *(?P<pid>\d+) *")
        else:
            parts.append("%" if escape == "%" else ".*?" if escape else re.escape(literal))
    return "".join(parts)
