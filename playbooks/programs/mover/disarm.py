"""Take away what a move left on one side. `part` goes first on both sides, then `clear` on both.

Afterwards there is no slot, subscription, publication, schema, role, service or file of the mover's here. Who
may write stays as it is. `abandon` also removes the copies, on a target that never took over.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import arm
import cut
import database
import file_offer
import move as moves
import psycopg
import schema_copy
import services
from move import Move
from place import ROOT
from psycopg import sql
from refusal import Refused

SLOTS = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = ANY (%s)"
TRIES = 50


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, move, step: part, clear or abandon}. `removed` names what was taken away."""
    move = moves.read(order)
    steps = {"part": part, "clear": clear, "abandon": abandon}
    return {"changed": True, "removed": steps[order["step"]](move)}


def part(move: Move) -> list[str]:
    """Stop following the other side, while its role still lets this one drop the slot there."""
    removed = []
    for what in (file_offer.PULL, file_offer.SERVE):
        if move.service(what) in services.statuses():
            services.remove(move.service(what))
            removed.append(f"service {move.service(what)}")
    cut.release(move)
    if move.database:
        with no_database_is_fine(), database.here(move) as connection:
            removed += arm.unsubscribe(connection, move)
    return removed


def clear(move: Move) -> list[str]:
    removed = []
    if move.database:
        with no_database_is_fine(), database.here(move) as connection:
            removed += drop_slots(connection, move)
            removed += database.withdraw(connection, move)
    if move.folder.exists():
        shutil.rmtree(move.folder)
        removed.append(f"folder {move.folder.name}")
    with contextlib.suppress(OSError):
        move.folder.parent.rmdir()
    remove_programs()
    return removed


def drop_slots(connection: database.Connection, move: Move) -> list[str]:
    names = [move.way("forward"), move.way("reverse")]
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


def abandon(move: Move) -> list[str]:
    """Remove the target's copies as well. Raises Refused where it accepts writes."""
    if move.side != "target" or any(move.live(folder).exists() for folder in move.folders):
        raise Refused("target_serves")
    removed = []
    if move.database:
        with database.here(move, "postgres") as admin:
            if schema_copy.can_log_in(admin, move.db.writers):
                raise Refused("target_serves")
            removed = clear(move)
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(drop.format(sql.Identifier(move.db.name)))
            removed.append(f"database {move.db.name}")
    else:
        removed = clear(move)
    for folder in move.folders:
        if move.closed(folder).exists():
            shutil.rmtree(move.closed(folder))
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
