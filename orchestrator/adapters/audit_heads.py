"""Signed heads of the audit chain in a file outside the database, one JSON line each."""

import fcntl
import json
from pathlib import Path

from orchestrator.core.audit import Head
from orchestrator.core.errors import BusinessError
from orchestrator.core.sealing import Keys


class HeadsForged(BusinessError):
    """A line of the exported heads is not signed by this installation."""

    zh = "导出的审计链头签名无效"


def append_head(path: Path, keys: Keys, head: Head) -> None:
    """Sign and append `head` unless it is the last one already."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        if head.seq and (not lines or json.loads(lines[-1])["seq"] < head.seq):
            document = {"seq": head.seq, "hash": head.hash, "signature": keys.sign(_signed_text(head))}
            file.write(json.dumps(document) + "\n")


def read_heads(path: Path, keys: Keys) -> list[Head]:
    """Every exported head, each signature checked.

    Raises:
        HeadsForged: a line is damaged or carries another signature; the line is named.
    """
    if not path.exists():
        return []
    heads = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            document = json.loads(line)
            head = Head(int(document["seq"]), str(document["hash"]))
            valid = keys.verifies(_signed_text(head), str(document["signature"]))
        except (ValueError, KeyError, TypeError):
            valid = False
        if not valid:
            raise HeadsForged(f"Line {number} of {path.name} is not signed by this installation.")
        heads.append(head)
    return heads


def _signed_text(head: Head) -> str:
    return f"govcloud audit head {head.seq} {head.hash}"
