"""The steps of one switch, in order. switch.py runs them."""

import contextlib
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import file_offer
import psycopg
import readiness
import switch_connections
from file_pull import Copy, FilesAway
from file_tree import Tree
from place import printable, write_json
from psycopg import sql
from refusal import Refused
from transfer import Transfer

FEW_FILES, MOST_PASSES = 5, 10
SECONDS_TO_END_SESSIONS, SECONDS_TO_RECOVER = 5.0, 30.0
TICK = 0.0005
# Rows are numbered, because the clocks of two hosts cannot order them.
NEXT_TURN = (
    "INSERT INTO {schema}.switches (id, kind, side, turn)"
    " SELECT {switch}, {kind}, {side}, coalesce(max(turn), 0) + 1 FROM {schema}.switches; "
)
FENCE = NEXT_TURN.replace("{kind}", "'fence'") + "SELECT {schema}.let_in(false)"
END_SESSIONS = "SELECT {schema}.end_sessions()"
MARKER = "INSERT INTO {schema}.switches (id, kind, side) VALUES ({switch}, 'marker', {side})"
ARRIVED = "SELECT 1 FROM {schema}.switches WHERE id = {switch} AND kind = 'marker'"
SEQUENCES = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value FROM pg_sequences"
    " WHERE last_value IS NOT NULL"
)
OPEN = (
    "ALTER SUBSCRIPTION {incoming} DISABLE; {sequences}"
    + NEXT_TURN.replace("{kind}", "'open'")
    + "SELECT {schema}.let_in(true)"
)
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()"


class Switch:
    """One attempt. `run` never raises: it returns the outcome."""

    def __init__(self, transfer: Transfer, number: str, journal: Path) -> None:
        self.transfer, self.number = transfer, number
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.began = time.monotonic()
        self.marks: dict[str, float] = {}
        self.result: dict[str, Any] = {"switch": number, "to": transfer.side, "marks": self.marks}
        self.fenced = self.opening = self.stopped_pull = False
        self.copies: list[Copy] = []
        self.trees: list[Tree] = []
        self.trouble: BaseException | None = None

    def run(self) -> dict[str, Any]:
        """Switch, and return the outcome.

        `outcome` is switched (this side serves), refused (nothing was touched), reverted (the fence was
        lifted again), or unknown (inspect both sides); all but the first have a `reason`.
        `marks` are milliseconds since the fence began; `fence_at` (its begin) and
        `opened_at` are seconds since 1970.
        """
        try:
            self.prepare()
            self.fence()
            self.catch_up()
            self.open()
            self.take_name()
            self.result["outcome"] = "switched"
        except BaseException as error:  # noqa: BLE001 - the fence must be lifted, whatever went wrong.
            traceback.print_exc()
            self.result["reason"] = reason_of(error)
            self.result["outcome"] = self.recover()
        return self.result

    def mark(self, name: str) -> None:
        self.marks[name] = round((time.monotonic() - self.began) * 1000, 2)
        os.write(self.journal, f"{name} {self.marks[name]}\n".encode())

    def text(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        names = {
            "schema": sql.Identifier(self.transfer.schema),
            "incoming": sql.Identifier(self.transfer.incoming),
        }
        values = {"switch": sql.Literal(self.number), "side": sql.Literal(self.transfer.side)}
        return sql.SQL(statement).format(
            **{**names, **values, "slot": sql.Literal(self.transfer.outgoing), **parts}
        )

    # --- before the fence ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Open every connection, check that all is ready, and transfer early everything possible."""
        self.connections = switch_connections.Connections(self.transfer)
        if self.transfer.database:
            readiness.require(self.connections.here, self.connections.there, self.transfer, self.number)
        if self.connections.names and self.connections.names.address != self.transfer.other_address:
            raise Refused("name_elsewhere", address=self.connections.names.address)
        self.stopped_pull = True
        file_offer.stop_pull(self.transfer)
        for number, folder in enumerate(self.transfer.folders):
            copy = Copy(self.connections.offer, number, self.transfer.closed(folder))
            copy.first_pass()
            for _ in range(MOST_PASSES):
                if copy.next_pass() <= FEW_FILES:
                    break
            self.copies.append(copy)
            self.trees.append(Tree(copy.place))
            self.trees[-1].look()

    # --- the pause -------------------------------------------------------------------------------

    def fence(self) -> None:
        """Fence the other side, and wait until no session of a writer is left there."""
        self.began, self.result["fence_at"], self.fenced = time.monotonic(), time.time(), True
        self.mark("begun")
        if self.transfer.database:
            self.connections.there.execute(self.text(FENCE))
            self.mark("shut")
            end = time.monotonic() + SECONDS_TO_END_SESSIONS
            while switch_connections.one(self.connections.there, self.text(END_SESSIONS)):
                if time.monotonic() > end:
                    raise Refused("sessions_remain")
                time.sleep(TICK)
        self.mark("fenced")

    def catch_up(self) -> None:
        """Transfer the last files and rows in parallel; then export a snapshot of this side for the proof.

        The other side needs no snapshot: it stays fenced until after the proof.
        """
        files = threading.Thread(target=self.last_files, daemon=True)
        files.start()
        sequences: list[tuple[Any, ...]] = []
        if self.transfer.database:
            self.connections.there.execute(self.text(MARKER))
            sequences = self.connections.there.execute(SEQUENCES).fetchall()
            while not self.connections.here.execute(self.text(ARRIVED)).fetchone():
                self.require_time()
                time.sleep(TICK)
            self.mark("caught_up")
            self.result["snapshot"] = switch_connections.last(self.connections.here_view, SNAPSHOT)
        self.result["sequences"] = len(sequences)
        self.sequences = sequences
        while files.is_alive():
            self.require_time()
            files.join(0.02)
        if self.trouble:
            raise self.trouble
        self.mark("files")

    def last_files(self) -> None:
        try:
            files = sum(copy.next_pass("shut") for copy in self.copies)
            shut = [copy.looked_at for copy in self.copies]
            # With a database, clients acknowledge only writes that are recorded in it. Without one, a process
            # that has a file open could still write after the rename.
            if not self.transfer.database:
                shut = [
                    self.wait_for_users(copy) or moment
                    for copy, moment in zip(self.copies, shut, strict=True)
                ]
                files += sum(copy.next_pass() for copy in self.copies)
            self.result["last_files"], self.result["folders_shut"] = files, shut
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits.
            self.trouble = error

    def wait_for_users(self, copy: Copy) -> int:
        """Wait until no process has the folder open; return that moment, or 0 if none had. Raises Refused."""
        end, waited = time.monotonic() + SECONDS_TO_END_SESSIONS, False
        while users := copy.users():
            if time.monotonic() > end:
                raise Refused("folder_in_use", processes=", ".join(users))
            waited = True
            time.sleep(TICK)
        return copy.looked_at if waited else 0

    def require_time(self) -> None:
        if time.monotonic() - self.began > self.transfer.budget_ms / 1000:
            raise Refused("over_budget", budget_ms=self.transfer.budget_ms)

    def open(self) -> None:
        """Open this side: it accepts writes from one commit on.

        The row of the opening stores the position in the WAL of this side at which replication to the other
        side begins, so that no earlier change is sent.
        """
        self.require_time()
        self.opening = True
        for tree in self.trees:
            tree.look()  # Entries that are missing at a later look were removed by clients.
        file_offer.give_to_application(self.transfer)
        self.result["folders_at"] = [
            self.transfer.live(folder).stat().st_ctime_ns for folder in self.transfer.folders
        ]
        if self.transfer.database:
            self.connections.here.execute(self.text(OPEN, sequences=set_sequences(self.sequences)))
        self.result["opened_at"] = time.time()
        self.mark("opened")

    def take_name(self) -> None:
        """Point the name to this side, which serves already; a failure is reported and corrected later."""
        if self.connections.names:
            try:
                self.connections.names.take()
                self.mark("named")
            except (OSError, Refused) as error:
                self.result["reason"] = reason_of(error)
        self.result["named"] = "named" in self.marks or not self.connections.names

    # --- after a failure -------------------------------------------------------------------------

    def recover(self) -> str:
        """Lift the fence, unless this side is open already or its state cannot be read."""
        end = time.monotonic() + SECONDS_TO_RECOVER
        while self.fenced:
            with contextlib.suppress(psycopg.Error, OSError, FilesAway):
                if self.opening and switch_connections.is_open(self.transfer, self.connections):
                    self.result.setdefault("opened_at", time.time())
                    return "switched"
                file_offer.shut(self.transfer)
                switch_connections.reopen_other(self.transfer, self.connections)
                self.fenced = False
            if time.monotonic() > end:
                return "unknown"
            time.sleep(0.05)
        if self.stopped_pull:
            with contextlib.suppress(OSError):
                file_offer.pull(self.transfer)
        return "reverted" if "begun" in self.marks else "refused"

    def hold(self, released: Path, longest: float) -> None:
        """Keep the snapshot of the fence moment, and record removals by clients, until it is released."""
        if self.result["outcome"] != "switched":
            return
        self.connections.close_all_but_snapshot()
        for tree, folder in zip(self.trees, self.transfer.folders, strict=True):
            tree.moved(self.transfer.live(folder))
        gone: dict[str, list[str]] = {folder.path: [] for folder in self.transfer.folders}
        end, due = time.monotonic() + longest, 0.0
        while released.parent.exists() and not released.exists() and time.monotonic() < end:
            if (began := time.monotonic()) >= due:
                self.record_removed_files(gone)
                due = began + 10 * (time.monotonic() - began)
            time.sleep(0.1)

    def record_removed_files(self, gone: dict[str, list[str]]) -> None:
        """Record for the proof the files that clients have removed since this side was opened."""
        for tree, folder in zip(self.trees, gone, strict=True):
            if not Path(tree.folder).exists():
                continue  # A rollback has taken the folder from the clients.
            if removed := [printable(path) for path in tree.look().removed if not path.endswith("/")]:
                gone[folder].extend(removed)
                write_json(self.transfer.folder / "switch-gone.json", {"switch": self.number, "gone": gone})


def set_sequences(sequences: list[tuple[Any, ...]]) -> sql.Composable:
    """Return one statement that sets every sequence; empty without sequences."""
    if not sequences:
        return sql.SQL("")
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(sql.Literal(name), sql.Literal(value)) for name, value in sequences
    )
    return sql.SQL("SELECT setval(name::regclass, value) FROM (VALUES {}) AS given (name, value); ").format(
        rows
    )


def reason_of(error: BaseException) -> dict[str, Any]:
    if isinstance(error, Refused):
        return error.as_dict()
    return {"code": "broke_off", "facts": {"error": f"{type(error).__name__}: {str(error).strip()[-500:]}"}}
