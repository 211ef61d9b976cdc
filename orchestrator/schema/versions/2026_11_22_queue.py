"""The tables of the job queue (procrastinate 3.10), in their own schema.

Revision ID: 0003
Revises: 0002
"""

from pathlib import Path

import psycopg
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FROZEN = Path(__file__).resolve().parents[1] / "queue.sql"


def upgrade() -> None:
    """Run ``queue.sql`` with the queue's schema first on the search path."""
    op.execute("CREATE SCHEMA queue")
    connection: psycopg.Connection[object] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute("SET LOCAL search_path TO queue, public")
    connection.execute(_FROZEN.read_text())
    connection.execute("SET LOCAL search_path TO public, queue")


def downgrade() -> None:
    """Drop the queue and all its jobs."""
    op.execute("DROP SCHEMA queue CASCADE")
