"""Arm one side of a move: the source offers, the target receives, then the source listens.

What an earlier attempt left behind is replaced, so arming is safe to repeat until the target serves.
"""

import contextlib
from typing import Any

import database
import file_offer
import move as moves
import psycopg
import replica_identity
import schema_copy
from move import Move
from psycopg import sql
from refusal import Refused


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, move, step: offer, receive or listen}; secrets: all but the other's name token."""
    move = moves.read(order)
    if order["step"] == "listen":
        return listen(move)
    move.keep_secrets(secrets)
    return offer(move, secrets) if order["step"] == "offer" else receive(move, secrets)


def offer(move: Move, secrets: dict[str, str]) -> dict[str, Any]:
    """The side that serves: let the other side read, and fence."""
    if move.database:
        with database.here(move) as connection:
            require_replica_identity(connection)
            database.offer(connection, move, secrets[f"{move.way_out}_password"])
    file_offer.serve(move, secrets[f"{move.way_out}_files"])
    return {"changed": True}


def require_replica_identity(connection: database.Connection) -> None:
    """Publishing a table without one would make the application's own updates fail. Raises Refused."""
    if found := replica_identity.tables_without(connection):
        code = found[0][1]
        raise Refused(code, table=", ".join(table for table, why in found if why == code))


def receive(move: Move, secrets: dict[str, str]) -> dict[str, Any]:
    """The side that takes over later: closed to writers, a database of the same shape, copies that run."""
    for folder in move.folders:
        if move.live(folder).exists():
            raise Refused("folder_exists", folder=folder.path)
    if move.database:
        receive_database(move, secrets[f"{move.way_out}_password"])
    file_offer.serve(move, secrets[f"{move.way_out}_files"])
    file_offer.pull(move)
    return {"changed": True}


def receive_database(move: Move, password: str) -> None:
    with database.there(move) as source, database.here(move, "postgres") as admin:
        if schema_copy.can_log_in(admin, move.db.writers):
            raise Refused("target_is_open", roles=", ".join(move.db.writers))
        versions = [each.info.server_version // 10000 for each in (source, admin)]
        programs = schema_copy.programs_folder(versions[0], versions[1])
        drop_subscription(move)
        schema_copy.copy_roles(source, admin, move)
        schema_copy.make_database(source, admin, move)
    with database.here(move) as connection:
        database.withdraw(connection, move)
        schema_copy.copy_schema(move, programs)
        database.offer(connection, move, password)
        database.subscribe(connection, move, follows=True)


def drop_subscription(move: Move) -> None:
    """Let go of a subscription that an earlier attempt made; its database is about to be replaced."""
    with contextlib.suppress(psycopg.OperationalError), database.here(move) as connection:
        unsubscribe(connection, move)


def unsubscribe(connection: database.Connection, move: Move) -> list[str]:
    """Drop this side's subscription, and its slot on the other side if that can be reached."""
    name = sql.Identifier(move.incoming)
    if not connection.execute("SELECT 1 FROM pg_subscription WHERE subname = %s", [move.incoming]).fetchone():
        return []
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
    try:
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    except psycopg.Error:
        # Without its slot: the other side drops that by itself, or is gone.
        connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    return [f"subscription {move.incoming}"]


def listen(move: Move) -> dict[str, Any]:
    """The side that serves subscribes to the other, silently: its slot is there, nothing flows."""
    if move.database:
        with database.here(move) as connection:
            unsubscribe(connection, move)
            database.subscribe(connection, move, follows=False)
    return {"changed": True}
