"""The cut: writes stop on the side that serves, the rest comes over, this side opens, the name follows.

It runs on the side that takes over, in a process of its own: whoever started it may die without leaving it
half way. Every connection is open before the fence. The database of this side changes in one transaction
(opened), so whoever finds the process dead reads both sides and knows: open here, or open nowhere and to be
opened there again.

Marks are written to cut.journal as they are reached; the result goes to cut.json. The process then keeps a
snapshot of this side at the fence moment, for the proof, until it is released.
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

import move as moves
from cut_steps import Cut
from place import write_json

LONGEST_HOLD = 1800.0
SECONDS_TO_RETURN = 900.0


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the one that takes over, move}. The answer is what cut.json holds; see `Cut.run`."""
    move = moves.read(order)
    move.secrets()
    result, journal = move.folder / "cut.json", move.folder / "cut.journal"
    for leftover in (result, journal, move.folder / "cut.release", move.folder / "cut-gone.json"):
        leftover.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        live_alone(move, result, journal)
    end = time.monotonic() + SECONDS_TO_RETURN
    while not result.exists() and time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0] and not result.exists():
            return {
                "outcome": "unsettled",
                "reason": {"code": "cut_died", "facts": {}},
                "marks": marks(journal),
            }
        time.sleep(0.01)
    return {"changed": True, **json.loads(result.read_text("utf-8"))}


def marks(journal: Path) -> dict[str, float]:
    """How far a cut came, from what it wrote on the way: mark -> milliseconds."""
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    return {name: float(moment) for name, moment in (line.split() for line in lines)}


def live_alone(move: moves.Move, result: Path, journal: Path) -> None:
    """Be the cut, in a session of its own, and never return."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing, (move.folder / "cut.log").open("ab", buffering=0) as log:
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    (move.folder / "cut.pid").write_text(str(os.getpid()), "ascii")
    at_work = (move.folder / "cut.lock").open("ab")
    fcntl.flock(at_work, fcntl.LOCK_EX)
    code = 0
    try:
        cut = Cut(move, random_texts.token_hex(8), journal)
        write_json(result, cut.run())
        at_work.close()
        cut.hold(move.folder / "cut.release", LONGEST_HOLD)
    except BaseException:  # noqa: BLE001 - whatever it was, this process must not go on as the caller's.
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        os._exit(code)


def release(move: moves.Move) -> None:
    """Let the process of the last cut end, and with it the snapshot."""
    if (move.folder / "cut.json").exists():
        (move.folder / "cut.release").touch()


def end(move: moves.Move) -> None:
    """Kill a cut of this side that has not come to its end: it must not open after others have decided.

    It may have been held up for longer than its budget: a process that was stopped, a host that slept.
    """
    with (move.folder / "cut.lock").open("ab") as at_work:
        while True:
            try:
                fcntl.flock(at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(int((move.folder / "cut.pid").read_text("ascii")), signal.SIGKILL)
                time.sleep(0.01)
            else:
                return
