"""Isolation of a host in user, mount, pid and ipc namespaces, without privileges, where the kernel allows it.

Inside, only the host's root folder is writable, the folders of `hide` are empty except for that root, other
processes are invisible, and the end of the host's init ends all its processes. Run this file as a program to
test whether the kernel allows it (see `main`).
"""

import argparse
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `python -I` leaves a program's own folder out.

from kernel import LIBC, PR_SET_PDEATHSIG, checked, die_with_parent

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWIPC = 0x20000, 0x10000000, 0x20000000, 0x8000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
SECONDS_TO_STOP = 10


class MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns_fd")]


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    kind_bytes = kind.encode() if kind else None
    result = LIBC.mount(os.fsencode(source), os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), None)
    checked(result, f"mount {target}")


def set_mount(path: str, attributes: MountAttributes, flags: int = 0) -> None:
    arguments = (
        AT_FDCWD,
        os.fsencode(path),
        flags,
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    checked(LIBC.syscall(SYS_MOUNT_SETATTR, *arguments), f"mount_setattr {path}")


def enter(root: str, hide: Sequence[str]) -> None:
    """Enter new namespaces in which `root` is the only writable folder; returns in a child, as process 1.

    The calling process does not return. It stays outside as a relay that forwards signals and the exit code,
    so that its parent watches one process. Raises OSError if the kernel refuses.
    """
    user, group = os.getuid(), os.getgid()
    checked(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC), "unshare")
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    # The user id stays the same, because PostgreSQL refuses to start as a mapped root.
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
    arrange_mounts(root, hide)
    if child := os.fork():
        relay(child)
    checked(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(root)


def arrange_mounts(root: str, hide: Sequence[str]) -> None:
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    # The descriptor reaches the folder after its path is hidden. It must be opened in the new namespace.
    root_descriptor = os.open(root, os.O_PATH)
    for folder in sorted(hide):
        if Path(folder).is_dir():
            mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV)
    Path(root).mkdir(parents=True, exist_ok=True)
    mount(f"/proc/self/fd/{root_descriptor}", root, None, MS_BIND)
    os.close(root_descriptor)
    set_mount("/", MountAttributes(set=MOUNT_ATTR_RDONLY), AT_RECURSIVE)
    set_mount(root, MountAttributes(clear=MOUNT_ATTR_RDONLY))


def relay(child: int) -> NoReturn:
    """Forward stop signals to the host's init, wait for it, and exit with its exit code."""

    def forward(signum: int, _frame: FrameType | None) -> None:
        os.kill(child, signum)
        signal.alarm(SECONDS_TO_STOP)

    def give_up(_signum: int, _frame: FrameType | None) -> None:
        os._exit(1)  # The kernel kills the init when this process ends.

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(signum, forward)
    signal.signal(signal.SIGALRM, give_up)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def main() -> None:
    """Enter namespaces as a test. Exit code 0 means that hosts can use them; otherwise print the reason."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument("--hide", action="append", default=[])
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent(signal.SIGTERM, arguments.parent)
    try:
        enter(arguments.root, arguments.hide)
        Path(arguments.root, "probe").write_text("writable", "ascii")
        subprocess.run(
            [sys.executable, "-I", "-B", __file__, "--help"], check=True, stdout=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
