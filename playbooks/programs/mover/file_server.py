"""Serves folders of this host to the peer of a transfer: changed entries, and the content of files.

A connection begins with a handshake by which both ends prove that they have the token (`handshake.py`). Then
the client sends one JSON line per request and gets one JSON line, or for `get` the files:

    {"op": "changes", "folder": 0}              -> {"ctime": ns, "changed": [[path, size, mtime, mode]],
                                                    "removed": [path]}
    {"op": "get", "folder": 0, "paths": [path]} -> for each: size, mtime_ns, mode; the bytes; their SHA-256
    {"op": "fence", "folder": 0}                -> as `changes`, after the folder was fenced by renaming it
    {"op": "open", "folder": 0}                 -> {}, after the folder was renamed back
    {"op": "writers", "folder": 0}              -> {"now": ns, "writers": [name]}, see `folder_writers.py`

`changes` and `fence` report the changes since the last such request of the same connection; `ctime` is the
folder's own, which renaming changes.
"""

import argparse
import hashlib
import json
import os
import socketserver
import struct
import time
from pathlib import Path
from typing import Any, BinaryIO

import folder_writers
import handshake
from file_tree import WatchedFolder, path_below

HEADER = struct.Struct(">qqI")
NO_FILE = -1
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
CHUNK = 1 << 20


class PeerConnection(socketserver.StreamRequestHandler):
    """One connection, with the state of the folders that it has scanned."""

    disable_nagle_algorithm, wbufsize = True, 1 << 16
    server: "FileServer"

    def handle(self) -> None:
        self.watched: dict[int, WatchedFolder] = {}
        if handshake.answer([self.server.token], self.rfile, self.wfile) is None:
            return
        for line in self.rfile:
            try:
                self.execute(json.loads(line))
            except OSError as error:
                self.answer({"error": str(error)})

    def finish(self) -> None:
        for watched in self.watched.values():
            watched.close()
        super().finish()

    def execute(self, request: dict[str, Any]) -> None:
        operation, number = request["op"], int(request["folder"])
        live, fenced = self.server.folders[number]
        if operation == "fence" and live.exists():
            live.rename(fenced)
        if operation == "open" and fenced.exists() and not live.exists():
            fenced.rename(live)
        folder = live if live.exists() else fenced
        if operation == "get":
            for path in request["paths"]:
                self.send_file(folder, path)
            self.wfile.flush()
        elif operation == "open":
            self.answer({})
        elif operation == "writers":
            self.answer({"writers": folder_writers.writers(folder), "now": time.time_ns()})
        elif operation in {"changes", "fence"}:
            self.answer_changes(number, folder)
        else:
            self.answer({"error": f"op: {operation!r} is none of changes, get, fence, open, writers"})

    def answer_changes(self, number: int, folder: Path) -> None:
        watched = self.watched.get(number) or self.watched.setdefault(number, WatchedFolder(folder))
        watched.renamed(folder)
        ctime = folder.stat().st_ctime_ns
        changes = watched.changes()
        self.answer(
            {
                "ctime": ctime,
                "changed": [[path, *entry] for path, entry in changes.changed.items()],
                "removed": changes.removed,
            }
        )

    def send_file(self, folder: Path, path: str) -> None:
        """Send header, bytes and digest. If the file shrinks meanwhile, the digest is wrong on purpose.

        A path outside of the folder and a path of a link are answered like a missing file.
        """
        try:
            file = os.fdopen(os.open(path_below(folder, path), READ), "rb")
        except OSError:
            self.wfile.write(HEADER.pack(NO_FILE, 0, 0))
            return
        with file:
            status = os.fstat(file.fileno())
            self.wfile.write(HEADER.pack(status.st_size, status.st_mtime_ns, status.st_mode & 0o7777))
            self.wfile.write(self.send_bytes(file, status.st_size))

    def send_bytes(self, file: BinaryIO, size: int) -> bytes:
        """Send exactly `size` bytes and return their digest.

        A file that has shrunk is padded with zeros, and its digest is zero.
        """
        digest, remaining = hashlib.sha256(), size
        while remaining and (data := file.read(min(CHUNK, remaining))):
            digest.update(data)
            self.wfile.write(data)
            remaining -= len(data)
        self.wfile.write(bytes(remaining))
        return bytes(digest.digest_size) if remaining else digest.digest()

    def answer(self, value: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")
        self.wfile.flush()


class FileServer(socketserver.ThreadingTCPServer):
    """`folders` are pairs of paths: of the application, and while this side is fenced."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 16

    def __init__(self, config: dict[str, Any]) -> None:
        self.token = config["token"]
        self.folders = [(Path(live), Path(fenced)) for live, fenced in config["folders"]]
        super().__init__((config["address"], config["port"]), PeerConnection)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    arguments = parser.parse_args()
    with FileServer(json.loads(arguments.config.read_text("utf-8"))) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
