"""Let exactly one side accept writes: `close` on the side that shall not, then `open` on the side that shall.

Both are safe to repeat. `open` comes only after `close` has succeeded, or after the other side is gone for
good.
"""

import contextlib
import time
from typing import Any

import cut
import database
import file_offer
import move as moves
import psycopg
from move import Move
from name_control import NameControl
from psycopg import sql
from refusal import Refused

SECONDS_TO_END_SESSIONS = 10.0


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, move, step: close or open}."""
    move = moves.read(order)
    move.secrets()
    if order["step"] == "close" or "opened" not in cut.marks(move.folder / "cut.journal"):
        end_cut(move)
    if order["step"] == "close":
        close(move)
    else:
        open_up(move)
    return {"changed": True, "closed": order["step"] == "close"}


def end_cut(move: Move) -> None:
    """A cut that was held up shall not open this side later; what it has sent already is not carried out."""
    cut.end(move)
    if not move.database:
        return
    with contextlib.suppress(NoDatabase), database_here(move) as connection:
        end = time.monotonic() + SECONDS_TO_END_SESSIONS
        while connection.execute(database.END_CUT, [move.schema]).fetchone():
            if time.monotonic() > end:
                raise Refused("sessions_remain")
            time.sleep(0.005)


def close(move: Move) -> None:
    file_offer.shut(move)
    if move.database:
        with contextlib.suppress(NoDatabase), database_here(move) as connection:
            schema = sql.Identifier(move.schema)
            connection.execute(sql.SQL("SELECT {}.let_in(false)").format(schema))
            end = time.monotonic() + SECONDS_TO_END_SESSIONS
            while connection.execute(sql.SQL("SELECT {}.end_sessions()").format(schema)).fetchone() != (0,):
                if time.monotonic() > end:
                    raise Refused("sessions_remain")
                time.sleep(0.005)
            follows = "SELECT 1 FROM pg_subscription WHERE subname = %s AND subenabled"
            if connection.execute(follows, [move.incoming]).fetchone():
                file_offer.pull(move)


class NoDatabase(Exception):
    """The copy was never begun here, so nobody can write to it."""


def database_here(move: Move) -> database.Connection:
    try:
        return database.here(move)
    except psycopg.OperationalError as error:
        if "does not exist" in str(error):
            raise NoDatabase from error
        raise


def open_up(move: Move) -> None:
    file_offer.stop_pull(move)
    file_offer.give_back(move)
    if move.database:
        with database.here(move) as connection:
            connection.execute(sql.SQL("SELECT {}.let_in(true)").format(sql.Identifier(move.schema)))
    if move.names:
        control = NameControl(move)
        control.take()
        control.close()
