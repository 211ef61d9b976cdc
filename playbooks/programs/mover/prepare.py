"""Prepare one side of a transfer: the source offers, the target receives, then the source listens.

Objects of an earlier attempt are replaced, so preparation can be repeated until the target serves.
"""

import contextlib
from typing import Any

import database
import file_offer
import psycopg
import replica_identity
import schema_copy
import transfer as transfers
from psycopg import sql
from refusal import Refused
from transfer import Transfer


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: offer, receive or listen}; secrets: all but the other's name token."""
    transfer = transfers.read(order)
    if order["step"] == "listen":
        return listen(transfer)
    transfer.keep_secrets(secrets)
    return offer(transfer, secrets) if order["step"] == "offer" else receive(transfer, secrets)


def offer(transfer: Transfer, secrets: dict[str, str]) -> dict[str, Any]:
    """On the serving side: let the other side read and fence."""
    if transfer.database:
        with database.here(transfer) as connection:
            require_replica_identity(connection)
            database.offer(connection, transfer, secrets[f"{transfer.sends}_password"])
    file_offer.serve(transfer, secrets[f"{transfer.sends}_files"])
    return {"changed": True}


def require_replica_identity(connection: database.Connection) -> None:
    """Refuse tables without a replica identity: once published, updates of the application would fail."""
    if tables := replica_identity.tables_without(connection):
        code = tables[0][1]
        raise Refused(code, table=", ".join(table for table, reason in tables if reason == code))


def receive(transfer: Transfer, secrets: dict[str, str]) -> dict[str, Any]:
    """On the side that takes over later: create a fenced database of the same schema, start the copies."""
    for folder in transfer.folders:
        if transfer.live(folder).exists():
            raise Refused("folder_exists", folder=folder.path)
    if transfer.database:
        receive_database(transfer, secrets[f"{transfer.sends}_password"])
    file_offer.serve(transfer, secrets[f"{transfer.sends}_files"])
    file_offer.pull(transfer)
    return {"changed": True}


def receive_database(transfer: Transfer, password: str) -> None:
    with database.there(transfer) as source, database.here(transfer, "postgres") as admin:
        if schema_copy.can_log_in(admin, transfer.db.writers):
            raise Refused("target_is_open", roles=", ".join(transfer.db.writers))
        versions = [server.info.server_version // 10000 for server in (source, admin)]
        programs = schema_copy.programs_folder(versions[0], versions[1])
        drop_subscription(transfer)
        schema_copy.copy_roles(source, admin, transfer)
        schema_copy.make_database(source, admin, transfer)
    with database.here(transfer) as connection:
        database.withdraw(connection, transfer)
        schema_copy.copy_schema(transfer, programs)
        database.offer(connection, transfer, password)
        database.subscribe(connection, transfer, follows=True)


def drop_subscription(transfer: Transfer) -> None:
    """Drop the subscription of an earlier attempt, whose database is about to be replaced."""
    with contextlib.suppress(psycopg.OperationalError), database.here(transfer) as connection:
        unsubscribe(connection, transfer)


def unsubscribe(connection: database.Connection, transfer: Transfer) -> list[str]:
    """Drop this side's subscription, and its slot on the other side if that can be reached."""
    name = sql.Identifier(transfer.incoming)
    if not connection.execute(
        "SELECT 1 FROM pg_subscription WHERE subname = %s", [transfer.incoming]
    ).fetchone():
        return []
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
    try:
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    except psycopg.Error:
        # Drop it without its slot: the other side drops the slot itself, or no longer exists.
        connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    return [f"subscription {transfer.incoming}"]


def listen(transfer: Transfer) -> dict[str, Any]:
    """On the serving side: subscribe to the other side, idle: the slot exists, nothing is sent."""
    if transfer.database:
        with database.here(transfer) as connection:
            unsubscribe(connection, transfer)
            database.subscribe(connection, transfer, follows=False)
    return {"changed": True}
