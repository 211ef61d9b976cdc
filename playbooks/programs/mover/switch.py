"""The switch: fence the serving side, transfer the last writes, open this side, point the name here.

It runs on the side that takes over, in a separate process, so it finishes even if its caller dies. Every
connection is opened before the fence. The database of this side opens in one transaction. If the process
dies, reading both sides therefore tells whether this side is open; if neither is, the other side must be
reopened.

Each mark is written to switch.journal when it is reached, the result to switch.json. The process then
keeps a snapshot of this side at the moment of the fence, for the proof, until it is released.
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
from place import write_json
from switch_steps import Switch

LONGEST_HOLD = 1800.0
SECONDS_TO_END = 900.0
MOMENTS_MS = 300
"""How long both sides may be fenced before `begin` returns; returning earlier would slow the switch down."""


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the side that takes over, transfer, step: begin or end}.

    Return the content of switch.json; see `Switch.run`. If both sides stay fenced for longer than MOMENTS_MS,
    `begin` returns only {fenced_for_ms}, and `end` returns the content.
    """
    transfer = transfers.read(order)
    transfer.secrets()
    result, journal = transfer.folder / "switch.json", transfer.folder / "switch.journal"
    if order["step"] == "end":
        return ended(transfer, result, journal)
    for leftover in (
        result,
        journal,
        transfer.folder / "switch.release",
        transfer.folder / "switch-gone.json",
    ):
        leftover.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        run_detached(transfer, result, journal)
    while not result.exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            break
        if (closed := fenced_for_ms(journal)) > MOMENTS_MS and not result.exists():
            return {"changed": True, "fenced_for_ms": round(closed)}
        time.sleep(0.01)
    return outcome(result, journal)


def ended(transfer: transfers.Transfer, result: Path, journal: Path) -> dict[str, Any]:
    """Wait for the switch that an earlier call began, and return its outcome."""
    end = time.monotonic() + SECONDS_TO_END
    pid = int((transfer.folder / "switch.pid").read_text("ascii"))
    while not result.exists() and time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    return outcome(result, journal)


def outcome(result: Path, journal: Path) -> dict[str, Any]:
    """Return the recorded result. Without one the process died, and both sides must be inspected."""
    if result.exists():
        return {"changed": True, **json.loads(result.read_text("utf-8"))}
    reason = {"code": "switch_died", "facts": {}}
    return {"changed": True, "outcome": "unknown", "reason": reason, "marks": marks(journal)}


def fenced_for_ms(journal: Path) -> float:
    """Return for how long no side has accepted a write; 0 before the fence."""
    reached = marks(journal)
    if not reached:
        return 0.0
    return max(reached.values()) + (time.time() - journal.stat().st_mtime) * 1000


def marks(journal: Path) -> dict[str, float]:
    """Return the marks of the journal: name -> milliseconds."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    return {name: float(moment) for name, moment in (line.split() for line in lines)}


def run_detached(transfer: transfers.Transfer, result: Path, journal: Path) -> None:
    """Run the switch in a new session; never returns."""
    os.setsid()
    with (
        Path(os.devnull).open("rb") as nothing,
        (transfer.folder / "switch.log").open("ab", buffering=0) as log,
    ):
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    (transfer.folder / "switch.pid").write_text(str(os.getpid()), "ascii")
    running = (transfer.folder / "switch.lock").open("ab")
    fcntl.flock(running, fcntl.LOCK_EX)
    code = 0
    try:
        switch = Switch(transfer, random_texts.token_hex(8), journal)
        write_json(result, switch.run())
        running.close()
        switch.hold(transfer.folder / "switch.release", LONGEST_HOLD)
    except BaseException:  # noqa: BLE001 - after any error this process must not continue as the caller's.
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        os._exit(code)


def release(transfer: transfers.Transfer) -> None:
    """Let the process of the last switch end, and its snapshot with it."""
    if (transfer.folder / "switch.json").exists():
        (transfer.folder / "switch.release").touch()


def end(transfer: transfers.Transfer) -> None:
    """Kill a switch of this side that is still running, so it cannot open the side after an inspection.

    It may have been delayed beyond its budget, for example on a host that was suspended.
    """
    with (transfer.folder / "switch.lock").open("ab") as running:
        while True:
            try:
                fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(int((transfer.folder / "switch.pid").read_text("ascii")), signal.SIGKILL)
                time.sleep(0.01)
            else:
                return
