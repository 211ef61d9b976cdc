"""After the proof: let the side that served before replicate from the side that serves now.

`secure` runs on the serving side: a slot that a crash has set back must not send changes from before the
opening. `follow` runs on the other side.
"""

from typing import Any

import database
import file_offer
import switch
import transfer as transfers
from psycopg import sql
from refusal import Refused
from transfer import Transfer

OPENED = "SELECT lsn::text FROM {schema}.switches WHERE kind = 'open' AND side = %s ORDER BY lsn DESC LIMIT 1"
BEGIN_AT = (
    "SELECT pg_replication_slot_advance(slot_name, %(lsn)s::pg_lsn) FROM pg_replication_slots"
    " WHERE slot_name = %(slot)s AND NOT active AND confirmed_flush_lsn < %(lsn)s::pg_lsn"
)


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: secure or follow}."""
    transfer = transfers.read(order)
    if order["step"] == "secure":
        return secure(transfer)
    if transfer.database:
        with database.here(transfer) as connection:
            connection.execute(
                sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(transfer.incoming))
            )
    file_offer.pull(transfer)
    return {"changed": True}


def secure(transfer: Transfer) -> dict[str, Any]:
    """Make replication begin at the opening, durably, and release the snapshot of the cutover."""
    switch.release(transfer)
    if transfer.database is None:
        return {"changed": True}
    with database.here(transfer) as connection:
        opened = sql.SQL(OPENED).format(schema=sql.Identifier(transfer.schema))
        row = connection.execute(opened, [transfer.side]).fetchone()
        if row is None:
            raise Refused("no_switch", side=transfer.side)
        connection.execute(BEGIN_AT, {"lsn": row[0], "slot": transfer.outgoing})
        connection.execute("CHECKPOINT")
    return {"changed": True, "from": row[0]}
