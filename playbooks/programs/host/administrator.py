"""Administrator connections with a fixed search path, which the owner of a database cannot change."""

from typing import Any

from psycopg import conninfo

SEARCH_PATH = "-c search_path=pg_catalog,pg_temp"
"""System objects first, temporary ones last; an unlisted pg_temp would come before pg_catalog."""


def pinned(text: str, **parts: Any) -> str:
    """Return the connection string `text` with `parts` and a fixed search path.

    Settings of a role or database do not override options of the connection. Without the option, an
    unqualified name in a statement could call a function of the database's owner with the administrator's
    rights.
    """
    existing = conninfo.conninfo_to_dict(text).get("options")
    options = f"{existing} {SEARCH_PATH}" if existing else SEARCH_PATH
    return conninfo.make_conninfo(text, **parts, options=options)
