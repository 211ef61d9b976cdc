"""Let exactly one side accept writes: `close` fences one side, then `open` opens the other.

Both can be repeated. `open` is ordered only after `close` has succeeded, or if the other host is lost.
"""

import contextlib
import time
from typing import Any

import database
import file_offer
import psycopg
import switch
import transfer as transfers
from name_control import NameControl
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SECONDS_TO_END_SESSIONS = 10.0


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: close or open}."""
    transfer = transfers.read(order)
    transfer.secrets()
    if order["step"] == "close" or "opened" not in switch.marks(transfer.folder / "switch.journal"):
        end_switch(transfer)
    if order["step"] == "close":
        close(transfer)
    else:
        open_up(transfer)
    return {"changed": True, "closed": order["step"] == "close"}


def end_switch(transfer: Transfer) -> None:
    """Kill a delayed switch, so that it cannot open this side later, and cancel its statements."""
    switch.end(transfer)
    if not transfer.database:
        return
    with contextlib.suppress(NoDatabase), database_here(transfer) as connection:
        end = time.monotonic() + SECONDS_TO_END_SESSIONS
        while connection.execute(database.END_SWITCH, [transfer.schema]).fetchone():
            if time.monotonic() > end:
                raise Refused("sessions_remain")
            time.sleep(0.005)


def close(transfer: Transfer) -> None:
    file_offer.shut(transfer)
    if transfer.database:
        with contextlib.suppress(NoDatabase), database_here(transfer) as connection:
            schema = sql.Identifier(transfer.schema)
            connection.execute(sql.SQL("SELECT {}.let_in(false)").format(schema))
            end = time.monotonic() + SECONDS_TO_END_SESSIONS
            while connection.execute(sql.SQL("SELECT {}.end_sessions()").format(schema)).fetchone() != (0,):
                if time.monotonic() > end:
                    raise Refused("sessions_remain")
                time.sleep(0.005)
            follows = "SELECT 1 FROM pg_subscription WHERE subname = %s AND subenabled"
            if connection.execute(follows, [transfer.incoming]).fetchone():
                file_offer.pull(transfer)


class NoDatabase(Exception):
    """The copy was never begun here, so no client can write to it."""


def database_here(transfer: Transfer) -> database.Connection:
    try:
        return database.here(transfer)
    except psycopg.OperationalError as error:
        if "does not exist" in str(error):
            raise NoDatabase from error
        raise


def open_up(transfer: Transfer) -> None:
    file_offer.stop_pull(transfer)
    file_offer.give_to_application(transfer)
    if transfer.database:
        with database.here(transfer) as connection:
            connection.execute(sql.SQL("SELECT {}.let_in(true)").format(sql.Identifier(transfer.schema)))
    if transfer.names:
        control = NameControl(transfer)
        control.take()
        control.close()
