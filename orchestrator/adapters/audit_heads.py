"""Signed heads of the audit chain in a file outside the database, one JSON object per line.

A crash or a full disk can leave an incomplete line. Like a missing line, it proves nothing about the chain.
It is counted, and the next head starts a new line.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.audit import Head
from orchestrator.core.errors import BusinessError
from orchestrator.core.sealing import Keys

_LINE_START = '{"seq": '


class HeadsForged(BusinessError):
    """A line of the exported heads is not signed by this installation."""

    zh = "导出的审计链头签名无效"


@dataclass(frozen=True)
class ExportedHeads:
    """The heads with valid signatures, and the numbers of the incomplete lines."""

    signed: Sequence[Head]
    torn: Sequence[int]


def append_head(path: Path, keys: Keys, head: Head) -> None:
    """Sign and append `head` durably, unless it is already the last one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+", errors="replace") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if head.seq > _last_seq(text):
            document = {"seq": head.seq, "hash": head.hash, "signature": keys.sign(_signed_text(head))}
            file.write(("\n" if text and not text.endswith("\n") else "") + json.dumps(document) + "\n")
            file.flush()
            os.fsync(file.fileno())
    if not text:
        _sync_folder(path.parent)


def _last_seq(text: str) -> int:
    complete = [line for line in text.splitlines() if not _is_torn(line)]
    return int(json.loads(complete[-1])["seq"]) if complete else 0


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable, which takes a sync of its folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_heads(path: Path, keys: Keys) -> ExportedHeads:
    """Read the exported heads and check every signature.

    Raises:
        HeadsForged: a line is damaged or has another signature. The message names the line.
    """
    if not path.exists():
        return ExportedHeads((), ())
    lines = list(enumerate(path.read_text(errors="replace").splitlines(), 1))
    signed = [_signed_head(path, number, line, keys) for number, line in lines if not _is_torn(line)]
    return ExportedHeads(signed, [number for number, line in lines if _is_torn(line)])


def _is_torn(line: str) -> bool:
    """Return True for the beginning of one of our lines. A file system may fill the rest with NUL."""
    written = line.rstrip("\0")
    return not written.endswith("}") and (written.startswith(_LINE_START) or _LINE_START.startswith(written))


def _signed_head(path: Path, number: int, line: str, keys: Keys) -> Head:
    try:
        document = json.loads(line)
        head = Head(int(document["seq"]), str(document["hash"]))
        valid = keys.verifies(_signed_text(head), str(document["signature"]))
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise HeadsForged(f"Line {number} of {path.name} is not signed by this installation.")
    return head


def _signed_text(head: Head) -> str:
    return f"govcloud audit head {head.seq} {head.hash}"
