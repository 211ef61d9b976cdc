"""How the provider speaks to the sandbox cloud: one JSON line each way over its unix socket."""

import json
import socket
from typing import Any

SECONDS_TO_ANSWER = 600.0  # A create waits for its host to boot, and tests ask for slow ones.


class CloudRefusalError(Exception):
    """The cloud refuses the request, with an HTTP-like `code`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code


class CloudAwayError(Exception):
    """The cloud does not answer."""


def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """The cloud's answer without its `ok`. Raises CloudRefusalError or CloudAwayError."""
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(SECONDS_TO_ANSWER)
            door.connect(path)
            door.sendall(json.dumps(request).encode() + b"\n")
            line = door.makefile("rb").readline()
    except OSError as error:
        raise CloudAwayError(f"The sandbox cloud does not answer at {path}: {error}") from error
    if not line.endswith(b"\n"):
        raise CloudAwayError(f"The sandbox cloud at {path} went away before it answered")
    answer: dict[str, Any] = json.loads(line)
    if not answer.pop("ok"):
        raise CloudRefusalError(answer["error"]["code"], answer["error"]["message"])
    return answer
