"""Run a switch: a cutover or a rollback, on the side that takes over.

The steps (`switch_steps.py`) run in a separate process, so they finish even if the caller dies. All
connections are opened before the fence, and this side's database is opened in one transaction. If the process
dies, reading both sides therefore shows whether this side is open; if neither is, the peer must be reopened.

Files in the state folder: switch.journal gets one line per mark when it is reached; switch.json is the
result. After a success the process keeps a snapshot of this side at the fence moment for the equality proof,
until switch.release exists.
"""

import fcntl
import json
import os
import secrets as random_texts
import signal
import sys
import time
from pathlib import Path
from typing import Any

import transfer as transfers
from host_files import write_json
from switch_steps import Switch
from transfer import Transfer

LONGEST_SNAPSHOT_SECONDS = 1800.0
SECONDS_TO_FINISH = 900.0
LONGEST_SILENCE_MS = 300
"""If no side accepts writes for longer, `begin` reports it; reporting earlier would slow the switch down."""


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the side that takes over, transfer, step: begin or wait}.

    `begin` starts the switch and returns the content of switch.json, see `Switch.run`. If both sides stay
    fenced for longer than LONGEST_SILENCE_MS, it returns only {fenced_for_ms}; then `wait` returns the
    content.
    """
    transfer = transfers.read(order)
    transfer.secrets()  # Raises Refused before preparation.
    return {"begin": begin, "wait": wait}[order["step"]](transfer)


def begin(transfer: Transfer) -> dict[str, Any]:
    """Start the switch in its own process, and wait for its result or for a long fence."""
    result, journal = result_path(transfer), journal_path(transfer)
    for name in ("switch.json", "switch.journal", "switch.release", "switch-deletions.json"):
        (transfer.state_folder / name).unlink(missing_ok=True)
    child = os.fork()
    if not child:
        run_detached(transfer)
    while not result.exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            break
        if (fenced_ms := fenced_for_ms(journal)) > LONGEST_SILENCE_MS and not result.exists():
            return {"changed": True, "fenced_for_ms": round(fenced_ms)}
        time.sleep(0.01)
    return outcome(transfer)


def wait(transfer: Transfer) -> dict[str, Any]:
    """Wait for the switch that an earlier call has started, and return its outcome."""
    end = time.monotonic() + SECONDS_TO_FINISH
    while not result_path(transfer).exists() and time.monotonic() < end:
        try:
            os.kill(running_pid(transfer), 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    return outcome(transfer)


def outcome(transfer: Transfer) -> dict[str, Any]:
    """Return the recorded result. Without one the process has died, and both sides must be inspected."""
    result = result_path(transfer)
    if result.exists():
        return {"changed": True, **json.loads(result.read_text("utf-8"))}
    reason = {"code": "switch_died", "facts": {}}
    return {"changed": True, "outcome": "unknown", "reason": reason, "marks": marks(journal_path(transfer))}


def fenced_for_ms(journal: Path) -> float:
    """Return for how long no side has accepted a write; 0 before the fence."""
    reached = marks(journal)
    if not reached:
        return 0.0
    return max(reached.values()) + (time.time() - journal.stat().st_mtime) * 1000


def marks(journal: Path) -> dict[str, float]:
    """Return the marks of the journal: name -> milliseconds since the fence began."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    return {name: float(moment) for name, moment in (line.split() for line in lines)}


def run_detached(transfer: Transfer) -> None:
    """Run the switch in this forked process, in a session of its own; never returns."""
    os.setsid()
    with (
        Path(os.devnull).open("rb") as nothing,
        (transfer.state_folder / "switch.log").open("ab", buffering=0) as log,
    ):
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    (transfer.state_folder / "switch.pid").write_text(str(os.getpid()), "ascii")
    lock = (transfer.state_folder / "switch.lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    code = 0
    try:
        switch = Switch(transfer, random_texts.token_hex(8), journal_path(transfer))
        write_json(result_path(transfer), switch.run())
        lock.close()
        switch.hold_snapshot(transfer.state_folder / "switch.release", LONGEST_SNAPSHOT_SECONDS)
    except BaseException:  # noqa: BLE001 - after any error this process must not continue as the caller's.
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        os._exit(code)


def release_snapshot(transfer: Transfer) -> None:
    """Let the process of the last switch end, and with it the snapshot."""
    if result_path(transfer).exists():
        (transfer.state_folder / "switch.release").touch()


def kill_running(transfer: Transfer) -> None:
    """Kill a switch of this side that is still running, so that it cannot open the side after an inspection.

    It may have been delayed beyond its budget, for example on a suspended host.
    """
    with (transfer.state_folder / "switch.lock").open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(running_pid(transfer), signal.SIGKILL)
                time.sleep(0.01)
            else:
                return


def running_pid(transfer: Transfer) -> int:
    return int((transfer.state_folder / "switch.pid").read_text("ascii"))


def result_path(transfer: Transfer) -> Path:
    return transfer.state_folder / "switch.json"


def journal_path(transfer: Transfer) -> Path:
    return transfer.state_folder / "switch.journal"
