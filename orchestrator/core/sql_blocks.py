r"""SQL statements by name, from `.sql` files.

A block begins with ``-- name: write_lines``. In it, a line ``-- with: usage, terms`` stands for the WITH
clause that is made of the blocks named there, and a line ``-- include: sizes`` for the block of that name.
``python -m orchestrator.core.sql_blocks <files> <name>`` prints a statement for psql, which takes the same
``:name`` parameters (``\set month '''2019-06-01'''``).
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_WITH = re.compile(r"^-- with: (.+)$", re.MULTILINE)
_INCLUDE = re.compile(r"^ *-- include: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<!:):(\w+)")


def load_sql(*files: Path) -> Mapping[str, str]:
    """Return the statements of all `files`, which share one namespace.

    Raises:
        KeyError: a block names a block that no file has.
        RecursionError: a block includes itself.
        ValueError: two blocks have one name.
    """
    bodies: dict[str, str] = {}
    for file in files:
        _, *parts = _NAME.split(file.read_text("utf-8"))
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in bodies:
                raise ValueError(f"{file.name} names a second block {name}.")
            bodies[name] = body.strip()

    def with_clause(match: re.Match[str]) -> str:
        return "WITH " + ",\n".join(bodies[name] for name in match[1].split(", "))

    def included(match: re.Match[str]) -> str:
        return _INCLUDE.sub(included, bodies[match[1]])

    return {name: _INCLUDE.sub(included, _WITH.sub(with_clause, body)) for name, body in bodies.items()}


def load_driver_sql(*files: Path) -> Mapping[str, str]:
    """Return the statements of all `files` with parameters as psycopg takes them: ``%(name)s``."""
    return {
        name: _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
        for name, statement in load_sql(*files).items()
    }


if __name__ == "__main__":
    *paths, wanted = sys.argv[1:]
    sys.stdout.write(load_sql(*map(Path, paths))[wanted] + ";\n")
