"""Every connection of a switch, opened before the fence, and their use after a failure."""

import time
from typing import Any, LiteralString

import database
import psycopg
from database import Connection
from file_pull import Offer
from name_control import NameControl
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SECONDS_TO_END = 10.0


class Connections:
    """Connections of one switch, by destination.

    `here` is the connection of the administrator to this side, `here_view` a second one for the snapshot.
    `there` is the connection of the mover to the other side, `files` the one to its file server. Raises
    psycopg.Error, FilesAway, Refused.
    """

    here: Connection
    here_view: Connection
    there: Connection

    def __init__(self, transfer: Transfer) -> None:
        self.files = files(transfer) if transfer.folders else None
        self.names = NameControl(transfer) if transfer.names else None
        if transfer.database:
            self.here, self.here_view = database.here(transfer), database.here(transfer)
            self.there = database.there(transfer)
            locked = one(
                self.here,
                sql.SQL("SELECT pg_try_advisory_lock(hashtextextended({}, 0))").format(transfer.schema),
            )
            if not locked:
                raise Refused("busy")

    @property
    def offer(self) -> Offer:
        """The connection to the other side's file server. Raises Refused in a transfer without folders."""
        if self.files is None:
            raise Refused("no_folders")
        return self.files

    def close_all_but_snapshot(self) -> None:
        """Close every connection except that of the snapshot."""
        if self.files:
            self.files.connection.close()
        for connection in (getattr(self, "here", None), getattr(self, "there", None)):
            if connection is not None:
                connection.close()
        if self.names:
            self.names.close()


def files(transfer: Transfer) -> Offer:
    """Return a connection to the file server of the other side. Raises FilesAway."""
    return Offer(
        transfer.other_address, transfer.files_port, transfer.secrets()[f"{transfer.receives}_files"]
    )


def one(connection: Connection, statement: sql.Composed | LiteralString) -> Any:
    """Return the only value of the only row, or None."""
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def last(connection: Connection, statements: LiteralString) -> Any:
    """Return the only value of the last of several statements, or None."""
    cursor = connection.execute(statements)
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    return row[0] if row else None


def is_open(transfer: Transfer, connections: Connections) -> bool:
    """Return whether this side accepts writes, after ending the session that was opening it."""
    if transfer.database is None:
        return all(transfer.live(folder).exists() for folder in transfer.folders)
    pid = connections.here.info.backend_pid
    connections.here.close()
    with database.here(transfer) as connection:
        end = time.monotonic() + SECONDS_TO_END
        while connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s", [pid]
        ).fetchone():
            if time.monotonic() > end:
                raise OSError("the session that was opening this side does not end")
            time.sleep(0.01)
        query = "SELECT bool_or(rolcanlogin) FROM pg_roles WHERE rolname = ANY (%s)"
        row = connection.execute(query, [list(transfer.db.writers)]).fetchone()
    return bool(row and row[0])


def reopen_other(transfer: Transfer, connections: Connections) -> None:
    """Let the other side accept writes again, over a new connection if the old one is broken."""
    if transfer.database:
        statement = sql.SQL("SELECT {}.let_in(true)").format(sql.Identifier(transfer.schema))
        try:
            connections.there.execute(statement)
        except psycopg.Error:
            with database.there(transfer) as connection:
                connection.execute(statement)
    if transfer.folders:
        with files(transfer) as offer:
            for number in range(len(transfer.folders)):
                offer.ask(op="open", folder=number)
