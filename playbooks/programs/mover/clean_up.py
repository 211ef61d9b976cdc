"""Take away what a transfer left on one side. `part` goes first on both sides, then `clear` on both.

Afterwards there is no slot, subscription, publication, schema, role, service or file of the mover's here. Who
may write stays as it is. `abandon` also removes the copies, on a target that never took over.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import database
import file_offer
import prepare
import psycopg
import schema_copy
import services
import switch
import transfer as transfers
from place import ROOT
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SLOTS = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = ANY (%s)"
TRIES = 50


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: part, clear or abandon}. `removed` names what was taken away."""
    transfer = transfers.read(order)
    steps = {"part": part, "clear": clear, "abandon": abandon}
    return {"changed": True, "removed": steps[order["step"]](transfer)}


def part(transfer: Transfer) -> list[str]:
    """Stop following the other side, while its role still lets this one drop the slot there."""
    removed = []
    for what in (file_offer.PULL, file_offer.SERVE):
        if transfer.service(what) in services.statuses():
            services.remove(transfer.service(what))
            removed.append(f"service {transfer.service(what)}")
    switch.release(transfer)
    if transfer.database:
        with no_database_is_fine(), database.here(transfer) as connection:
            removed += prepare.unsubscribe(connection, transfer)
    return removed


def clear(transfer: Transfer) -> list[str]:
    removed = []
    if transfer.database:
        with no_database_is_fine(), database.here(transfer) as connection:
            removed += drop_slots(connection, transfer)
            removed += database.withdraw(connection, transfer)
    if transfer.folder.exists():
        shutil.rmtree(transfer.folder)
        removed.append(f"folder {transfer.folder.name}")
    with contextlib.suppress(OSError):
        transfer.folder.parent.rmdir()
    remove_programs()
    return removed


def drop_slots(connection: database.Connection, transfer: Transfer) -> list[str]:
    names = [transfer.way("forward"), transfer.way("reverse")]
    removed = []
    for _ in range(TRIES):
        found = connection.execute(SLOTS, [names]).fetchall()
        for name, pid in found:
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
                removed.append(f"slot {name}")
        if not found:
            break
    return removed


def abandon(transfer: Transfer) -> list[str]:
    """Remove the target's copies as well. Raises Refused where it accepts writes."""
    if transfer.side != "target" or any(transfer.live(folder).exists() for folder in transfer.folders):
        raise Refused("target_serves")
    removed = []
    if transfer.database:
        with database.here(transfer, "postgres") as admin:
            if schema_copy.can_log_in(admin, transfer.db.writers):
                raise Refused("target_serves")
            removed = clear(transfer)
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(drop.format(sql.Identifier(transfer.db.name)))
            removed.append(f"database {transfer.db.name}")
    else:
        removed = clear(transfer)
    for folder in transfer.folders:
        if transfer.closed(folder).exists():
            shutil.rmtree(transfer.closed(folder))
            removed.append(f"copy of {folder.path}")
    return removed


def remove_programs() -> None:
    """The mover's programs, this very one too: it is in memory already."""
    for folder in (ROOT / ".govcloud" if Path("/") != ROOT else Path.home() / ".govcloud").glob("*-*"):
        if folder.name.startswith(("mover-", "prover-")):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def no_database_is_fine() -> Any:
    """A copy that was never begun has nothing to take away."""
    try:
        yield
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
