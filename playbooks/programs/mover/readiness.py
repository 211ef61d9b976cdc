"""Preconditions of a cutover, checked before the fence. Writes nothing but one row of the mover."""

import time

import database
from database import Connection
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SECONDS_TO_ARRIVE = 5.0
# The apply worker copies no table and has no leader; before version 17 there is no worker_type.
FOLLOWING = """
SELECT s.subenabled, st.pid IS NOT NULL
FROM pg_subscription s
    LEFT JOIN pg_stat_subscription st ON st.subid = s.oid AND st.relid IS NULL AND st.leader_pid IS NULL
WHERE s.subname = %s
"""
COPYING = (
    "SELECT count(*) FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
    " WHERE s.subname = %s AND r.srsubstate <> 'r'"
)
SLOT = "SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = %s"
CAN_LOG_IN = "SELECT count(*) FILTER (WHERE rolcanlogin), count(*) FROM pg_roles WHERE rolname = ANY (%s)"
PROBE = "INSERT INTO {schema}.switches (id, kind, side) VALUES ({switch}, 'probe', {side})"
PROBED = "SELECT 1 FROM {schema}.switches WHERE id = {switch} AND kind = 'probe'"


def require(here: Connection, there: Connection, transfer: Transfer, number: str) -> None:
    """Require that the other side serves, this side replicates it, and the rollback path is prepared."""
    writers = [list(transfer.db.writers)]
    open_there, existing_there = there.execute(CAN_LOG_IN, writers).fetchone() or (0, 0)
    if open_there < existing_there or not existing_there:
        raise Refused("serving_side_is_closed", side=transfer.other)
    if (here.execute(CAN_LOG_IN, writers).fetchone() or (0, 0))[0]:
        raise Refused("target_is_open", roles=", ".join(transfer.db.writers))
    if there.execute("SELECT 1 FROM pg_prepared_xacts WHERE database = current_database()").fetchone():
        raise Refused("prepared_transactions")
    if other := there.execute(database.OTHER_WRITERS, writers).fetchone():
        raise Refused("other_writer", role=other[0])
    require_following(here, transfer)
    if differences := database.schema_differences(here, there, transfer.schema):
        raise Refused("schema_differs", **differences[0])
    slot = here.execute(SLOT, [transfer.outgoing]).fetchone()
    if slot is None or slot[0] or slot[1] == "lost":
        raise Refused("no_rollback_path", slot=transfer.outgoing)
    require_arrival(here, there, transfer, number)


def require_following(here: Connection, transfer: Transfer) -> None:
    state = here.execute(FOLLOWING, [transfer.incoming]).fetchone()
    if state is None or not all(state):
        raise Refused("not_following", side=transfer.side)
    copying = here.execute(COPYING, [transfer.incoming]).fetchone()
    if copying and copying[0]:
        raise Refused("still_copying", tables=copying[0])


def require_arrival(here: Connection, there: Connection, transfer: Transfer, number: str) -> None:
    """Require that a row written on the other side arrives here in time, as the last rows must."""
    parts = {
        "schema": sql.Identifier(transfer.schema),
        "switch": sql.Literal(number),
        "side": sql.Literal(transfer.side),
    }
    there.execute(sql.SQL(PROBE).format(**parts))
    end = time.monotonic() + SECONDS_TO_ARRIVE
    while not here.execute(sql.SQL(PROBED).format(**parts)).fetchone():
        if time.monotonic() > end:
            raise Refused("lagging", seconds=SECONDS_TO_ARRIVE)
        time.sleep(0.005)
