"""Let exactly one side accept writes: `fence` on the other side first, then `open` on this side.

Both steps are idempotent. `open` requires that `fence` has succeeded on the other side, or that the other
host no longer exists.
"""

import contextlib
import time
from typing import Any

import database
import file_services
import switch
import transfer as transfers
from database import Connection, DatabaseMissing
from name_client import NameClient
from refusal import Refused
from transfer import Transfer

SECONDS_TO_END_SESSIONS = 10.0
SECONDS_BETWEEN_ATTEMPTS = 0.005
SUBSCRIPTION_ENABLED = "SELECT 1 FROM pg_subscription WHERE subname = %s AND subenabled"


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: fence or open}."""
    transfer = transfers.read(order)
    transfer.secrets()  # Raises Refused before preparation.
    step = {"fence": fence, "open": open_side}[order["step"]]
    if step is fence or "opened" not in switch.marks(transfer.state_folder / "switch.journal"):
        kill_switch(transfer)
    step(transfer)
    return {"changed": True, "fenced": step is fence}


def kill_switch(transfer: Transfer) -> None:
    """Kill a delayed switch and its statements, so that it cannot open this side later."""
    switch.kill_running(transfer)
    if not transfer.database:
        return
    with contextlib.suppress(DatabaseMissing), database.connect_existing(transfer) as connection:
        end = time.monotonic() + SECONDS_TO_END_SESSIONS
        while connection.execute(database.TERMINATE_LOCK_HOLDERS, [transfer.schema]).fetchone():
            sleep_or_refuse(end)


def fence(transfer: Transfer) -> None:
    """Fence this side, and resume the pull if this side replicates from the peer."""
    file_services.fence_folders(transfer)
    if not transfer.database:
        return
    with contextlib.suppress(DatabaseMissing), database.connect_existing(transfer) as connection:
        fence_database(connection, transfer)
        if connection.execute(SUBSCRIPTION_ENABLED, [transfer.subscription]).fetchone():
            file_services.start_pull(transfer)


def fence_database(connection: Connection, transfer: Transfer) -> None:
    """Deny the writers' logins and terminate their sessions. Raises Refused if some remain."""
    connection.execute(database.in_schema(database.DENY_WRITERS, transfer))
    terminate_writers = database.in_schema(database.TERMINATE_WRITERS, transfer)
    end = time.monotonic() + SECONDS_TO_END_SESSIONS
    while connection.execute(terminate_writers).fetchone() != (0,):
        sleep_or_refuse(end)


def sleep_or_refuse(end: float) -> None:
    """Sleep before the next attempt to end sessions. Raises Refused after `end`."""
    if time.monotonic() > end:
        raise Refused("sessions_remain")
    time.sleep(SECONDS_BETWEEN_ATTEMPTS)


def open_side(transfer: Transfer) -> None:
    """Open this side's folders and database to writers, and point the name here."""
    file_services.stop_pull(transfer)
    file_services.open_folders(transfer)
    if transfer.database:
        with database.connect(transfer) as connection:
            connection.execute(database.in_schema(database.ALLOW_WRITERS, transfer))
    if transfer.names:
        names = NameClient(transfer)
        names.point_here()
        names.close()
