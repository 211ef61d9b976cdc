"""What the sandbox asks of the kernel: dying with a parent, adopting strays, ending a host's processes.

A process belongs to a host when its working directory lies under the host's root, or when its environment
names that root. Both tests are needed: nginx and PostgreSQL overwrite their environment, and strays change
their working directory. Process groups are no test at all, since every PostgreSQL backend leaves its group.
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


def checked(result: int, what: str) -> int:
    """The result of a system call, or OSError with the kernel's own number and the name of the call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def die_with_parent(signum: int, parent: int) -> None:
    """Ask for `signum` when the parent dies, and end at once when it is already dead.

    The kernel watches the parent's forking thread, so the parent must fork from its main thread.
    """
    checked(LIBC.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(1)


def become_subreaper() -> None:
    """Become the parent of every orphan among the descendants, so that none slips out of sight."""
    checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap() -> list[tuple[int, int]]:
    """Every child that has ended, adopted strangers included, as (pid, exit code; negative = signal)."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended


def processes_of(root: str) -> list[int]:
    """Pids of the living processes that belong to the host (or hosts) under `root`, but not this process."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and belongs(pid, root)]


def belongs(pid: int, root: str) -> bool:
    """True when the process works under `root` or says in its environment that it does."""
    with contextlib.suppress(OSError):
        if lies_under(str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)"), root):
            return True
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if line.startswith(b"HOST_ROOT="):
                return lies_under(os.fsdecode(line[len(b"HOST_ROOT=") :]), root)
    return False


def lies_under(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def sweep(root: str, seconds: float = 5.0) -> int:
    """Kill every process that belongs to the hosts under `root`, again and again until none is left.

    Returns how many kills that took. Raises TimeoutError when some are still there after `seconds`.
    """
    end, kills = time.monotonic() + seconds, 0
    while pids := processes_of(root):
        if time.monotonic() > end:
            raise TimeoutError(f"processes {pids} of {root} do not end")
        kills += sum(kill_surely(pid, root) for pid in pids)
        time.sleep(0.005)
    return kills


def kill_surely(pid: int, root: str) -> bool:
    """Kill the process behind `pid` unless the number has meanwhile gone to a process of somebody else."""
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


def write_surely(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file; after a crash it holds the old text or the new one, once we returned the new one."""
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
    """Make the creation, renaming and removal of the folder's entries survive a crash."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    write_surely(path, json.dumps(value, ensure_ascii=False, sort_keys=True))
