"""Entries of a folder and their changes since the last scan, without a new scan of all files.

An entry is (size, mtime_ns, mode) by its path below the folder; the path of a subfolder ends with a slash.
After the first scan the kernel reports touched paths (inotify), so the cost depends on the changes only, not
on the number of files. If inotify is unavailable or its queue overflows, the whole folder is scanned.
"""

import contextlib
import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DRAFT = ".govcloud-draft"
"""Suffix of files that are being received; they are not entries."""
EVENT = struct.Struct("iIII")
IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
IN_CREATE, IN_DELETE, IN_OVERFLOW, IN_ISDIR = 0x100, 0x200, 0x4000, 0x40000000
TOUCHED = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
FOLDER_MISSING = {errno.ENOENT, errno.ENOTDIR}
LIBC = ctypes.CDLL(None, use_errno=True)

Entry = tuple[int, int, int]


class Changes(NamedTuple):
    """New and modified entries, and the paths of removed ones."""

    changed: dict[str, Entry]
    removed: list[str]


class UnsafePath(OSError):
    """A path sent by the peer is outside of the folder."""


def path_below(folder: Path, path: str) -> Path:
    """Return the local path of an entry that the peer named. The peer must not reach beyond this folder.

    Raises UnsafePath for a path that is absolute, contains `..`, or goes through a symbolic link.
    """
    *parents, name = path.removesuffix("/").split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in (*parents, name)):
        raise UnsafePath(f"{path!r} is not a path below the folder")
    parent = folder
    for part in (*parents, name) if path.endswith("/") else parents:
        parent /= part
        if parent.is_symlink():
            raise UnsafePath(f"{path!r} goes through a symbolic link")
    return folder / path


def scan(folder: str) -> dict[str, Entry]:
    """Return the entries below the folder."""
    return dict(_walk(folder, ""))


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Entry]]:
    try:
        children = os.scandir(f"{folder}/{prefix}")
    except (FileNotFoundError, NotADirectoryError):
        return
    with children:
        for child in children:
            with contextlib.suppress(FileNotFoundError):
                if child.is_dir(follow_symlinks=False):
                    yield (
                        f"{prefix}{child.name}/",
                        (0, 0, stat.S_IMODE(child.stat(follow_symlinks=False).st_mode)),
                    )
                    yield from _walk(folder, f"{prefix}{child.name}/")
                elif child.is_file(follow_symlinks=False) and not child.name.endswith(DRAFT):
                    status = child.stat(follow_symlinks=False)
                    yield (
                        prefix + child.name,
                        (status.st_size, status.st_mtime_ns, stat.S_IMODE(status.st_mode)),
                    )


class WatchedFolder:
    """A folder whose changes are asked for repeatedly, and which may be renamed in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.entries: dict[str, Entry] = {}
        self.watches: dict[int, str] = {}
        self.inotify = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.scanned_once = False

    def close(self) -> None:
        if self.inotify >= 0:
            os.close(self.inotify)
        self.inotify = -1

    def renamed(self, folder: Path) -> None:
        """Record that the folder has been renamed. The kernel's watches follow the folders."""
        self.folder = str(folder)

    def changes(self) -> Changes:
        """Return the changes since the last call; at the first call, all entries."""
        touched = self._touched() if self.scanned_once and self.inotify >= 0 else None
        self.scanned_once = True
        if touched is None:
            scanned = self._watched_scan()
            touched = {
                path
                for path in self.entries.keys() | scanned.keys()
                if self.entries.get(path) != scanned.get(path)
            }
            touched |= self._touched() or set()
        return self._update(touched)

    def _watched_scan(self) -> dict[str, Entry]:
        """Watch all folders, then return their entries, so that later changes are reported."""
        self._watch("")
        for path in scan(self.folder):
            if path.endswith("/"):
                self._watch(path)
        return scan(self.folder)

    def _update(self, touched: set[str]) -> Changes:
        """Read the touched paths, including those below new folders, and record their entries."""
        changes = Changes({}, [])
        to_read, listed = list(touched), set[str]()
        for path in to_read:  # The list grows during the iteration.
            entry = self._entry(path)
            before = self.entries.get(path)
            if entry is None:
                if before is not None:
                    del self.entries[path]
                    changes.removed.append(path)
                    if path.endswith("/"):
                        to_read += [child for child in self.entries if child.startswith(path)]
                continue
            if path.endswith("/") and path not in listed:  # It may have replaced a folder of the same name.
                listed.add(path)
                self._watch(path)
                to_read += [child for child, _ in _walk(self.folder, path)]
            if entry != before:
                self.entries[path] = changes.changed[path] = entry
        return changes

    def _entry(self, path: str) -> Entry | None:
        try:
            status = os.lstat(f"{self.folder}/{path.rstrip('/')}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        if path.endswith("/"):
            return (0, 0, stat.S_IMODE(status.st_mode)) if stat.S_ISDIR(status.st_mode) else None
        is_entry = stat.S_ISREG(status.st_mode) and not path.endswith(DRAFT)
        return (status.st_size, status.st_mtime_ns, stat.S_IMODE(status.st_mode)) if is_entry else None

    def _watch(self, prefix: str) -> None:
        if self.inotify >= 0:
            path = os.fsencode(f"{self.folder}/{prefix}")
            descriptor = LIBC.inotify_add_watch(self.inotify, path, ctypes.c_uint32(TOUCHED))
            if descriptor >= 0:
                self.watches[descriptor] = prefix
            elif ctypes.get_errno() not in FOLDER_MISSING:  # The limit of watches has been reached.
                self.close()

    def _touched(self) -> set[str] | None:
        """Return the paths that the kernel reports as touched, or None after a queue overflow."""
        touched: set[str] = set()
        while True:
            try:
                data = os.read(self.inotify, 1 << 18)
            except BlockingIOError:
                return touched
            offset = 0
            while offset < len(data):
                descriptor, mask, _, length = EVENT.unpack_from(data, offset)
                name = os.fsdecode(data[offset + EVENT.size : offset + EVENT.size + length].rstrip(b"\0"))
                offset += EVENT.size + length
                if mask & IN_OVERFLOW:
                    return None
                if name and descriptor in self.watches:
                    touched.add(self.watches[descriptor] + name + ("/" if mask & IN_ISDIR else ""))
