"""Tables whose first copy has failed, with the server's words. The server tries again by itself, for ever."""

import time
from typing import Any

from database import Connection

# A table that is being copied has a worker; between two attempts of one that fails there is none.
UNFINISHED = """
SELECT n.nspname || '.' || c.relname, c.relname, r.srsubstate <> 'i' AND NOT EXISTS (
    SELECT FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid = r.srrelid)
FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
    JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE s.subname = %s AND r.srsubstate NOT IN ('s', 'r') ORDER BY 1
"""
LOOKS, SECONDS_BETWEEN_LOOKS = 10, 0.1


def failed_copies(
    connection: Connection, subscription: str, errors: dict[str, str] | None
) -> list[dict[str, Any]]:
    """Return `table` and, where the log tells it, `last` of each failed copy; `errors` are the log's."""
    if errors is None:
        return [{"table": table} for table in without_worker(connection, subscription)]
    unfinished = connection.execute(UNFINISHED, [subscription]).fetchall()
    return [{"table": table, "last": errors[name]} for table, name, _ in unfinished if name in errors]


def without_worker(connection: Connection, subscription: str) -> list[str]:
    """Return the unfinished tables that nobody copies; a moment's attempt at one is waited for."""
    for _ in range(LOOKS):
        rows = connection.execute(UNFINISHED, [subscription]).fetchall()
        if found := [table for table, _, idle in rows if idle]:
            return found
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return []
