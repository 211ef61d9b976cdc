"""The connections of a switch, opened before the fence, and the checks and repairs after a failure."""

import time
from typing import Any, LiteralString

import database
import psycopg
from database import Connection
from file_client import FileClient
from name_client import NameClient
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SECONDS_TO_END = 10.0
CAN_LOG_IN = "SELECT bool_or(rolcanlogin) FROM pg_roles WHERE rolname = ANY (%s)"
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"


class Connections:
    """Connections of one switch, by destination.

    `local` and `snapshot` are administrator connections to this side, `peer` is the mover's connection to
    the peer; a transfer without a database has none of the three. Raises psycopg.Error, FileServerError or
    Refused.
    """

    local: Connection
    snapshot: Connection
    peer: Connection

    def __init__(self, transfer: Transfer) -> None:
        self.file_client = connect_files(transfer) if transfer.folders else None
        self.names = NameClient(transfer) if transfer.names else None
        if transfer.database:
            self.local, self.snapshot = database.connect(transfer), database.connect(transfer)
            self.peer = database.connect_peer(transfer)
            if not database.try_lock(self.local, transfer):
                raise Refused("busy")

    @property
    def files(self) -> FileClient:
        """Return the connection to the peer's file server. Raises Refused in a transfer without folders."""
        if self.file_client is None:
            raise Refused("no_folders")
        return self.file_client

    def close_all_but_snapshot(self) -> None:
        if self.file_client:
            self.file_client.close()
        for connection in (getattr(self, "local", None), getattr(self, "peer", None)):
            if connection is not None:
                connection.close()
        if self.names:
            self.names.close()


def connect_files(transfer: Transfer) -> FileClient:
    """Connect to the peer's file server. Raises FileServerError."""
    token = transfer.secrets()[f"{transfer.incoming_direction}_files"]
    return FileClient(transfer.peer_address, transfer.files_port, token)


def only_value(connection: Connection, statement: sql.Composed | LiteralString) -> Any:
    """Return the first column of the first row, or None."""
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def last_value(connection: Connection, statements: LiteralString) -> Any:
    """Return the first column of the first row of the last of several statements, or None."""
    cursor = connection.execute(statements)
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    return row[0] if row else None


def is_open(transfer: Transfer, connections: Connections) -> bool:
    """Return True if this side accepts writes, after the session that may still be opening it has ended."""
    if transfer.database is None:
        return all(transfer.live_path(folder).exists() for folder in transfer.folders)
    pid = connections.local.info.backend_pid
    connections.local.close()
    with database.connect(transfer) as connection:
        end = time.monotonic() + SECONDS_TO_END
        while connection.execute(TERMINATE, [pid]).fetchone():
            if time.monotonic() > end:
                raise OSError("the database session that was opening this side does not end")
            time.sleep(0.01)
        row = connection.execute(CAN_LOG_IN, [list(transfer.db.writers)]).fetchone()
    return bool(row and row[0])


def reopen_peer(transfer: Transfer, connections: Connections) -> None:
    """Let the peer accept writes again, over a new connection if the old one is broken."""
    if transfer.database:
        statement = database.in_schema(database.ALLOW_WRITERS, transfer)
        try:
            connections.peer.execute(statement)
        except psycopg.Error:
            with database.connect_peer(transfer) as connection:
                connection.execute(statement)
    if transfer.folders:
        with connect_files(transfer) as client:
            for number in range(len(transfer.folders)):
                client.request(op="open", folder=number)
