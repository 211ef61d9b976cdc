"""Remove everything that a transfer created on one side: `unsubscribe` on both sides, then `remove`.

After that, this side has no slot, subscription, publication, schema, role, service or file of the mover.
Write access stays as it is. The step `remove_with_copies` replaces `remove` on a target that never served; it
also removes the copied data.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import database
import file_services
import prepare
import psycopg
import schema_copy
import services
import switch
import transfer as transfers
from database import DatabaseMissing
from host_files import ROOT
from psycopg import sql
from refusal import Refused
from transfer import Transfer

SLOTS = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = ANY (%s)"
MOST_ATTEMPTS = 50


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer, step: unsubscribe, remove or remove_with_copies}.

    `removed` has kind and name of each removed object.
    """
    transfer = transfers.read(order)
    steps = {"unsubscribe": unsubscribe, "remove": remove, "remove_with_copies": remove_with_copies}
    return {"changed": True, "removed": steps[order["step"]](transfer)}


def unsubscribe(transfer: Transfer) -> list[str]:
    """Remove services and subscription, while the role on the peer still allows dropping the slot there."""
    removed = []
    for service in (file_services.PULL, file_services.SERVER):
        name = transfer.service_name(service)
        if name in services.statuses():
            services.remove(name)
            removed.append(f"service {name}")
    switch.release_snapshot(transfer)
    if transfer.database:
        with contextlib.suppress(DatabaseMissing), database.connect_existing(transfer) as connection:
            removed += prepare.unsubscribe(connection, transfer)
    return removed


def remove(transfer: Transfer) -> list[str]:
    """Remove the publisher's objects, the state folder, and the mover's programs."""
    removed = []
    if transfer.database:
        with contextlib.suppress(DatabaseMissing), database.connect_existing(transfer) as connection:
            removed += drop_slots(connection, transfer)
            removed += database.unpublish(connection, transfer)
    if transfer.state_folder.exists():
        shutil.rmtree(transfer.state_folder)
        removed.append(f"folder {transfer.state_folder.name}")
    with contextlib.suppress(OSError):
        transfer.state_folder.parent.rmdir()
    remove_programs()
    return removed


def drop_slots(connection: database.Connection, transfer: Transfer) -> list[str]:
    """Drop the transfer's slots. A slot in use is tried again after its session was terminated."""
    names = [transfer.replication_name("forward"), transfer.replication_name("reverse")]
    removed = []
    for _ in range(MOST_ATTEMPTS):
        slots = connection.execute(SLOTS, [names]).fetchall()
        for name, pid in slots:
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
                removed.append(f"slot {name}")
        if not slots:
            break
    return removed


def remove_with_copies(transfer: Transfer) -> list[str]:
    """As `remove`, with the target's copies. Raises Refused if the target accepts writes."""
    if transfer.side != "target" or any(transfer.live_path(folder).exists() for folder in transfer.folders):
        raise Refused("target_serves")
    if transfer.database:
        with database.connect(transfer, "postgres") as admin:
            if schema_copy.can_log_in(admin, transfer.db.writers):
                raise Refused("target_serves")
            removed = remove(transfer)
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(drop.format(sql.Identifier(transfer.db.name)))
            removed.append(f"database {transfer.db.name}")
    else:
        removed = remove(transfer)
    for folder in transfer.folders:
        if transfer.fenced_path(folder).exists():
            shutil.rmtree(transfer.fenced_path(folder))
            removed.append(f"copy of {folder.path}")
    return removed


def remove_programs() -> None:
    """Remove the programs of mover and prover, including this one, which is already in memory."""
    home = ROOT if Path("/") != ROOT else Path.home()
    for folder in (home / ".govcloud").glob("*-*"):
        if folder.name.startswith(("mover-", "prover-")):
            shutil.rmtree(folder, ignore_errors=True)
