"""How an administrator's connection is opened, whatever the owner of a database has set up in it."""

from typing import Any

from psycopg import conninfo

SEARCH_PATH = "-c search_path=pg_catalog,pg_temp"
"""The system's own objects first, temporary ones last: an unlisted pg_temp would come before pg_catalog."""


def pinned(text: str, **parts: Any) -> str:
    """Return the connection text `text` with `parts` and with a search path that nobody else can set.

    The settings of a role or of a database do not override an option that is given at connect. Without it, an
    unqualified name in a statement could call a function of the database's owner with all rights.
    """
    given = conninfo.conninfo_to_dict(text).get("options")
    options = f"{given} {SEARCH_PATH}" if given else SEARCH_PATH
    return conninfo.make_conninfo(text, **parts, options=options)
