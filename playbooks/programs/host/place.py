"""Where things lie on this host, and files that are written in one step."""

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("HOST_ROOT") or "/")
"""All paths of an order are below it: a sandbox host's own folder, or the root of a real host."""


def below(path: str) -> Path:
    """The place of a path of an order. Raises ValueError when it leads out of the root."""
    place = ROOT / path.lstrip("/")
    if ".." in place.parts:
        raise ValueError(f"{path}: leads out of the host's root")
    return place


def printable(path: str | Path) -> str:
    """A name as text that any reader can keep, for answers that leave the host; no two names become one.

    A name is bytes. Those that are no UTF-8, as in archives from systems that wrote GBK, are told in
    hexadecimal digits behind a backslash, and a backslash as two.
    """
    return os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def program(name: str) -> str:
    """A program that came with the one that runs, for the argument list of a service."""
    return str(Path(__file__).with_name(name))


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its own account may read; a reader sees the old text or the new."""
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
    """What the file holds, or None where there is none."""
    return json.loads(path.read_text("utf-8")) if path.exists() else None
