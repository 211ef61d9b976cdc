"""After the proof was read: the side that has served follows the side that serves.

`secure` runs on the side that serves: a slot that a crash has set back may not send what was there before the
opening. `follow` runs on the other side.
"""

from typing import Any

import cut
import database
import file_offer
import move as moves
from move import Move
from psycopg import sql
from refusal import Refused

OPENED = "SELECT lsn::text FROM {schema}.cut WHERE kind = 'open' AND side = %s ORDER BY lsn DESC LIMIT 1"
BEGIN_AT = (
    "SELECT pg_replication_slot_advance(slot_name, %(lsn)s::pg_lsn) FROM pg_replication_slots"
    " WHERE slot_name = %(slot)s AND NOT active AND confirmed_flush_lsn < %(lsn)s::pg_lsn"
)


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, move, step: secure or follow}."""
    move = moves.read(order)
    if order["step"] == "secure":
        return secure(move)
    if move.database:
        with database.here(move) as connection:
            connection.execute(sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(move.incoming)))
    file_offer.pull(move)
    return {"changed": True}


def secure(move: Move) -> dict[str, Any]:
    """Make the way out begin at the opening, for good, and let the snapshot of the cut go."""
    cut.release(move)
    if move.database is None:
        return {"changed": True}
    with database.here(move) as connection:
        opened = sql.SQL(OPENED).format(schema=sql.Identifier(move.schema))
        row = connection.execute(opened, [move.side]).fetchone()
        if row is None:
            raise Refused("no_cut", side=move.side)
        connection.execute(BEGIN_AT, {"lsn": row[0], "slot": move.outgoing})
        connection.execute("CHECKPOINT")
    return {"changed": True, "from": row[0]}
