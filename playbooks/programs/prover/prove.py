"""One side of the proof: what is in the database and in the folders of this host at the moment of the fence.

This is no part of the mover: it reads by itself, knows nothing of replication, and judges nothing. Whoever
gets the two reports compares them.

Rows are hashed as text, twice with different seeds, and the hashes summed, so their order plays no part.
Files are hashed by SHA-256. Files that either side says were written after its fence moment (see late.py) are
left out on both sides: a client may have sent again there what it was not told was stored. So are files that
clients have taken away there. Names are told as `place.printable` writes them, on both sides.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from administrator import pinned
from place import below, printable
from psycopg import sql

ONE_WAY_TO_WRITE = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "row_security": "off",
}
TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT LIKE 'govcloud\\_%' ORDER BY 1, 2
"""
# As an anonymous row: the owner of a table may have made a cast of its own from the table's row to text.
HASHES = """
SELECT count(*), coalesce(sum(hashtextextended(line, 0)::numeric), 0)::text,
    coalesce(sum(hashtextextended(line, 7)::numeric), 0)::text
FROM (SELECT ROW(t.*)::text AS line FROM {schema}.{table} AS t OFFSET 0) AS lines
"""
SEQUENCES = (
    "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
)
CHUNK = 1 << 20


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {own: {database: {name, admin} or none, snapshot, folders}, late: [{path: [file]}]}."""
    own = order["own"]
    wanted = own.get("database")
    return {
        "database": look_at_database(wanted, own.get("snapshot")) if wanted else None,
        "folders": {each["path"]: look_at_folder(each, order["late"]) for each in own["folders"]},
    }


def look_at_database(wanted: dict[str, Any], snapshot: str | None) -> dict[str, Any]:
    """Rows and hash of every table as the snapshot shows them, and where the sequences stand now."""
    text = below(wanted["admin"]).read_text("utf-8").strip()
    with psycopg.connect(pinned(text, dbname=wanted["name"], connect_timeout=5)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
        for name, value in ONE_WAY_TO_WRITE.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        tables = {}
        for schema, table in connection.execute(TABLES).fetchall():
            query = sql.SQL(HASHES).format(schema=sql.Identifier(schema), table=sql.Identifier(table))
            rows, *hashes = connection.execute(query).fetchone() or (0, "0", "0")
            tables[f"{schema}.{table}"] = {"rows": rows, "hash": ":".join(hashes)}
        sequences: dict[str, int] = dict(connection.execute(SEQUENCES).fetchall())
    return {"tables": tables, "sequences": sequences}


def look_at_folder(wanted: dict[str, Any], late: list[dict[str, list[str]]]) -> dict[str, Any]:
    """Per subfolder the number, bytes and hash of its files; how many files came later."""
    left_out = {name for side in late for name in side[wanted["path"]]}
    parts: dict[str, list[tuple[str, int, int, str]]] = {}
    place = place_of(wanted)
    for path, seen in files_of(place):
        inside = path.relative_to(place)
        name = printable(inside)
        if seen.st_ctime_ns > wanted["since"]:
            left_out.add(name)
        if name not in left_out and (digest := digest_of(path)):
            entry = (name, seen.st_size, seen.st_mode & 0o7777, digest)
            parts.setdefault(printable(inside.parent), []).append(entry)
    found = {part: summary(files) for part, files in sorted(parts.items())}
    return {"parts": found, "later": len(left_out)}


def place_of(wanted: dict[str, Any]) -> Path:
    """Where the folder lies now: in use, or taken from the application."""
    return next(below(path) for path in (wanted["path"], wanted["otherwise"]) if below(path).is_dir())


def files_of(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every regular file with what was seen of it; one that a client takes away meanwhile is none."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                seen = path.lstat()
                if stat.S_ISREG(seen.st_mode):
                    yield path, seen


def summary(files: list[tuple[str, int, int, str]]) -> dict[str, Any]:
    lines = "".join(f"{mode:o} {size} {digest} {path}\0" for path, size, mode, digest in sorted(files))
    digest = hashlib.sha256(lines.encode("utf-8")).hexdigest()
    return {"files": len(files), "bytes": sum(size for _, size, _, _ in files), "hash": digest}


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file; none of one that a client has taken away since it was seen."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(CHUNK):
                digest.update(data)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
