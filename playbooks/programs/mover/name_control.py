"""The authenticated connection to the name service, over which a side points the name to itself."""

import json
import socket
from typing import Any, BinaryIO

import handshake
from refusal import Refused
from transfer import Transfer

SECONDS_TO_ANSWER = 3.0


class NameControl:
    """One connection to the name service of the transfer.

    `address` is the address of the name when the connection was opened.
    """

    def __init__(self, transfer: Transfer) -> None:
        if transfer.names is None:
            raise Refused("names_refuse", error="the transfer has no name")
        token = transfer.secrets()[f"{transfer.receives}_names"]
        try:
            self.connection = socket.create_connection(
                (transfer.names.address, transfer.names.port), SECONDS_TO_ANSWER
            )
        except OSError as error:
            raise Refused("names_unreachable", error=str(error)) from error
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream: BinaryIO = self.connection.makefile("rb")
        self.prove(token)
        self.address = self.ask("hello").get("address")

    def prove(self, token: str) -> None:
        try:
            with self.connection.makefile("wb") as writing:
                handshake.call(token, self.stream, writing)
        except handshake.UnprovenError as error:
            self.close()
            raise Refused("names_refuse", error=str(error)) from error

    def ask(self, operation: str) -> dict[str, Any]:
        """Send an operation and return the answer.

        Raises Refused with the error of the service, OSError if it does not answer.
        """
        self.connection.sendall(json.dumps({"op": operation}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self.stream.readline() or b'{"error": "it went away"}')
        if "error" in answer:
            raise Refused("names_refuse", error=answer["error"])
        return answer

    def take(self) -> str:
        """Point the name to this side; can be repeated."""
        return str(self.ask("switch")["address"])

    def close(self) -> None:
        self.stream.close()
        self.connection.close()
