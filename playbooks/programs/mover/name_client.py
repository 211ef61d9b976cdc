"""Client of the name service, with which a side points the DNS name to itself."""

import json
import socket
from typing import Any, BinaryIO

import handshake
from refusal import Refused
from transfer import Transfer

SECONDS_TO_ANSWER = 3.0


class NameClient:
    """One connection to a name service that has proved that it knows this side's token.

    `address` is the address of the name when the connection was opened. Raises Refused if the service is
    unreachable or fails the handshake.
    """

    def __init__(self, transfer: Transfer) -> None:
        if transfer.names is None:
            raise Refused("names_refuse", error="the transfer has no name")
        token = transfer.secrets()[f"{transfer.incoming_direction}_names"]
        try:
            self.socket = socket.create_connection(
                (transfer.names.address, transfer.names.port), SECONDS_TO_ANSWER
            )
        except OSError as error:
            raise Refused("names_unreachable", error=str(error)) from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream: BinaryIO = self.socket.makefile("rb")
        self._authenticate(token)
        self.address = self._request("hello").get("address")

    def point_here(self) -> str:
        """Point the name to this side; idempotent. Returns the new address."""
        return str(self._request("switch")["address"])

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def _authenticate(self, token: str) -> None:
        try:
            with self.socket.makefile("wb") as writing:
                handshake.call(token, self.stream, writing)
        except handshake.UnprovenError as error:
            self.close()
            raise Refused("names_refuse", error=str(error)) from error

    def _request(self, operation: str) -> dict[str, Any]:
        """Raises Refused with the service's error, OSError if the connection is lost."""
        self.socket.sendall(json.dumps({"op": operation}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(
            self.stream.readline() or b'{"error": "the name service closed the connection"}'
        )
        if "error" in answer:
            raise Refused("names_refuse", error=answer["error"])
        return answer
