"""System calls of the sandbox: parent-death signals, adoption of orphans, killing a host's processes.

A process belongs to a host if its working directory is below the host's root, or its environment names that
root. Both tests are needed: nginx and PostgreSQL overwrite their environment, and daemons change their
working directory. Process groups are useless here, because every PostgreSQL backend leaves its group.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result: int, call: str) -> int:
    """Return the result of a system call. Raises OSError with the kernel's errno and the call's name."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def die_with_parent(signum: int, parent: int) -> None:
    """Request `signum` for the parent's death, and exit if the parent is already dead.

    The kernel watches the parent's forking thread, so the parent must fork from its main thread.
    """
    checked(LIBC.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(1)


def become_subreaper() -> None:
    """Become the parent of every orphan among the descendants, so that each is reaped and none is lost."""
    checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap() -> list[tuple[int, int]]:
    """Reap the ended children, adopted ones included. Returns (pid, exit code; negative for a signal)."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((child[0], os.waitstatus_to_exitcode(child[1])))
    return ended


def processes_of(root: str) -> list[int]:
    """Return the process ids of the hosts below `root`, without this process."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and belongs(pid, root)]


def belongs(pid: int, root: str) -> bool:
    """Return True if the working directory or HOST_ROOT of the process is below `root`."""
    with contextlib.suppress(OSError):
        if is_below(str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)"), root):
            return True
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if line.startswith(b"HOST_ROOT="):
                return is_below(os.fsdecode(line[len(b"HOST_ROOT=") :]), root)
    return False


def is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def sweep(root: str, seconds: float = 5.0) -> int:
    """Kill the processes of the hosts below `root`, repeatedly until none is left.

    Returns the number of kills. Raises TimeoutError if processes remain after `seconds`.
    """
    end, kills = time.monotonic() + seconds, 0
    while pids := processes_of(root):
        if time.monotonic() > end:
            raise TimeoutError(f"processes {pids} of {root} did not end")
        kills += sum(kill_if_member(pid, root) for pid in pids)
        time.sleep(0.005)
    return kills


def kill_if_member(pid: int, root: str) -> bool:
    """Kill the process unless its id has been reused by a process outside of the hosts."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not belongs(pid, root):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def write_durably(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file atomically and durably: after return, a crash does not lose the new text."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make created, renamed and removed entries of the folder survive a crash."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    write_durably(path, json.dumps(value, ensure_ascii=False, sort_keys=True))
