"""Tables whose initial copy fails, with the server's message. The server retries indefinitely."""

import time
from typing import Any

from database import Connection

# A table being copied has a worker; between two attempts of a failing copy there is none.
UNFINISHED = """
SELECT n.nspname || '.' || c.relname, c.relname, r.srsubstate <> 'i' AND NOT EXISTS (
    SELECT FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid = r.srrelid)
FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
    JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE s.subname = %s AND r.srsubstate NOT IN ('s', 'r') ORDER BY 1
"""
READS, SECONDS_BETWEEN_READS = 10, 0.1


def failed_copies(
    connection: Connection, subscription: str, errors: dict[str, str] | None
) -> list[dict[str, Any]]:
    """Return `table` and, if known from the log, the `last` error of each failed copy."""
    if errors is None:
        return [{"table": table} for table in without_worker(connection, subscription)]
    unfinished = connection.execute(UNFINISHED, [subscription]).fetchall()
    return [{"table": table, "last": errors[name]} for table, name, _ in unfinished if name in errors]


def without_worker(connection: Connection, subscription: str) -> list[str]:
    """Return the unfinished tables without a worker, after waiting for a short attempt to end."""
    for _ in range(READS):
        rows = connection.execute(UNFINISHED, [subscription]).fetchall()
        if idle_tables := [table for table, _, idle in rows if idle]:
            return idle_tables
        time.sleep(SECONDS_BETWEEN_READS)
    return []
