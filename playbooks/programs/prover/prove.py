"""Report one side of the equality proof: the content of database and folders at the fence moment.

The program is independent of the mover and of replication; the orchestrator compares the reports.

Rows are hashed as text with two seeds, and the hashes are summed, so the order of rows does not matter.
Files are hashed with SHA-256. Files written or deleted after the fence moment of either side (see late.py)
are excluded on both sides, because a client may have repeated an unacknowledged write there. Names are in
the form of `host_files.printable`.
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
from host_files import host_path, printable
from psycopg import sql

CANONICAL_OUTPUT = {
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
# An anonymous row, because the table's owner may have defined a cast from the table's row type to text.
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
    database = own.get("database")
    return {
        "database": report_database(database, own.get("snapshot")) if database else None,
        "folders": {folder["path"]: report_folder(folder, order["late"]) for folder in own["folders"]},
    }


def report_database(database: dict[str, Any], snapshot: str | None) -> dict[str, Any]:
    """Return rows and hash of every table in the snapshot, and the current values of the sequences."""
    text = host_path(database["admin"]).read_text("utf-8").strip()
    with psycopg.connect(pinned(text, dbname=database["name"], connect_timeout=5)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
        for name, value in CANONICAL_OUTPUT.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        tables = {}
        for schema, table in connection.execute(TABLES).fetchall():
            query = sql.SQL(HASHES).format(schema=sql.Identifier(schema), table=sql.Identifier(table))
            rows, *hashes = connection.execute(query).fetchone() or (0, "0", "0")
            tables[f"{schema}.{table}"] = {"rows": rows, "hash": ":".join(hashes)}
        sequences: dict[str, int] = dict(connection.execute(SEQUENCES).fetchall())
    return {"tables": tables, "sequences": sequences}


def report_folder(ordered: dict[str, Any], late: list[dict[str, list[str]]]) -> dict[str, Any]:
    """Return number, bytes and hash of the files per subfolder, and the number of excluded files."""
    excluded = {name for side in late for name in side[ordered["path"]]}
    parts: dict[str, list[tuple[str, int, int, str]]] = {}
    folder = current_path(ordered)
    for path, status in files_of(folder):
        relative = path.relative_to(folder)
        name = printable(relative)
        if status.st_ctime_ns > ordered["since"]:
            excluded.add(name)
        if name not in excluded and (digest := digest_of(path)):
            entry = (name, status.st_size, status.st_mode & 0o7777, digest)
            parts.setdefault(printable(relative.parent), []).append(entry)
    summaries = {part: summary(files) for part, files in sorted(parts.items())}
    return {"parts": summaries, "later": len(excluded)}


def current_path(ordered: dict[str, Any]) -> Path:
    """Return the path at which a folder of an order is now: that of the application, or the fenced one."""
    paths = (host_path(ordered["path"]), host_path(ordered["fenced_path"]))
    return next(path for path in paths if path.is_dir())


def files_of(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every regular file with its status, without files that are deleted in the meantime."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    yield path, status


def summary(files: list[tuple[str, int, int, str]]) -> dict[str, Any]:
    lines = "".join(f"{mode:o} {size} {digest} {path}\0" for path, size, mode, digest in sorted(files))
    digest = hashlib.sha256(lines.encode("utf-8")).hexdigest()
    return {"files": len(files), "bytes": sum(size for _, size, _, _ in files), "hash": digest}


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None if it has been removed."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(CHUNK):
                digest.update(data)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
