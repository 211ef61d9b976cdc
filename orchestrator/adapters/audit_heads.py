"""Signed heads of the audit chain in a file outside the database, one JSON line each.

A machine that dies, or a full disk, tears the line that is being written. A torn line says nothing about the
chain, no more than a line that is missing; it is counted, and the next head begins a line of its own.
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

_BEGINS = '{"seq": '


class HeadsForged(BusinessError):
    """A line of the exported heads is not signed by this installation."""

    zh = "导出的审计链头签名无效"


@dataclass(frozen=True)
class ExportedHeads:
    """Every head whose signature holds, and the numbers of the lines that were torn while being written."""

    signed: Sequence[Head]
    torn: Sequence[int]


def append_head(path: Path, keys: Keys, head: Head) -> None:
    """Sign and append `head`, on the disk before this returns, unless it is the last one already."""
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
    whole = [line for line in text.splitlines() if not _is_torn(line)]
    return int(json.loads(whole[-1])["seq"]) if whole else 0


def _sync_folder(folder: Path) -> None:
    """The name of a new file is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_heads(path: Path, keys: Keys) -> ExportedHeads:
    """Every exported head, each signature checked.

    Raises:
        HeadsForged: a line is damaged or carries another signature; the line is named.
    """
    if not path.exists():
        return ExportedHeads((), ())
    lines = list(enumerate(path.read_text(errors="replace").splitlines(), 1))
    signed = [_signed_head(path, number, line, keys) for number, line in lines if not _is_torn(line)]
    return ExportedHeads(signed, [number for number, line in lines if _is_torn(line)])


def _is_torn(line: str) -> bool:
    """Whether a line is the beginning of one that we write; a file system may fill the rest with NUL."""
    begun = line.rstrip("\0")
    return not begun.endswith("}") and (begun.startswith(_BEGINS) or _BEGINS.startswith(begun))


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
