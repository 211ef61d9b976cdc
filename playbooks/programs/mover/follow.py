"""Start replication from the side that took over to the other side, after the equality proof.

`advance_slot` runs on the side that serves, then `follow` on the other side.
"""

from typing import Any

import database
import file_services
import switch
import transfer as transfers
from psycopg import sql
from refusal import Refused
from transfer import Transfer

OPENED_AT = (
    "SELECT lsn::text FROM {schema}.switches WHERE kind = 'open' AND side = %s ORDER BY lsn DESC LIMIT 1"
)
ADVANCE_SLOT = (
    "SELECT pg_replication_slot_advance(slot_name, %(lsn)s::pg_lsn) FROM pg_replication_slots"
    " WHERE slot_name = %(slot)s AND NOT active AND confirmed_flush_lsn < %(lsn)s::pg_lsn"
)


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: advance_slot or follow}."""
    transfer = transfers.read(order)
    steps = {"advance_slot": advance_slot, "follow": follow}
    return steps[order["step"]](transfer)


def advance_slot(transfer: Transfer) -> dict[str, Any]:
    """Release the snapshot of the switch, and make the slot send only writes since this side was opened.

    The checkpoint makes the position durable: after a crash, the slot must not send earlier changes.
    """
    switch.release_snapshot(transfer)
    if transfer.database is None:
        return {"changed": True}
    with database.connect(transfer) as connection:
        opened_at = sql.SQL(OPENED_AT).format(schema=sql.Identifier(transfer.schema))
        row = connection.execute(opened_at, [transfer.side]).fetchone()
        if row is None:
            raise Refused("no_switch", side=transfer.side)
        connection.execute(ADVANCE_SLOT, {"lsn": row[0], "slot": transfer.slot})
        connection.execute("CHECKPOINT")
    return {"changed": True, "from": row[0]}


def follow(transfer: Transfer) -> dict[str, Any]:
    """Enable this side's subscription and start the pull service."""
    if transfer.database:
        with database.connect(transfer) as connection:
            connection.execute(
                sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(transfer.subscription))
            )
    file_services.start_pull(transfer)
    return {"changed": True}
