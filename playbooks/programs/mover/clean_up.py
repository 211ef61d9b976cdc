"""Remove the objects of a transfer from one side: `unsubscribe` first on both sides, then `remove` on both.

Afterwards this side has no slot, subscription, publication, schema, role, service or file of the mover. The
rights to write stay as they are. `remove_copies` also removes the copies, on a target that never took over.
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
    """order: {side, transfer, step: unsubscribe, remove or remove_copies}. `removed` names the objects."""
    transfer = transfers.read(order)
    steps = {"unsubscribe": unsubscribe, "remove": remove, "remove_copies": remove_copies}
    return {"changed": True, "removed": steps[order["step"]](transfer)}


def unsubscribe(transfer: Transfer) -> list[str]:
    """Stop replicating from the other side, while this side may still drop the slot there."""
    removed = []
    for kind in (file_offer.PULL, file_offer.SERVE):
        if transfer.service(kind) in services.statuses():
            services.remove(transfer.service(kind))
            removed.append(f"service {transfer.service(kind)}")
    switch.release(transfer)
    if transfer.database:
        with ignoring_missing_database(), database.here(transfer) as connection:
            removed += prepare.unsubscribe(connection, transfer)
    return removed


def remove(transfer: Transfer) -> list[str]:
    """Remove the slots, the other side's access, and the files of the mover."""
    removed = []
    if transfer.database:
        with ignoring_missing_database(), database.here(transfer) as connection:
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
    names = [transfer.replication("forward"), transfer.replication("reverse")]
    removed = []
    for _ in range(TRIES):
        slots = connection.execute(SLOTS, [names]).fetchall()
        for name, pid in slots:
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
                removed.append(f"slot {name}")
        if not slots:
            break
    return removed


def remove_copies(transfer: Transfer) -> list[str]:
    """Remove the copies of the target as well. Raises Refused if it accepts writes."""
    if transfer.side != "target" or any(transfer.live(folder).exists() for folder in transfer.folders):
        raise Refused("target_serves")
    removed = []
    if transfer.database:
        with database.here(transfer, "postgres") as admin:
            if schema_copy.can_log_in(admin, transfer.db.writers):
                raise Refused("target_serves")
            removed = remove(transfer)
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(drop.format(sql.Identifier(transfer.db.name)))
            removed.append(f"database {transfer.db.name}")
    else:
        removed = remove(transfer)
    for folder in transfer.folders:
        if transfer.closed(folder).exists():
            shutil.rmtree(transfer.closed(folder))
            removed.append(f"copy of {folder.path}")
    return removed


def remove_programs() -> None:
    """Remove the programs of the mover, including this one, which is in memory already."""
    for folder in (ROOT / ".govcloud" if Path("/") != ROOT else Path.home() / ".govcloud").glob("*-*"):
        if folder.name.startswith(("mover-", "prover-")):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def ignoring_missing_database() -> Any:
    """Ignore that the database does not exist: a copy that was never begun left nothing to remove."""
    try:
        yield
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
