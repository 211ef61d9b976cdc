"""A small name service: answers A queries with no time to live, and switches a name for its token.

Names lie in FOLDER/names.json {name: address}, which anybody may read instead of asking. FOLDER/tokens.json
{token: {name, from, to}} says what each token may do: switch this one name from this address to that one.
Control is one JSON line each way over TCP, so that a caller can have its connection open and checked early. A
connection begins with a handshake by which both sides prove that they have the token (`handshake.py`).
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
    """The names of one folder; the file is replaced in one step, and one thread at a time changes it."""

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
        """Do what the token is for; a name that points elsewhere is left alone and reported."""
        rights = self.rights(token)
        if rights is None:
            return {"error": handshake.UNKNOWN}
        with self.lock:
            names = self.all()
            now = names.get(rights["name"])
            if now not in {rights["from"], rights["to"]}:
                return {"error": f"the name points to {now}"}
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
    """One DNS question; what is no question for one A record is answered as an unknown name."""

    server: "QueryServer"

    def handle(self) -> None:
        packet, door = self.request
        if len(packet) > HEADER.size:
            door.sendto(answer(packet, self.server.names.all()), self.client_address)


def answer(packet: bytes, names: dict[str, str]) -> bytes:
    """The reply to a query: one address that must not be kept, or that there is no such name."""
    number = HEADER.unpack_from(packet)[0]
    labels, place = [], HEADER.size
    while place < len(packet) and packet[place]:
        labels.append(packet[place + 1 : place + 1 + packet[place]].decode("ascii", "replace").lower())
        place += 1 + packet[place]
    question = packet[HEADER.size : place + 5]
    address = names.get(".".join(labels))
    if address is None:
        return HEADER.pack(number, NO_SUCH_NAME, 1, 0, 0, 0) + question
    record = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, 0, 4) + IPv4Address(address).packed
    return HEADER.pack(number, ANSWERED, 1, 1, 0, 0) + question + record


class Control(socketserver.StreamRequestHandler):
    """A connection that may ask and switch as often as it likes, for the token that it began with."""

    disable_nagle_algorithm = True
    server: "ControlServer"

    def handle(self) -> None:
        token = handshake.answer(read(self.server.names.tokens), self.rfile, self.wfile)
        if token is None:
            return
        for line in self.rfile:
            self.wfile.write(json.dumps(self.obey(line, token)).encode() + b"\n")

    def obey(self, line: bytes, token: str) -> dict[str, Any]:
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
        return {"error": "op: is neither hello nor switch, or the token is not known"}


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
    where, names = (arguments.address, arguments.port), Names(arguments.folder)
    with QueryServer(where, Query) as queries, ControlServer(where, Control) as control:
        queries.names = control.names = names
        threading.Thread(target=queries.serve_forever, daemon=True).start()
        control.serve_forever()


if __name__ == "__main__":
    main()
