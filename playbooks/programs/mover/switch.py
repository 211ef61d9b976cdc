"""The cutover: writes stop on the side that serves, the rest comes over, this side opens, the name follows.

It runs on the side that takes over, in a process of its own: whoever started it may die without leaving it
half way. Every connection is open before the fence. The database of this side changes in one transaction
(opened), so whoever finds the process dead reads both sides and knows: open here, or open nowhere and to be
opened there again.

Marks are written to switch.journal as they are reached; the result goes to switch.json. The process then
keeps a snapshot of this side at the fence moment, for the proof, until it is released.
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
"""So long both sides may be closed before it is told: whoever is told sooner would slow the cutover down."""


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the one that takes over, transfer, step: begin or end}.

    The answer is what switch.json holds; see `Switch.run`. Where both sides stay closed for longer,
    `begin` answers {fenced_for_ms} alone, and `end` has the rest.
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
        live_alone(transfer, result, journal)
    while not result.exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            break
        if (closed := fenced_for_ms(journal)) > MOMENTS_MS and not result.exists():
            return {"changed": True, "fenced_for_ms": round(closed)}
        time.sleep(0.01)
    return told(result, journal)


def ended(transfer: transfers.Transfer, result: Path, journal: Path) -> dict[str, Any]:
    """What has become of a cutover that was begun by an earlier call."""
    end = time.monotonic() + SECONDS_TO_END
    pid = int((transfer.folder / "switch.pid").read_text("ascii"))
    while not result.exists() and time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    return told(result, journal)


def told(result: Path, journal: Path) -> dict[str, Any]:
    """What the cutover has written down; one that died before it could leaves both sides to be read."""
    if result.exists():
        return {"changed": True, **json.loads(result.read_text("utf-8"))}
    reason = {"code": "switch_died", "facts": {}}
    return {"changed": True, "outcome": "unknown", "reason": reason, "marks": marks(journal)}


def fenced_for_ms(journal: Path) -> float:
    """How long no side has accepted a write so far; 0 before the fence has begun."""
    reached = marks(journal)
    if not reached:
        return 0.0
    return max(reached.values()) + (time.time() - journal.stat().st_mtime) * 1000


def marks(journal: Path) -> dict[str, float]:
    """How far a cutover came, from what it wrote on the way: mark -> milliseconds."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    return {name: float(moment) for name, moment in (line.split() for line in lines)}


def live_alone(transfer: transfers.Transfer, result: Path, journal: Path) -> None:
    """Be the cutover, in a session of its own, and never return."""
    os.setsid()
    with (
        Path(os.devnull).open("rb") as nothing,
        (transfer.folder / "switch.log").open("ab", buffering=0) as log,
    ):
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    (transfer.folder / "switch.pid").write_text(str(os.getpid()), "ascii")
    at_work = (transfer.folder / "switch.lock").open("ab")
    fcntl.flock(at_work, fcntl.LOCK_EX)
    code = 0
    try:
        switch = Switch(transfer, random_texts.token_hex(8), journal)
        write_json(result, switch.run())
        at_work.close()
        switch.hold(transfer.folder / "switch.release", LONGEST_HOLD)
    except BaseException:  # noqa: BLE001 - whatever it was, this process must not go on as the caller's.
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        os._exit(code)


def release(transfer: transfers.Transfer) -> None:
    """Let the process of the last cutover end, and with it the snapshot."""
    if (transfer.folder / "switch.json").exists():
        (transfer.folder / "switch.release").touch()


def end(transfer: transfers.Transfer) -> None:
    """Kill a cutover of this side that has not come to its end: it must not open after others have decided.

    It may have been held up for longer than its budget: a process that was stopped, a host that slept.
    """
    with (transfer.folder / "switch.lock").open("ab") as at_work:
        while True:
            try:
                fcntl.flock(at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(int((transfer.folder / "switch.pid").read_text("ascii")), signal.SIGKILL)
                time.sleep(0.01)
            else:
                return
