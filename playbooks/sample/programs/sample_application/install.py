"""Install the sample system on this host: database role, configuration, web service, and seed data."""

import secrets as random_texts
import time
from typing import Any

import psycopg
import seed
import services
from host_files import host_path, program_path, read_json, write_json
from psycopg import conninfo, sql

SERVICE = "web"
ROLE = "app"


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {address, port, admin, database, folder, uploads, seed: {megabytes, files, file_bytes} or none}.

    With `seed` this host serves. Without it the role cannot log in until a migration brings the database.
    """
    admin = host_path(order["admin"]).read_text("utf-8")
    config_path = host_path(order["folder"]) / "config.json"
    config = read_json(config_path) or configuration(order, admin)
    serves = bool(order.get("seed"))
    make_role(admin, config, may_log_in=serves)
    began = time.monotonic()
    seeded = serves and seed.seed(admin, order["database"], ROLE, host_path(order["uploads"]), order["seed"])
    write_json(config_path, config)
    services.run_service(SERVICE, [program_path("web.py"), "--config", str(config_path)])
    return {"changed": True, "seeded": seeded, "seed_seconds": round(time.monotonic() - began, 2)}


def configuration(order: dict[str, Any], admin: str) -> dict[str, Any]:
    """Make the application's settings, with a new password for this host's role."""
    server = {
        name: value
        for name, value in conninfo.conninfo_to_dict(admin).items()
        if name in {"port", "require_auth"}
    }
    login = {"user": ROLE, "password": random_texts.token_urlsafe(18), "dbname": order["database"]}
    return {
        "address": order["address"],
        "port": order["port"],
        "database": conninfo.make_conninfo(host=order["address"], **server, **login),
        "uploads": str(host_path(order["uploads"])),
    }


def make_role(admin: str, config: dict[str, Any], *, may_log_in: bool) -> None:
    """Create or update the application's role. An existing role keeps its LOGIN attribute."""
    password = conninfo.conninfo_to_dict(config["database"])["password"]
    with psycopg.connect(admin, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        login = sql.SQL("" if exists else ("LOGIN" if may_log_in else "NOLOGIN"))
        verb = sql.SQL("ALTER" if exists else "CREATE")
        statement = sql.SQL("{} ROLE {} {} PASSWORD {}")
        connection.execute(statement.format(verb, sql.Identifier(ROLE), login, sql.Literal(password)))
