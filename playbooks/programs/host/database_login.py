"""What every connection between programs and a host's PostgreSQL demands of the server."""

from typing import Final

import psycopg

OLDEST_LIBPQ_WITH_REQUIRE_AUTH: Final = 160000
PROVEN: Final = (
    {"require_auth": "scram-sha-256"} if psycopg.pq.version() >= OLDEST_LIBPQ_WITH_REQUIRE_AUTH else {}
)
"""The server proves that it knows the password, too: another cloud's at the same address does not."""
