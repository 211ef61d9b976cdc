"""Prepare one side of a transfer: the source offers, the target receives, then the source listens.

What an earlier attempt left behind is replaced, so preparation is safe to repeat until the target serves.
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
    """The side that serves: let the other side read, and fence."""
    if transfer.database:
        with database.here(transfer) as connection:
            require_replica_identity(connection)
            database.offer(connection, transfer, secrets[f"{transfer.way_out}_password"])
    file_offer.serve(transfer, secrets[f"{transfer.way_out}_files"])
    return {"changed": True}


def require_replica_identity(connection: database.Connection) -> None:
    """Publishing a table without one would make the application's own updates fail. Raises Refused."""
    if found := replica_identity.tables_without(connection):
        code = found[0][1]
        raise Refused(code, table=", ".join(table for table, why in found if why == code))


def receive(transfer: Transfer, secrets: dict[str, str]) -> dict[str, Any]:
    """The side that takes over later: closed to writers, a database of the same shape, copies that run."""
    for folder in transfer.folders:
        if transfer.live(folder).exists():
            raise Refused("folder_exists", folder=folder.path)
    if transfer.database:
        receive_database(transfer, secrets[f"{transfer.way_out}_password"])
    file_offer.serve(transfer, secrets[f"{transfer.way_out}_files"])
    file_offer.pull(transfer)
    return {"changed": True}


def receive_database(transfer: Transfer, password: str) -> None:
    with database.there(transfer) as source, database.here(transfer, "postgres") as admin:
        if schema_copy.can_log_in(admin, transfer.db.writers):
            raise Refused("target_is_open", roles=", ".join(transfer.db.writers))
        versions = [each.info.server_version // 10000 for each in (source, admin)]
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
    """Let go of a subscription that an earlier attempt made; its database is about to be replaced."""
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
    """The side that serves subscribes to the other, silently: its slot is there, nothing flows."""
    if transfer.database:
        with database.here(transfer) as connection:
            unsubscribe(connection, transfer)
            database.subscribe(connection, transfer, follows=False)
    return {"changed": True}
