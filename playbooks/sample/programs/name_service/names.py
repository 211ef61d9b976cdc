"""A small name service: answers DNS A queries with TTL 0, and switches names by token.

FOLDER/names.json is {name: address}; other programs may read it. FOLDER/tokens.json {token: {name, from, to}}
has the right of each token: to switch one name from one address to another. The control protocol is one JSON
line per request and answer over TCP, so that a caller can open and check its connection early. A connection
begins with a handshake in which both sides prove that they have the token (`handshake.py`).
"""

import argparse
import json
import os
import socketserver
import struct
import threading
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import handshake

HEADER = struct.Struct(">HHHHHH")
ANSWERED, NO_SUCH_NAME, TYPE_A, CLASS_IN = 0x8580, 0x8583, 1, 1


class Names:
    """The names of one folder. The file is replaced atomically, by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.path, self.tokens = folder / "names.json", folder / "tokens.json"
        self.lock = threading.Lock()

    def all(self) -> dict[str, str]:
        names: dict[str, str] = read(self.path)
        return names

    def rights(self, token: str) -> dict[str, str] | None:
        rights: dict[str, str] | None = read(self.tokens).get(token)
        return rights

    def switch(self, token: str) -> dict[str, Any]:
        """Switch the name of the token. A name with another address stays unchanged and is reported."""
        rights = self.rights(token)
        if rights is None:
            return {"error": handshake.UNKNOWN}
        with self.lock:
            names = self.all()
            address = names.get(rights["name"])
            if address not in {rights["from"], rights["to"]}:
                return {"error": f"the name points to {address}"}
            names[rights["name"]] = rights["to"]
            replace(self.path, names)
        return {"name": rights["name"], "address": rights["to"]}


def read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}


def replace(path: Path, names: dict[str, str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text(json.dumps(names, sort_keys=True), "utf-8")
    draft.replace(path)


class Query(socketserver.BaseRequestHandler):
    """One DNS query. Everything except a query for one A record is answered as an unknown name."""

    server: "QueryServer"

    def handle(self) -> None:
        packet, socket = self.request
        if len(packet) > HEADER.size:
            socket.sendto(answer(packet, self.server.names.all()), self.client_address)


def answer(packet: bytes, names: dict[str, str]) -> bytes:
    """Return the reply to a query: one address with TTL 0, or NXDOMAIN."""
    number = HEADER.unpack_from(packet)[0]
    labels, offset = [], HEADER.size
    while offset < len(packet) and packet[offset]:
        label = packet[offset + 1 : offset + 1 + packet[offset]]
        labels.append(label.decode("ascii", "replace").lower())
        offset += 1 + packet[offset]
    question = packet[HEADER.size : offset + 5]
    address = names.get(".".join(labels))
    if address is None:
        return HEADER.pack(number, NO_SUCH_NAME, 1, 0, 0, 0) + question
    record = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, 0, 4) + IPv4Address(address).packed
    return HEADER.pack(number, ANSWERED, 1, 1, 0, 0) + question + record


class Control(socketserver.StreamRequestHandler):
    """A control connection: any number of requests with the token of its handshake."""

    disable_nagle_algorithm = True
    server: "ControlServer"

    def handle(self) -> None:
        token = handshake.answer(read(self.server.names.tokens), self.rfile, self.wfile)
        if token is None:
            return
        for line in self.rfile:
            self.wfile.write(json.dumps(self.respond(line, token)).encode() + b"\n")

    def respond(self, line: bytes, token: str) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except ValueError:
            return {"error": "the request is not JSON"}
        names = self.server.names
        if request.get("op") == "switch":
            return names.switch(token)
        rights = names.rights(token)
        if request.get("op") == "hello" and rights is not None:
            return {**rights, "address": names.all().get(rights["name"])}
        return {"error": "op: must be hello or switch, with a known token"}


class QueryServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    names: Names


class ControlServer(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True
    names: Names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    address, names = (arguments.address, arguments.port), Names(arguments.folder)
    with QueryServer(address, Query) as queries, ControlServer(address, Control) as control:
        queries.names = control.names = names
        threading.Thread(target=queries.serve_forever, daemon=True).start()
        control.serve_forever()


if __name__ == "__main__":
    main()
