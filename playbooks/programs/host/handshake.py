"""Mutual proof of a shared secret, which is never sent.

    caller     {"secret": name of the secret, "nonce": "..."}
    answering  {"nonce": "...", "proof": "..."}, or {"error": "..."} and the end of the connection
    caller     {"proof": "..."}

An unrelated program at the expected address, such as one of another cloud, fails the proof, and the caller
sends it no request.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from typing import Any, BinaryIO

LONGEST_LINE = 4096
UNKNOWN = "this token is not known"


class UnprovenError(Exception):
    """The answering program could not prove that it has the secret."""


def call(secret: str, reading: BinaryIO, writing: BinaryIO) -> None:
    """Run the caller's side: check the proof of the other program, then send ours. Raises UnprovenError."""
    own = secrets.token_hex(16)
    send(writing, secret=name_of(secret), nonce=own)
    response = receive(reading)
    if "error" in response:
        raise UnprovenError(str(response["error"]))
    other = str(response.get("nonce"))
    if not same(response.get("proof"), proof(secret, "answering", own, other)):
        raise UnprovenError("the answering program does not have the token")
    send(writing, proof=proof(secret, "caller", own, other))


def answer(secrets_known: Iterable[str], reading: BinaryIO, writing: BinaryIO) -> str | None:
    """Run the answering side. Returns the caller's secret; None after a failed proof, with an error sent."""
    request = receive(reading)
    secret = next((token for token in secrets_known if same(request.get("secret"), name_of(token))), None)
    if secret is not None:
        other, own = str(request.get("nonce")), secrets.token_hex(16)
        send(writing, nonce=own, proof=proof(secret, "answering", other, own))
        if same(receive(reading).get("proof"), proof(secret, "caller", other, own)):
            return secret
    send(writing, error=UNKNOWN)
    return None


def name_of(secret: str) -> str:
    """Return the name by which the answering side finds the secret. It does not reveal a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def proof(secret: str, role: str, callers: str, answerings: str) -> str:
    """Return the proof over both nonces, which only a holder of the secret can compute."""
    return hmac.new(secret.encode(), f"{role} {callers} {answerings}".encode(), "sha256").hexdigest()


def same(received: Any, expected: str) -> bool:
    return isinstance(received, str) and hmac.compare_digest(received.encode(), expected.encode())


def send(writing: BinaryIO, **values: str) -> None:
    writing.write(json.dumps(values).encode() + b"\n")
    writing.flush()


def receive(reading: BinaryIO) -> dict[str, Any]:
    """Read one line as a JSON object; an empty object for anything else."""
    try:
        value = json.loads(reading.readline(LONGEST_LINE))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
