"""The process that plays one playbook with ansible-runner; prints events, one JSON object per line.

Only `AnsibleRunnerEngine` runs it, as `python -m orchestrator.adapters.ansible_play`. ansible-playbook and
each of its workers have their own sessions, so this process adopts their orphans. SIGINT ends all of them.
"""

import argparse
import ctypes
import functools
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

import ansible_runner

_PR_SET_CHILD_SUBREAPER: Final = 36
_SECONDS_TO_END: Final = 5.0
_INTERRUPTED: Final = 130


def main() -> int:
    """Play the playbook. The exit code is ansible-playbook's: 0 success, 2 failed, 4 unreachable."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with env/extravars, for artifacts")
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--playbook", required=True)
    parser.add_argument("--keep-open", type=int, action="append", default=[])
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, _end_everything)
    _keep_open(tuple(arguments.keep_open))
    runner = ansible_runner.run(
        private_data_dir=str(arguments.work),
        project_dir=str(arguments.project),
        inventory=str(arguments.inventory),
        playbook=arguments.playbook,
        ident="play",
        quiet=True,
        event_handler=_print,
        cancel_callback=lambda: False,
    )
    return int(runner.rc)


def _keep_open(descriptors: tuple[int, ...]) -> None:
    """Let ansible-playbook inherit the descriptors. By default pexpect closes all but the first three."""
    terminal = ansible_runner.runner.pexpect.spawn
    terminal._spawnpty = functools.partialmethod(terminal._spawnpty, pass_fds=descriptors)  # noqa: SLF001


def _print(event: dict[str, Any]) -> bool:
    """Print the event for the engine. Returning True also keeps it in ansible-runner's artifacts."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
    return True


def _end_everything(_signal: int, _frame: FrameType | None) -> None:
    """Kill every descendant, also in other sessions, and exit."""
    end = time.monotonic() + _SECONDS_TO_END
    while (pids := _descendants(os.getpid())) and time.monotonic() < end:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    os._exit(_INTERRUPTED)


def _descendants(ancestor: int) -> list[int]:
    """Return the living descendants of `ancestor`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _living_parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    descendants = list(children.get(ancestor, []))
    for pid in descendants:  # The list grows during the iteration: children first, then grandchildren.
        descendants += children.get(pid, [])
    return descendants


def _living_parent(entry: Path) -> int | None:
    try:
        state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)


if __name__ == "__main__":
    sys.exit(main())
