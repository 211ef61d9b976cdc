"""The open, checked connection to the name service with which a side takes the name over."""

import json
import socket
from typing import Any, BinaryIO

import handshake
from refusal import Refused
from transfer import Transfer

SECONDS_TO_ANSWER = 3.0


class NameControl:
    """One connection, to a service that has proved that it is the transfer's own.

    `address` is where the name pointed when the connection was opened.
    """

    def __init__(self, transfer: Transfer) -> None:
        if transfer.names is None:
            raise Refused("names_refuse", error="the transfer has no name")
        token = transfer.secrets()[f"{transfer.way_in}_names"]
        try:
            self.door = socket.create_connection(
                (transfer.names.address, transfer.names.port), SECONDS_TO_ANSWER
            )
        except OSError as error:
            raise Refused("names_unreachable", error=str(error)) from error
        self.door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream: BinaryIO = self.door.makefile("rb")
        self.prove(token)
        self.address = self.ask("hello").get("address")

    def prove(self, token: str) -> None:
        try:
            with self.door.makefile("wb") as writing:
                handshake.call(token, self.stream, writing)
        except handshake.UnprovenError as error:
            self.close()
            raise Refused("names_refuse", error=str(error)) from error

    def ask(self, operation: str) -> dict[str, Any]:
        """Raises Refused with the service's words, OSError when it is away."""
        self.door.sendall(json.dumps({"op": operation}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self.stream.readline() or b'{"error": "it went away"}')
        if "error" in answer:
            raise Refused("names_refuse", error=answer["error"])
        return answer

    def take(self) -> str:
        """Point the name to this side; harmless when it does already."""
        return str(self.ask("switch")["address"])

    def close(self) -> None:
        self.stream.close()
        self.door.close()
