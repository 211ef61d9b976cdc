"""Prepare one side of a transfer: `publish` on the source, `subscribe` on the target, `subscribe_reverse`.

Each step replaces the objects of an earlier attempt, so preparation can be repeated until the first cutover.
"""

import contextlib
from typing import Any

import database
import file_services
import psycopg
import replica_identity
import schema_copy
import transfer as transfers
from psycopg import sql
from refusal import Refused
from transfer import Transfer


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: publish, subscribe or subscribe_reverse}.

    secrets: all of the transfer, without the name token of the other side; none for `subscribe_reverse`.
    """
    transfer = transfers.read(order)
    if order["step"] == "subscribe_reverse":
        subscribe_reverse(transfer)
        return {"changed": True}
    step = {"publish": publish, "subscribe": subscribe}[order["step"]]
    transfer.store_secrets(secrets)
    step(transfer, secrets)
    return {"changed": True}


def publish(transfer: Transfer, secrets: dict[str, str]) -> None:
    """On the source: create the publisher's objects and start the file server."""
    if transfer.database:
        with database.connect(transfer) as connection:
            require_replica_identity(connection)
            database.publish(connection, transfer, secrets[f"{transfer.outgoing_direction}_password"])
    file_services.start_server(transfer, secrets[f"{transfer.outgoing_direction}_files"])


def require_replica_identity(connection: database.Connection) -> None:
    """Raise Refused if the publication of a table would make the application's own updates fail."""
    if tables := replica_identity.tables_without(connection):
        first_code = tables[0][1]
        raise Refused(first_code, table=", ".join(table for table, code in tables if code == first_code))


def subscribe(transfer: Transfer, secrets: dict[str, str]) -> None:
    """On the target, which must be fenced: copy the schema, and start the copies of rows and files."""
    for folder in transfer.folders:
        if transfer.live_path(folder).exists():
            raise Refused("folder_exists", folder=folder.path)
    if transfer.database:
        subscribe_database(transfer, secrets[f"{transfer.outgoing_direction}_password"])
    file_services.start_server(transfer, secrets[f"{transfer.outgoing_direction}_files"])
    file_services.start_pull(transfer)


def subscribe_database(transfer: Transfer, password: str) -> None:
    """Create the database without rows, the publisher's objects for the rollback path, the subscription."""
    with database.connect_peer(transfer) as source, database.connect(transfer, "postgres") as admin:
        if schema_copy.can_log_in(admin, transfer.db.writers):
            raise Refused("target_is_open", roles=", ".join(transfer.db.writers))
        versions = [connection.info.server_version // 10000 for connection in (source, admin)]
        programs = schema_copy.programs_folder(versions[0], versions[1])
        drop_subscription(transfer)
        schema_copy.copy_roles(source, admin, transfer)
        schema_copy.create_database(source, admin, transfer)
    with database.connect(transfer) as connection:
        database.unpublish(connection, transfer)
        schema_copy.copy_schema(transfer, programs)
        database.publish(connection, transfer, password)
        database.subscribe(connection, transfer, copy_data=True)


def drop_subscription(transfer: Transfer) -> None:
    """Drop the subscription of an earlier attempt, whose database is about to be replaced."""
    with contextlib.suppress(psycopg.OperationalError), database.connect(transfer) as connection:
        unsubscribe(connection, transfer)


def unsubscribe(connection: database.Connection, transfer: Transfer) -> list[str]:
    """Drop this side's subscription, and its slot on the peer if the peer can be reached.

    Returns the dropped objects.
    """
    name = sql.Identifier(transfer.subscription)
    if not connection.execute(
        "SELECT 1 FROM pg_subscription WHERE subname = %s", [transfer.subscription]
    ).fetchone():
        return []
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
    try:
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    except psycopg.Error:
        # Drop it without its slot: the peer drops the slot itself, or no longer exists.
        connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
        connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))
    return [f"subscription {transfer.subscription}"]


def subscribe_reverse(transfer: Transfer) -> None:
    """On the source: create the disabled subscription of the rollback path, and its slot on the target."""
    if transfer.database:
        with database.connect(transfer) as connection:
            unsubscribe(connection, transfer)
            database.subscribe(connection, transfer, copy_data=False)
