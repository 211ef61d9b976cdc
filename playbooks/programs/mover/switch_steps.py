"""The steps of one switch, in order. switch.py runs them."""

import contextlib
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import database
import file_services
import psycopg
import readiness
import switch_connections
from file_client import FileServerError, FolderCopy
from file_tree import WatchedFolder
from host_files import printable, write_json
from psycopg import sql
from refusal import Refused
from switch_connections import Connections, last_value, only_value
from transfer import Transfer

FEW_ENTRIES, MOST_PASSES = 5, 10
SECONDS_TO_END_WRITERS, SECONDS_TO_RECOVER = 5.0, 30.0
SECONDS_BETWEEN_READS = 0.0005
# A counter, because the clocks of two hosts do not show which of two rows is the later one.
INSERT_NEXT_TURN = (
    "INSERT INTO {schema}.switches (id, kind, side, turn)"
    " SELECT {switch}, {kind}, {side}, coalesce(max(turn), 0) + 1 FROM {schema}.switches; "
)
FENCE = INSERT_NEXT_TURN.replace("{kind}", "'fence'") + database.DENY_WRITERS
WRITE_MARKER = "INSERT INTO {schema}.switches (id, kind, side) VALUES ({switch}, 'marker', {side})"
FIND_MARKER = "SELECT 1 FROM {schema}.switches WHERE id = {switch} AND kind = 'marker'"
SEQUENCES = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value FROM pg_sequences"
    " WHERE last_value IS NOT NULL"
)
OPEN = (
    "ALTER SUBSCRIPTION {subscription} DISABLE; {set_sequences}"
    + INSERT_NEXT_TURN.replace("{kind}", "'open'")
    + database.ALLOW_WRITERS
)
EXPORT_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()"

Sequences = list[tuple[Any, ...]]


class Switch:
    """One attempt of a switch. `run` never raises."""

    def __init__(self, transfer: Transfer, switch_id: str, journal: Path) -> None:
        self.transfer, self.switch_id = transfer, switch_id
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.began = time.monotonic()
        self.marks: dict[str, float] = {}
        self.result: dict[str, Any] = {"switch": switch_id, "to": transfer.side, "marks": self.marks}
        self.is_fenced = self.is_opening = self.pull_is_stopped = False
        self.copies: list[FolderCopy] = []
        self.watched: list[WatchedFolder] = []
        self.sequences: Sequences = []
        self.files_error: BaseException | None = None

    def run(self) -> dict[str, Any]:
        """Run all steps and return the result.

        `outcome` is switched (this side serves), refused (nothing was changed), reverted (the fence was
        lifted) or unknown (both sides must be inspected); `reason` says why it is not switched. `marks` are
        in milliseconds since the fence began; `fence_at` (its begin) and `opened_at` are in seconds since
        1970.
        """
        try:
            self.connect()
            self.require_ready()
            self.copy_folders()
            self.fence()
            self.drain_sessions()
            self.catch_up()
            self.open()
            self.point_name_here()
            self.result["outcome"] = "switched"
        except BaseException as error:  # noqa: BLE001 - the fence must be lifted after any error.
            traceback.print_exc()
            self.result["reason"] = reason_of(error)
            self.result["outcome"] = self.recover()
        return self.result

    def mark(self, name: str) -> None:
        """Record in the result and the journal that a point of the switch is reached."""
        self.marks[name] = round((time.monotonic() - self.began) * 1000, 2)
        os.write(self.journal, f"{name} {self.marks[name]}\n".encode())

    def statement(self, template: str, **parts: sql.Composable) -> sql.Composed:
        """Return a statement of this module with the names and values of this switch."""
        return sql.SQL(template).format(
            schema=sql.Identifier(self.transfer.schema),
            subscription=sql.Identifier(self.transfer.subscription),
            switch=sql.Literal(self.switch_id),
            side=sql.Literal(self.transfer.side),
            **parts,
        )

    # --- before the fence: clients can write -----------------------------------------------------

    def connect(self) -> None:
        self.connections = Connections(self.transfer)

    def require_ready(self) -> None:
        """Raise Refused if a precondition of database or name does not hold."""
        if self.transfer.database:
            readiness.require_ready(
                self.connections.local, self.connections.peer, self.transfer, self.switch_id
            )
        if self.connections.names and self.connections.names.address != self.transfer.peer_address:
            raise Refused("name_elsewhere", address=self.connections.names.address)

    def copy_folders(self) -> None:
        """Copy all files that can be copied before the fence, in place of the pull service."""
        self.pull_is_stopped = True
        file_services.stop_pull(self.transfer)
        for number, folder in enumerate(self.transfer.folders):
            copy = FolderCopy(self.connections.files, number, self.transfer.fenced_path(folder))
            copy.first_pass()
            for _ in range(MOST_PASSES):
                if copy.next_pass() <= FEW_ENTRIES:
                    break
            self.copies.append(copy)
            self.watched.append(WatchedFolder(copy.folder))
            self.watched[-1].changes()

    # --- the pause: no side accepts writes -------------------------------------------------------

    def fence(self) -> None:
        """Deny new logins of writers on the peer. Its folders are fenced in `copy_last_files`."""
        self.began, self.result["fence_at"], self.is_fenced = time.monotonic(), time.time(), True
        self.mark("begun")
        if self.transfer.database:
            self.connections.peer.execute(self.statement(FENCE))
            self.mark("logins_denied")

    def drain_sessions(self) -> None:
        """Terminate the writers' sessions on the peer and wait until none is left. Raises Refused."""
        if self.transfer.database:
            terminate_writers = self.statement(database.TERMINATE_WRITERS)
            end = time.monotonic() + SECONDS_TO_END_WRITERS
            while only_value(self.connections.peer, terminate_writers):
                if time.monotonic() > end:
                    raise Refused("sessions_remain")
                time.sleep(SECONDS_BETWEEN_READS)
        self.mark("fenced")

    def catch_up(self) -> None:
        """Receive the last files and the last rows at the same time."""
        files = threading.Thread(target=self.copy_last_files, daemon=True)
        files.start()
        if self.transfer.database:
            self.receive_last_rows()
        self.result["sequences"] = len(self.sequences)
        while files.is_alive():
            self.require_time()
            files.join(0.02)
        if self.files_error:
            raise self.files_error
        self.mark("files")

    def receive_last_rows(self) -> None:
        """Wait until a row written after the last writer's has arrived, then keep a snapshot of this side.

        The peer needs no snapshot: nobody can write there until the proof was read and reverse replication
        begins.
        """
        self.connections.peer.execute(self.statement(WRITE_MARKER))
        self.sequences = self.connections.peer.execute(SEQUENCES).fetchall()
        find_marker = self.statement(FIND_MARKER)
        while not self.connections.local.execute(find_marker).fetchone():
            self.require_time()
            time.sleep(SECONDS_BETWEEN_READS)
        self.mark("caught_up")
        self.result["snapshot"] = last_value(self.connections.snapshot, EXPORT_SNAPSHOT)

    def copy_last_files(self) -> None:
        """Fence the peer's folders and copy their last changes."""
        try:
            files = sum(copy.fence_and_pass() for copy in self.copies)
            # With a database, a file counts only once its row is committed, and no row is committed any more.
            # Without one, every process that can still write to a folder must end first.
            if not self.transfer.database:
                for copy in self.copies:
                    wait_for_writers(copy)
                files += sum(copy.next_pass() for copy in self.copies)
            self.result["last_files"] = files
            self.result["folders_fenced_at"] = [copy.fenced_at_ns for copy in self.copies]
        except BaseException as error:  # noqa: BLE001 - `catch_up` raises it again in its own thread.
            self.files_error = error

    def require_time(self) -> None:
        """Raise Refused if the pause exceeds its budget."""
        if time.monotonic() - self.began > self.transfer.budget_ms / 1000:
            raise Refused("over_budget", budget_ms=self.transfer.budget_ms)

    def open(self) -> None:
        """Open this side to writers; the database in one transaction.

        The row `open` records the WAL position from which this side's slot will send: earlier writes on this
        side, such as those of replication, are never sent back.
        """
        self.require_time()
        self.is_opening = True
        for watched in self.watched:
            watched.changes()  # Files that are missing at a later call were deleted by clients.
        file_services.open_folders(self.transfer)
        self.result["folders_opened_at"] = [
            self.transfer.live_path(folder).stat().st_ctime_ns for folder in self.transfer.folders
        ]
        if self.transfer.database:
            statement = self.statement(OPEN, set_sequences=set_sequences(self.sequences))
            self.connections.local.execute(statement)
        self.result["opened_at"] = time.time()
        self.mark("opened")

    # --- this side serves ------------------------------------------------------------------------

    def point_name_here(self) -> None:
        """Point the name to this side. A failure is only reported, because this side serves already."""
        if self.connections.names:
            try:
                self.connections.names.point_here()
                self.mark("named")
            except (OSError, Refused) as error:
                self.result["reason"] = reason_of(error)
        self.result["named"] = "named" in self.marks or not self.connections.names

    def hold_snapshot(self, released: Path, longest_seconds: float) -> None:
        """Keep the snapshot and record deletions by clients, until the file `released` exists."""
        if self.result["outcome"] != "switched":
            return
        self.connections.close_all_but_snapshot()
        for watched, folder in zip(self.watched, self.transfer.folders, strict=True):
            watched.renamed(self.transfer.live_path(folder))
        deletions: dict[str, list[str]] = {folder.path: [] for folder in self.transfer.folders}
        end, next_check = time.monotonic() + longest_seconds, 0.0
        while released.parent.exists() and not released.exists() and time.monotonic() < end:
            if (began := time.monotonic()) >= next_check:
                self.record_deletions(deletions)
                next_check = began + 10 * (time.monotonic() - began)
            time.sleep(0.1)

    def record_deletions(self, deletions: dict[str, list[str]]) -> None:
        """Add the files that clients have deleted since the last call, for the equality proof."""
        for watched, path in zip(self.watched, deletions, strict=True):
            if not Path(watched.folder).exists():
                continue  # A rollback has fenced the folder.
            removed = [printable(entry) for entry in watched.changes().removed if not entry.endswith("/")]
            if removed:
                deletions[path].extend(removed)
                write_json(
                    self.transfer.state_folder / "switch-deletions.json",
                    {"switch": self.switch_id, "deletions": deletions},
                )

    # --- after a failure -------------------------------------------------------------------------

    def recover(self) -> str:
        """Lift the fence and return the outcome: switched if this side has been opened after all.

        Returns unknown if that cannot be found out, or the fence not be lifted, in time.
        """
        end = time.monotonic() + SECONDS_TO_RECOVER
        while self.is_fenced:
            with contextlib.suppress(psycopg.Error, OSError, FileServerError):
                if self.is_opening and switch_connections.is_open(self.transfer, self.connections):
                    self.result.setdefault("opened_at", time.time())
                    return "switched"
                file_services.fence_folders(self.transfer)
                switch_connections.reopen_peer(self.transfer, self.connections)
                self.is_fenced = False
            if time.monotonic() > end:
                return "unknown"
            time.sleep(0.05)
        if self.pull_is_stopped:
            with contextlib.suppress(OSError):
                file_services.start_pull(self.transfer)
        return "reverted" if "begun" in self.marks else "refused"


def wait_for_writers(copy: FolderCopy) -> None:
    """Wait until no process of the peer can write to its fenced folder any more. Raises Refused."""
    end = time.monotonic() + SECONDS_TO_END_WRITERS
    writers, _ = copy.peer_writers()
    while writers:
        if time.monotonic() > end:
            raise Refused("folder_in_use", processes=", ".join(writers))
        time.sleep(SECONDS_BETWEEN_READS)
        writers, copy.fenced_at_ns = copy.peer_writers()


def set_sequences(sequences: Sequences) -> sql.Composable:
    """Return one statement that sets all sequences, or nothing if there are none."""
    if not sequences:
        return sql.SQL("")
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(sql.Literal(name), sql.Literal(value)) for name, value in sequences
    )
    return sql.SQL("SELECT setval(name::regclass, value) FROM (VALUES {}) AS given (name, value); ").format(
        rows
    )


def reason_of(error: BaseException) -> dict[str, Any]:
    """Return the refusal, or the error as a finding."""
    if isinstance(error, Refused):
        return error.as_dict()
    return {"code": "broke_off", "facts": {"error": f"{type(error).__name__}: {str(error).strip()[-500:]}"}}
