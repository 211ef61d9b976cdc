"""Who can still write in a folder that was renamed away: a path is not needed by whoever holds it open.

That is a process with a file of the folder open for writing or mapped to be written, and one that stands in
the folder or holds one of its folders open, because it may make files there. What the account may not see is
not seen.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PROCESSES = Path("/proc")


def writers(folder: Path) -> list[str]:
    """Names and numbers of these processes, without this one."""
    inside = f"{folder.resolve()}/"
    found = []
    for process in PROCESSES.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        # It may end while it is looked at, or belong to somebody else.
        with contextlib.suppress(OSError):
            if any(f"{path}/".startswith(inside) for path in held(process)):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return sorted(found)


def held(process: Path) -> Iterator[str]:
    """Paths by which a process can write without looking a path up again."""
    yield str((process / "cwd").readlink())
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            if may_write(process, descriptor):
                yield str(descriptor.readlink())
    for line in (process / "maps").read_text("utf-8", "replace").splitlines():
        if " rw-s " in line or " rwxs " in line:
            yield line[line.find("/") :]


def may_write(process: Path, descriptor: Path) -> bool:
    """Whether it is a folder, or a file that was opened for writing."""
    if stat.S_ISDIR(descriptor.stat().st_mode):
        return True
    said = (process / "fdinfo" / descriptor.name).read_text("ascii")
    flags = next(line.split()[1] for line in said.splitlines() if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
