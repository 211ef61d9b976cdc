"""Processes that can still write to a folder after it was renamed, because they do not need its path.

These are processes that have a file of the folder open for writing or mapped writable, and processes that
have the folder or a subfolder open or as working directory, because they can create files there. Processes
that are invisible to this account are not found.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PROCESSES = Path("/proc")


def writers(folder: Path) -> list[str]:
    """Return name and process id of each such process, without this one."""
    inside = f"{folder.resolve()}/"
    names = []
    for process in PROCESSES.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        # It may end at any time, or belong to another account.
        with contextlib.suppress(OSError):
            if any(f"{path}/".startswith(inside) for path in open_for_writing(process)):
                names.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return sorted(names)


def open_for_writing(process: Path) -> Iterator[str]:
    """Yield the paths of the files and folders that a process has open for writing."""
    yield str((process / "cwd").readlink())
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            if may_write(process, descriptor):
                yield str(descriptor.readlink())
    for line in (process / "maps").read_text("utf-8", "replace").splitlines():
        if " rw-s " in line or " rwxs " in line:
            yield line[line.find("/") :]


def may_write(process: Path, descriptor: Path) -> bool:
    """Return True for an open folder, or a file open for writing."""
    if stat.S_ISDIR(descriptor.stat().st_mode):
        return True
    info = (process / "fdinfo" / descriptor.name).read_text("ascii")
    flags = next(line.split()[1] for line in info.splitlines() if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
