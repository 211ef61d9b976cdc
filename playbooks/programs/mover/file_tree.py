"""What lies in a folder, and what has changed since the last look, without looking at every file again.

An entry is (size, mtime_ns, mode) under its path below the folder; the path of a folder ends with a slash.
After the first look the kernel says which paths were touched (inotify), so a look costs what was touched,
however many files there are. Where the kernel cannot say, or has lost count, the whole folder is looked at.
"""

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DRAFT = ".govcloud-draft"
"""How a file is called while it is being received; no entry."""
EVENT = struct.Struct("iIII")
IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
IN_CREATE, IN_DELETE, IN_OVERFLOW, IN_ISDIR = 0x100, 0x200, 0x4000, 0x40000000
TOUCHED = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
LIBC = ctypes.CDLL(None, use_errno=True)

Entry = tuple[int, int, int]


class Changes(NamedTuple):
    """Entries that are new or different, and the paths of those that are gone."""

    changed: dict[str, Entry]
    removed: list[str]


class LeadsOut(OSError):
    """A path that the other side names is none of an entry below the folder."""


def place_in(folder: Path, path: str) -> Path:
    """Where an entry lies that the other side names, which is not to be trusted with more than this folder.

    Raises LeadsOut for a path that is absolute, climbs, or goes through a link.
    """
    *above, name = path.removesuffix("/").split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in (*above, name)):
        raise LeadsOut(f"{path!r} is no path below a folder")
    place = folder
    for part in (*above, name) if path.endswith("/") else above:
        place /= part
        if place.is_symlink():
            raise LeadsOut(f"{path!r} leads through a link")
    return folder / path


def scan(folder: str) -> dict[str, Entry]:
    """Every entry below the folder."""
    return dict(_walk(folder, ""))


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Entry]]:
    try:
        found = os.scandir(f"{folder}/{prefix}")
    except (FileNotFoundError, NotADirectoryError):
        return
    with found:
        for each in found:
            with contextlib.suppress(FileNotFoundError):
                if each.is_dir(follow_symlinks=False):
                    yield (
                        f"{prefix}{each.name}/",
                        (0, 0, stat.S_IMODE(each.stat(follow_symlinks=False).st_mode)),
                    )
                    yield from _walk(folder, f"{prefix}{each.name}/")
                elif each.is_file(follow_symlinks=False) and not each.name.endswith(DRAFT):
                    seen = each.stat(follow_symlinks=False)
                    yield prefix + each.name, (seen.st_size, seen.st_mtime_ns, stat.S_IMODE(seen.st_mode))


class Tree:
    """A folder that is looked at again and again; the folder may be renamed in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.known: dict[str, Entry] = {}
        self.watches: dict[int, str] = {}
        self.ear = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.seen_once = False

    def close(self) -> None:
        if self.ear >= 0:
            os.close(self.ear)
        self.ear = -1

    def moved(self, folder: Path) -> None:
        """The folder has been renamed; what the kernel watches are the folders themselves."""
        self.folder = str(folder)

    def look(self) -> Changes:
        """What has changed since the last look; everything at the first."""
        touched = self._touched() if self.seen_once and self.ear >= 0 else None
        self.seen_once = True
        if touched is None:
            now = self._watched_scan()
            touched = {
                path for path in self.known.keys() | now.keys() if self.known.get(path) != now.get(path)
            }
            touched |= self._touched() or set()
        return self._settle(touched)

    def _watched_scan(self) -> dict[str, Entry]:
        """Every entry, of folders that were watched before they were listed: what comes later is noted."""
        self._watch("")
        for path in scan(self.folder):
            if path.endswith("/"):
                self._watch(path)
        return scan(self.folder)

    def _settle(self, touched: set[str]) -> Changes:
        """Look at the touched paths, those below new folders too, and remember what is there."""
        changes = Changes({}, [])
        waiting, listed = list(touched), set[str]()
        for path in waiting:  # The list grows while it is walked.
            entry = self._entry(path)
            before = self.known.get(path)
            if entry is None:
                if before is not None:
                    del self.known[path]
                    changes.removed.append(path)
                    if path.endswith("/"):
                        waiting += [each for each in self.known if each.startswith(path)]
                continue
            if path.endswith("/") and path not in listed:  # One of this name may have been there before.
                listed.add(path)
                self._watch(path)
                waiting += [each for each, _ in _walk(self.folder, path)]
            if entry != before:
                self.known[path] = changes.changed[path] = entry
        return changes

    def _entry(self, path: str) -> Entry | None:
        try:
            seen = os.lstat(f"{self.folder}/{path.rstrip('/')}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        if path.endswith("/"):
            return (0, 0, stat.S_IMODE(seen.st_mode)) if stat.S_ISDIR(seen.st_mode) else None
        wanted = stat.S_ISREG(seen.st_mode) and not path.endswith(DRAFT)
        return (seen.st_size, seen.st_mtime_ns, stat.S_IMODE(seen.st_mode)) if wanted else None

    def _watch(self, prefix: str) -> None:
        if self.ear >= 0:
            place = os.fsencode(f"{self.folder}/{prefix}")
            number = LIBC.inotify_add_watch(self.ear, place, ctypes.c_uint32(TOUCHED))
            if number >= 0:
                self.watches[number] = prefix
            elif ctypes.get_errno() not in {
                2,
                20,
            }:  # The folder is gone; anything else means no more watches.
                self.close()

    def _touched(self) -> set[str] | None:
        """The paths that the kernel has noted, or None when it has lost count."""
        touched: set[str] = set()
        while True:
            try:
                data = os.read(self.ear, 1 << 18)
            except BlockingIOError:
                return touched
            place = 0
            while place < len(data):
                number, mask, _, length = EVENT.unpack_from(data, place)
                name = os.fsdecode(data[place + EVENT.size : place + EVENT.size + length].rstrip(b"\0"))
                place += EVENT.size + length
                if mask & IN_OVERFLOW:
                    return None
                if name and number in self.watches:
                    touched.add(self.watches[number] + name + ("/" if mask & IN_ISDIR else ""))
