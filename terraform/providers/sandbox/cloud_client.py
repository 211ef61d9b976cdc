"""Client of the sandbox cloud: one JSON line each way over its unix socket."""

import json
import socket
from typing import Any

SECONDS_TO_ANSWER = 600.0  # A create waits until its host has booted, and tests inject delays.


class CloudRefusalError(Exception):
    """The cloud refused the request. `code` is like an HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code


class CloudAwayError(Exception):
    """The cloud does not answer."""


def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return the answer without `ok`. Raises CloudRefusalError or CloudAwayError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS_TO_ANSWER)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
    except OSError as error:
        raise CloudAwayError(f"The sandbox cloud does not answer at {path}: {error}") from error
    if not line.endswith(b"\n"):
        raise CloudAwayError(f"The sandbox cloud at {path} closed the connection before it answered")
    answer: dict[str, Any] = json.loads(line)
    if not answer.pop("ok"):
        raise CloudRefusalError(answer["error"]["code"], answer["error"]["message"])
    return answer
