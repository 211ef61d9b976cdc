"""Authentication that every connection to a host's PostgreSQL requires of the server."""

from typing import Final

import psycopg

OLDEST_LIBPQ_WITH_REQUIRE_AUTH: Final = 160000
PROVEN: Final = (
    {"require_auth": "scram-sha-256"} if psycopg.pq.version() >= OLDEST_LIBPQ_WITH_REQUIRE_AUTH else {}
)
"""With SCRAM the server proves that it knows the password; a server of another cloud cannot."""
