"""Two programs prove to each other that they have the same secret, which itself is never sent.

    caller     {"secret": name of the secret, "nonce": "..."}
    answering  {"nonce": "...", "proof": "..."}, or {"error": "..."} and the end of the connection
    caller     {"proof": "..."}

A program that happens to listen at the expected address, such as one of another cloud, fails the proof, and
the caller sends it no request.
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
    """The other side does not prove that it has the secret."""


def call(secret: str, reading: BinaryIO, writing: BinaryIO) -> None:
    """Prove to the program that answers that we have the secret, once it has proved that. UnprovenError."""
    own = secrets.token_hex(16)
    send(writing, secret=name_of(secret), nonce=own)
    answered = receive(reading)
    if "error" in answered:
        raise UnprovenError(str(answered["error"]))
    other = str(answered.get("nonce"))
    if not same(answered.get("proof"), proof(secret, "answering", own, other)):
        raise UnprovenError("the program that answers does not have the token")
    send(writing, proof=proof(secret, "caller", own, other))


def answer(known: Iterable[str], reading: BinaryIO, writing: BinaryIO) -> str | None:
    """Return the caller's secret after both sides have proved it; None, and an error sent, where not."""
    asked = receive(reading)
    secret = next((each for each in known if same(asked.get("secret"), name_of(each))), None)
    if secret is not None:
        other, own = str(asked.get("nonce")), secrets.token_hex(16)
        send(writing, nonce=own, proof=proof(secret, "answering", other, own))
        if same(receive(reading).get("proof"), proof(secret, "caller", other, own)):
            return secret
    send(writing, error=UNKNOWN)
    return None


def name_of(secret: str) -> str:
    """A name by which the answering program finds the secret; it does not give a random secret away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def proof(secret: str, role: str, callers: str, answerings: str) -> str:
    """What only a program with the secret can say about these two nonces."""
    return hmac.new(secret.encode(), f"{role} {callers} {answerings}".encode(), "sha256").hexdigest()


def same(given: Any, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())


def send(writing: BinaryIO, **values: str) -> None:
    writing.write(json.dumps(values).encode() + b"\n")
    writing.flush()


def receive(reading: BinaryIO) -> dict[str, Any]:
    """The object of the next line; an empty one for anything else."""
    try:
        value = json.loads(reading.readline(LONGEST_LINE))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
