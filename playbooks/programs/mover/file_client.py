"""Copies folders of the peer to this side, and repeats that until it is stopped.

Each file is written to a draft beside its path, compared with the digest that the server sent, and renamed.
The peer names the paths, so they are not trusted: one that leaves the folder ends the pass, and nothing is
written through a symbolic link. As a service (`file_client.py --config FILE`) it records its progress in the
status file; a cutover runs the last passes itself.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import handshake
from file_server import CHUNK, HEADER
from file_tree import DRAFT, Entry, path_below, scan
from host_files import write_json

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 3, 60
SECONDS_BETWEEN_PASSES, SECONDS_BETWEEN_REPORTS = 1.0, 0.5
FILES_PER_REQUEST: Final = 200
WRITE_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
CONNECTION_LOST = "the file server closed the connection"


class FileServerError(Exception):
    """The peer's file server cannot be reached, or refuses a request."""


class FileClient:
    """A connection to the peer's file server after a mutual handshake. Methods raise FileServerError."""

    def __init__(self, address: str, port: int, token: str) -> None:
        try:
            self.socket = socket.create_connection((address, port), SECONDS_TO_CONNECT)
        except OSError as error:
            raise FileServerError(f"{address}:{port}: {error}") from error
        self.socket.settimeout(SECONDS_TO_ANSWER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = io.BufferedReader(socket.SocketIO(self.socket, "r"), 1 << 18)
        try:
            with self.socket.makefile("wb") as writing:
                handshake.call(token, self.stream, writing)
        except (OSError, handshake.UnprovenError) as error:
            self.close()
            raise FileServerError(f"{address}:{port}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, **request: Any) -> None:
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise FileServerError(str(error)) from error

    def request(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        self.send(**request)
        try:
            line = self.stream.readline()
        except OSError as error:
            raise FileServerError(str(error)) from error
        if not line:
            raise FileServerError(CONNECTION_LOST)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise FileServerError(answer["error"])
        return answer

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes of an answer."""
        try:
            data = self.stream.read(size)
        except OSError as error:
            raise FileServerError(str(error)) from error
        if len(data) != size:
            raise FileServerError(CONNECTION_LOST)
        return data


class FolderCopy:
    """The copy of one folder of the peer. The application must not be able to reach `folder`.

    `fenced_at_ns` is a moment on the peer's clock after which its fenced folder could no longer change.
    """

    def __init__(self, client: FileClient, number: int, folder: Path) -> None:
        self.client, self.number, self.folder = client, number, folder
        self.peer_entries: dict[str, Entry] = {}
        self.total_bytes = self.copied_bytes = self.copied_files = self.fenced_at_ns = 0
        self.reported_at = 0.0

    def first_pass(self, report: Callable[[], None] | None = None) -> int:
        """Make the folder equal to the peer's, whatever it contains. Returns the number of changes."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in self.folder.rglob(f"*{DRAFT}"):  # Left by a pass that was killed during a file.
            draft.unlink()
        answer = self.client.request(op="changes", folder=self.number)
        self.peer_entries = peer_entries = changed_entries(answer)
        own_entries = scan(str(self.folder))
        self.total_bytes = sum(size for size, _, _ in peer_entries.values())
        self.copied_bytes = sum(
            entry[0] for path, entry in own_entries.items() if peer_entries.get(path) == entry
        )
        self.copied_files = sum(own_entries.get(path) == entry for path, entry in peer_entries.items())
        different = {path: entry for path, entry in peer_entries.items() if own_entries.get(path) != entry}
        return self._apply(different, [path for path in own_entries if path not in peer_entries], report)

    def next_pass(self) -> int:
        """Copy the changes since the last pass. Returns the number of changes."""
        return self._apply_changes(self.client.request(op="changes", folder=self.number))

    def fence_and_pass(self) -> int:
        """Fence the peer's folder and copy the last changes. Returns the number of changes."""
        answer = self.client.request(op="fence", folder=self.number)
        self.fenced_at_ns = int(answer["ctime"])
        return self._apply_changes(answer)

    def peer_writers(self) -> tuple[list[str], int]:
        """Return the peer's processes that can still write to the fenced folder, and its time in ns."""
        answer = self.client.request(op="writers", folder=self.number)
        return list(answer["writers"]), int(answer["now"])

    def _apply_changes(self, answer: Mapping[str, Any]) -> int:
        changed = changed_entries(answer)
        self.peer_entries.update(changed)
        for path in answer["removed"]:
            self.peer_entries.pop(path, None)
        return self._apply(changed, answer["removed"])

    def _apply(
        self,
        changed: Mapping[str, Entry],
        removed: Sequence[str],
        report: Callable[[], None] | None = None,
    ) -> int:
        for path in sorted(removed, reverse=True):  # The content of a folder before the folder.
            self._remove(path)
        for path in sorted(path for path in changed if path.endswith("/")):
            folder = path_below(self.folder, path)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(changed[path][2] | 0o700)
        files = [path for path in changed if not path.endswith("/")]
        for start in range(0, len(files), FILES_PER_REQUEST):
            self._fetch(files[start : start + FILES_PER_REQUEST])
            if report and time.monotonic() - self.reported_at > SECONDS_BETWEEN_REPORTS:
                self.reported_at = time.monotonic()
                report()
        return len(changed) + len(removed)

    def _remove(self, path: str) -> None:
        local = path_below(self.folder, path)
        # If it cannot be removed, the equality proof reports it.
        with contextlib.suppress(OSError):
            local.rmdir() if path.endswith("/") else local.unlink()

    def _fetch(self, paths: Sequence[str]) -> None:
        local_paths = [path_below(self.folder, path) for path in paths]
        self.client.send(op="get", folder=self.number, paths=paths)
        for path in local_paths:
            self._receive(path)

    def _receive(self, path: Path) -> None:
        """Write one file of the answer; one that was removed or changed meanwhile waits for the next pass."""
        size, mtime, mode = HEADER.unpack(self.client.read(HEADER.size))
        if size < 0:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The draft has a name of its own, because a suffix could exceed the file system's limit for names.
        draft, digest, remaining = path.with_name(DRAFT), hashlib.sha256(), size
        with os.fdopen(os.open(draft, WRITE_NEW, 0o600), "wb", buffering=0) as file:
            while remaining:
                data = self.client.read(min(CHUNK, remaining))
                digest.update(data)
                file.write(data)
                remaining -= len(data)
            os.fchmod(file.fileno(), mode)
        if self.client.read(digest.digest_size) != digest.digest():
            draft.unlink()
            return
        os.utime(draft, ns=(mtime, mtime))
        draft.replace(path)
        self.copied_files += 1
        self.copied_bytes += size


def changed_entries(answer: Mapping[str, Any]) -> dict[str, Entry]:
    return {path: (size, mtime, mode) for path, size, mtime, mode in answer["changed"]}


def status_of(copies: Iterable[FolderCopy], passes: int, changed: int, error: str = "") -> dict[str, Any]:
    """Return the content of the status file."""
    copies = list(copies)
    return {
        "passes": passes,
        "changed": changed,
        "files": sum(len(copy.peer_entries) for copy in copies),
        "bytes": sum(copy.total_bytes for copy in copies),
        "copied_files": sum(copy.copied_files for copy in copies),
        "copied_bytes": sum(copy.copied_bytes for copy in copies),
        "at": time.time(),
        "error": error,
    }


def pull(config: dict[str, Any], status: Path) -> None:
    """Run one pass after another over one connection. Raises FileServerError."""
    with FileClient(config["address"], config["port"], config["token"]) as client:
        copies = [FolderCopy(client, number, Path(path)) for number, path in enumerate(config["folders"])]
        for copy in copies:
            copy.first_pass(lambda: write_json(status, status_of(copies, 0, 0)))
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
        except (FileServerError, OSError) as error:
            write_json(status, status_of([], 0, 0, str(error)))
            time.sleep(SECONDS_BETWEEN_PASSES)


if __name__ == "__main__":
    main()
