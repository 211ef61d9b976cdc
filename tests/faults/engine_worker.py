"""A worker process for fault tests: its handlers tell what they do in a file, a line each.

Arguments: the database's address, the file, seconds of silence after which a worker counts as dead.
"""

import logging
import os
import sys
import time
from pathlib import Path

from orchestrator.adapters.terraform import TerraformProcesses, find_terraform
from orchestrator.core import jobs
from orchestrator.core.jobs import JobContext, Pace
from orchestrator.core.lease import WorkspaceLease, workspace_lease
from orchestrator.runs.engine import EngineRun
from orchestrator.settings import Settings

URL, RECORDS, STALLED = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])


def tell(word: str) -> None:
    with RECORDS.open("a") as file:
        file.write(f"{word} {os.getpid()} {time.time()}\n")


def take_time(context: JobContext, *, seconds: float) -> None:
    """Work for so long, or until asked to stop."""
    tell(f"enter-{context.attempt}")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (why := context.abort_reason()) is not None:
            tell(why.replace(" ", "-"))
            return
        time.sleep(0.05)
    tell("leave")


def hold_lease(context: JobContext, *, seconds: float) -> None:
    """Work for so long inside the lease; a later attempt has less to do."""
    with workspace_lease(URL, "ws-1"):
        tell(f"enter-{context.attempt}")
        until = time.time() + (seconds if context.attempt == 1 else 0.5)
        while time.time() < until:
            time.sleep(0.05)
        tell("leave")


def watch_lease(context: JobContext, *, seconds: float) -> None:
    """Work for so long inside the lease and tell whether it held."""
    with workspace_lease(URL, "ws-1") as lease:
        tell(f"enter-{context.attempt}")
        until = time.monotonic() + seconds
        while time.monotonic() < until and lease.is_alive():
            time.sleep(0.05)
        tell("held" if lease.is_alive() else "lost")


def apply(context: JobContext, *, folder: str) -> None:
    """Plan and apply the folder inside the lease; a later attempt only says that it came in."""
    with workspace_lease(URL, "ws-1") as lease:
        tell(f"enter-{context.attempt}")
        if context.attempt == 1:
            _apply(Path(folder), lease)
        tell("leave")


def _apply(folder: Path, lease: WorkspaceLease) -> None:
    terraform = TerraformProcesses(find_terraform(Settings()))
    run = EngineRun("run", {}, lambda _line: None, lambda: None, keep_open=(lease.fileno(),))
    terraform.init(folder, run)
    terraform.plan(folder, run)
    terraform.apply(folder, run)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    jobs.run_worker(
        URL,
        {"take_time": take_time, "hold_lease": hold_lease, "watch_lease": watch_lease, "apply": apply},
        jobs.Share(
            ["extranet", jobs.MAINTENANCE], 2, Pace(poll=0.2, beat=0.5, stalled=STALLED, busy_retry=0.5)
        ),
    )
