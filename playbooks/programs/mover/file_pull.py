"""Copies folders of the other side to this one and repeats it, pass by pass, until it is stopped.

Each file is written under another name, checked against the digest that follows it, and renamed. The status
file holds the progress. Paths from the other side are untrusted: one that leads out of the folder ends the
pass, and nothing is written through a link. It runs as a service, `file_pull.py --config FILE`; a cutover
makes the last passes itself.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import handshake
from file_server import CHUNK, HEAD
from file_tree import DRAFT, Entry, place_in, scan
from place import write_json

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER, SECONDS_BETWEEN_PASSES, SECONDS_BETWEEN_REPORTS = 3, 60, 1.0, 0.5
FILES_AT_ONCE: Final = 200
WRITE_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class FilesAway(Exception):
    """The file server of the other side cannot be reached, or refuses."""


class Offer:
    """A connection to the authenticated file server of the other side. Raises FilesAway."""

    def __init__(self, address: str, port: int, token: str) -> None:
        try:
            self.connection = socket.create_connection((address, port), SECONDS_TO_CONNECT)
        except OSError as error:
            raise FilesAway(f"{address}:{port}: {error}") from error
        self.connection.settimeout(SECONDS_TO_ANSWER)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = io.BufferedReader(socket.SocketIO(self.connection, "r"), 1 << 18)
        try:
            with self.connection.makefile("wb") as writing:
                handshake.call(token, self.stream, writing)
        except (OSError, handshake.UnprovenError) as error:
            self.close()
            raise FilesAway(f"{address}:{port}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self.stream.close()
        self.connection.close()

    def send(self, **request: Any) -> None:
        try:
            self.connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise FilesAway(str(error)) from error

    def ask(self, **request: Any) -> dict[str, Any]:
        self.send(**request)
        try:
            line = self.stream.readline()
        except OSError as error:
            raise FilesAway(str(error)) from error
        answer: dict[str, Any] = json.loads(line or b'{"error": "the file server went away"}')
        if "error" in answer:
            raise FilesAway(answer["error"])
        return answer


class Copy:
    """One folder that becomes a copy of the other side's; the application must not use `place`."""

    def __init__(self, offer: Offer, number: int, place: Path) -> None:
        self.offer, self.number, self.place = offer, number, place
        self.wanted: dict[str, Entry] = {}
        self.total_bytes = self.copied_bytes = self.copied_files = self.looked_at = 0
        self.reported = 0.0

    def first_pass(self, report: Any = None) -> int:
        """Copy the folder over any content here; return how many entries were changed."""
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in self.place.rglob(f"*{DRAFT}"):  # Left by a pass that ended in the middle of a file.
            draft.unlink()
        answer = self.offer.ask(op="look", folder=self.number)
        theirs = {path: (size, mtime, mode) for path, size, mtime, mode in answer["changed"]}
        ours = scan(str(self.place))
        self.total_bytes = sum(entry[0] for entry in theirs.values())
        self.copied_bytes = sum(ours[path][0] for path in theirs if ours.get(path) == theirs[path])
        self.copied_files = sum(ours.get(path) == entry for path, entry in theirs.items())
        self.wanted = dict(theirs)
        different = {path: entry for path, entry in theirs.items() if ours.get(path) != entry}
        return self.apply(different, [path for path in ours if path not in theirs], report)

    def next_pass(self, operation: str = "look") -> int:
        """Copy the changes since the last pass; return how many entries were changed."""
        answer = self.offer.ask(op=operation, folder=self.number)
        self.looked_at = int(answer["ctime"])
        changed = {path: (size, mtime, mode) for path, size, mtime, mode in answer["changed"]}
        self.wanted.update(changed)
        for path in answer["removed"]:
            self.wanted.pop(path, None)
        return self.apply(changed, answer["removed"])

    def users(self) -> list[str]:
        """Return the processes of the other side that could still write in the folder, as of `looked_at`."""
        answer = self.offer.ask(op="users", folder=self.number)
        self.looked_at = int(answer["now"])
        return list(answer["users"])

    def apply(self, changed: dict[str, Entry], removed: Sequence[str], report: Any = None) -> int:
        for path in sorted(removed, reverse=True):  # The content of a folder before the folder.
            self.remove(path)
        for path in sorted(path for path in changed if path.endswith("/")):
            place = place_in(self.place, path)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.chmod(changed[path][2] | 0o700)
        files = [path for path in changed if not path.endswith("/")]
        for start in range(0, len(files), FILES_AT_ONCE):
            self.fetch(files[start : start + FILES_AT_ONCE])
            if report and time.monotonic() - self.reported > SECONDS_BETWEEN_REPORTS:
                self.reported = time.monotonic()
                report(self)
        return len(changed) + len(removed)

    def remove(self, path: str) -> None:
        place = place_in(self.place, path)
        # The proof finds an entry that could not be removed.
        with contextlib.suppress(OSError):
            place.rmdir() if path.endswith("/") else place.unlink()

    def fetch(self, paths: Sequence[str]) -> None:
        places = [place_in(self.place, path) for path in paths]
        self.offer.send(op="get", folder=self.number, paths=paths)
        for place in places:
            self.receive(place)

    def receive(self, place: Path) -> None:
        """Receive one file; one that was removed or changed meanwhile is left for the next pass."""
        stream = self.offer.stream
        size, mtime, mode = HEAD.unpack(exactly(stream, HEAD.size))
        if size < 0:
            return
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The draft has a fixed name: a longer name could exceed the limit of the file system.
        draft, digest, left = place.with_name(DRAFT), hashlib.sha256(), size
        with os.fdopen(os.open(draft, WRITE_NEW, 0o600), "wb", buffering=0) as file:
            while left:
                data = exactly(stream, min(CHUNK, left))
                digest.update(data)
                file.write(data)
                left -= len(data)
            os.fchmod(file.fileno(), mode)
        if exactly(stream, digest.digest_size) != digest.digest():
            draft.unlink()
            return
        os.utime(draft, ns=(mtime, mtime))
        draft.replace(place)
        self.copied_files += 1
        self.copied_bytes += size


def exactly(stream: "io.BufferedReader[Any]", size: int) -> bytes:
    try:
        data = stream.read(size)
    except OSError as error:
        raise FilesAway(str(error)) from error
    if len(data) != size:
        raise FilesAway("the file server went away")
    return data


def status_of(copies: Iterable[Copy], passes: int, changed: int, error: str = "") -> dict[str, Any]:
    copies = list(copies)
    return {
        "passes": passes,
        "changed": changed,
        "files": sum(len(copy.wanted) for copy in copies),
        "bytes": sum(copy.total_bytes for copy in copies),
        "copied_files": sum(copy.copied_files for copy in copies),
        "copied_bytes": sum(copy.copied_bytes for copy in copies),
        "at": time.time(),
        "error": error,
    }


def pull(config: dict[str, Any], status: Path) -> None:
    """Make passes over one connection until it breaks. Raises FilesAway."""
    with Offer(config["address"], config["port"], config["token"]) as offer:
        copies = [Copy(offer, number, Path(place)) for number, place in enumerate(config["folders"])]
        for copy in copies:
            copy.first_pass(lambda _copy: write_json(status, status_of(copies, 0, 0)))
        passes, changed = 1, 0
        while True:
            write_json(status, status_of(copies, passes, changed))
            time.sleep(SECONDS_BETWEEN_PASSES)
            changed = sum(copy.next_pass() for copy in copies)
            passes += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    arguments = parser.parse_args()
    config = json.loads(arguments.config.read_text("utf-8"))
    status = Path(config["status"])
    while True:
        try:
            pull(config, status)
        except (FilesAway, OSError) as error:
            write_json(status, status_of([], 0, 0, str(error)))
            time.sleep(SECONDS_BETWEEN_PASSES)


if __name__ == "__main__":
    main()
