"""Serves folders of this host to the other side of a transfer: their entries, changes, and content.

A connection begins with a handshake in which both sides prove that they have the token (`handshake.py`). Then
each request and each answer is one JSON line, followed by the content of files:

    {"op": "look", "folder": 0}                 -> {"changed": [[path, size, mtime, mode]], "removed": [path]}
    {"op": "get", "folder": 0, "paths": [path]} -> for each: size, mtime_ns, mode; the bytes; their SHA-256
    {"op": "shut", "folder": 0}                 -> as look, after the folder was fenced
    {"op": "open", "folder": 0}                 -> {}, after the fence was lifted
    {"op": "users", "folder": 0}                -> {"now": ns, "users": [name]}, which can still write there

A look returns the changes since the last look of the same connection.
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

import folder_users
import handshake
from file_tree import Tree, place_in

HEAD = struct.Struct(">qqI")
GONE = -1
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
CHUNK = 1 << 20


class FileRequests(socketserver.StreamRequestHandler):
    """One connection, with the watched folders."""

    disable_nagle_algorithm, wbufsize = True, 1 << 16
    server: "FileServer"

    def handle(self) -> None:
        self.trees: dict[int, Tree] = {}
        if handshake.answer([self.server.token], self.rfile, self.wfile) is None:
            return
        for line in self.rfile:
            try:
                self.serve(json.loads(line))
            except OSError as error:
                self.answer({"error": str(error)})

    def finish(self) -> None:
        for tree in self.trees.values():
            tree.close()
        super().finish()

    def serve(self, request: dict[str, Any]) -> None:
        operation, number = request["op"], int(request["folder"])
        live, closed = self.server.folders[number]
        if operation == "get":
            place = live if live.exists() else closed
            for path in request["paths"]:
                self.send(place, path)
            self.wfile.flush()
        elif operation == "open":
            if closed.exists() and not live.exists():
                closed.rename(live)
            self.answer({})
        elif operation == "users":
            users = folder_users.writers(live if live.exists() else closed)
            self.answer({"users": users, "now": time.time_ns()})
        elif operation in {"look", "shut"}:
            if operation == "shut" and live.exists():
                live.rename(closed)
            self.look(number, live if live.exists() else closed)
        else:
            self.answer({"error": f"op: {operation!r} is none of look, get, shut, open, users"})

    def look(self, number: int, place: Path) -> None:
        tree = self.trees.get(number) or self.trees.setdefault(number, Tree(place))
        tree.moved(place)
        moment = place.stat().st_ctime_ns  # After a rename this is the moment of the rename.
        changes = tree.look()
        self.answer(
            {
                "ctime": moment,
                "changed": [[path, *entry] for path, entry in changes.changed.items()],
                "removed": changes.removed,
            }
        )

    def send(self, folder: Path, path: str) -> None:
        """Send the head, the bytes and the digest of a file; one that shrinks meanwhile gets a wrong digest.

        A path that leads out of the folder, or to a link, is one of no file.
        """
        try:
            file = os.fdopen(os.open(place_in(folder, path), READ), "rb")
        except OSError:
            self.wfile.write(HEAD.pack(GONE, 0, 0))
            return
        with file:
            seen = os.fstat(file.fileno())
            self.wfile.write(HEAD.pack(seen.st_size, seen.st_mtime_ns, seen.st_mode & 0o7777))
            self.wfile.write(self.send_bytes(file, seen.st_size))

    def send_bytes(self, file: BinaryIO, size: int) -> bytes:
        digest, left = hashlib.sha256(), size
        while left and (data := file.read(min(CHUNK, left))):
            digest.update(data)
            self.wfile.write(data)
            left -= len(data)
        self.wfile.write(bytes(left))
        return digest.digest() if not left else bytes(digest.digest_size)

    def answer(self, value: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")
        self.wfile.flush()


class FileServer(socketserver.ThreadingTCPServer):
    """`folders` are pairs of paths: for the application, and while the folder is fenced."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 16

    def __init__(self, config: dict[str, Any]) -> None:
        self.token = config["token"]
        self.folders = [(Path(live), Path(closed)) for live, closed in config["folders"]]
        super().__init__((config["address"], config["port"]), FileRequests)


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
