"""Preconditions of a switch, checked before the fence. Writes only one row into the mover's own table."""

import time

import database
from database import Connection
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SECONDS_TO_ARRIVE = 5.0
# The apply worker copies no table and has no leader; there is no worker_type before version 17.
APPLY_WORKER = """
SELECT s.subenabled, st.pid IS NOT NULL
FROM pg_subscription s
    LEFT JOIN pg_stat_subscription st ON st.subid = s.oid AND st.relid IS NULL AND st.leader_pid IS NULL
WHERE s.subname = %s
"""
UNFINISHED_COPIES = (
    "SELECT count(*) FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
    " WHERE s.subname = %s AND r.srsubstate <> 'r'"
)
SLOT = "SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = %s"
CAN_LOG_IN = "SELECT count(*) FILTER (WHERE rolcanlogin), count(*) FROM pg_roles WHERE rolname = ANY (%s)"
PREPARED = "SELECT 1 FROM pg_prepared_xacts WHERE database = current_database()"
WRITE_PROBE = "INSERT INTO {schema}.switches (id, kind, side) VALUES ({switch}, 'probe', {side})"
FIND_PROBE = "SELECT 1 FROM {schema}.switches WHERE id = {switch} AND kind = 'probe'"


def require_ready(local: Connection, peer: Connection, transfer: Transfer, switch_id: str) -> None:
    """Require that the peer serves, this side replicates all its writes, and the rollback path is prepared.

    Raises Refused with the first precondition that does not hold.
    """
    writers = [list(transfer.db.writers)]
    peer_open, peer_writers = peer.execute(CAN_LOG_IN, writers).fetchone() or (0, 0)
    if peer_open < peer_writers or not peer_writers:
        raise Refused("serving_side_is_closed", side=transfer.peer_side)
    if (local.execute(CAN_LOG_IN, writers).fetchone() or (0, 0))[0]:
        raise Refused("target_is_open", roles=", ".join(transfer.db.writers))
    if peer.execute(PREPARED).fetchone():
        raise Refused("prepared_transactions")
    if other_writer := peer.execute(database.OTHER_WRITERS, writers).fetchone():
        raise Refused("other_writer", role=other_writer[0])
    require_replication(local, transfer)
    if differences := database.schema_differences(local, peer, transfer):
        raise Refused("schema_differs", **differences[0])
    slot = local.execute(SLOT, [transfer.slot]).fetchone()
    if slot is None or slot[0] or slot[1] == "lost":
        raise Refused("no_rollback_path", slot=transfer.slot)
    require_arrival(local, peer, transfer, switch_id)


def require_replication(local: Connection, transfer: Transfer) -> None:
    """Require an enabled subscription with a running apply worker and finished copies. Raises Refused."""
    state = local.execute(APPLY_WORKER, [transfer.subscription]).fetchone()
    if state is None or not all(state):
        raise Refused("not_following", side=transfer.side)
    unfinished = local.execute(UNFINISHED_COPIES, [transfer.subscription]).fetchone()
    if unfinished and unfinished[0]:
        raise Refused("still_copying", tables=unfinished[0])


def require_arrival(local: Connection, peer: Connection, transfer: Transfer, switch_id: str) -> None:
    """Require that a row written on the peer arrives here in time, as the last rows must. Raises Refused."""
    values = {
        "schema": sql.Identifier(transfer.schema),
        "switch": sql.Literal(switch_id),
        "side": sql.Literal(transfer.side),
    }
    peer.execute(sql.SQL(WRITE_PROBE).format(**values))
    end = time.monotonic() + SECONDS_TO_ARRIVE
    while not local.execute(sql.SQL(FIND_PROBE).format(**values)).fetchone():
        if time.monotonic() > end:
            raise Refused("lagging", seconds=SECONDS_TO_ARRIVE)
        time.sleep(0.005)
