"""Paths on this host, and atomic writes of files."""

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("HOST_ROOT") or "/")
"""The folder to which paths in orders are relative: a sandbox host's root folder, or `/` of a real host."""


def host_path(path: str) -> Path:
    """Return the absolute path of a path in an order. Raises ValueError if it leaves the root."""
    absolute = ROOT / path.lstrip("/")
    if ".." in absolute.parts:
        raise ValueError(f"{path}: is outside of the host's root")
    return absolute


def printable(path: str | Path) -> str:
    """Return a file name as valid text for answers. Different names have different texts.

    Bytes that are not UTF-8, as in archives from GBK systems, become hexadecimal digits after a backslash; a
    backslash is doubled.
    """
    return os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def program_path(name: str) -> str:
    """Return the path of a program of the same bundle, for the command line of a service."""
    return str(Path(__file__).with_name(name))


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically and durably, readable by its account only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_private(path, json.dumps(value, ensure_ascii=False, sort_keys=True))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None if it does not exist."""
    return json.loads(path.read_text("utf-8")) if path.exists() else None
