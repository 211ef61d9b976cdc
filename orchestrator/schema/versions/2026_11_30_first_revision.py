"""All tables with their constraints, the job queue, the database's functions and its triggers.

Revision ID: 0001
Revises:
"""

from pathlib import Path

from alembic import op

from orchestrator.schema.functions import create_functions
from orchestrator.schema.sql_files import run_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FOLDER = Path(__file__).resolve().parents[1] / "first_revision"
_TABLES = (
    "core",
    "departments",
    "systems",
    "catalogue",
    "content",
    "quotas",
    "resource_requests",
    "runs",
    "resources",
    "billing",
    "migrations",
    "foreign_keys",
)


def upgrade() -> None:
    """Create everything; the queue's tables (procrastinate 3.10) get a schema of their own."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    for name in _TABLES:
        _run(name)
    op.execute("CREATE SCHEMA queue")
    op.execute("SET LOCAL search_path TO queue, public")
    _run("queue")
    op.execute("SET LOCAL search_path TO public, queue")
    create_functions(op.get_bind())
    _run("triggers")


def downgrade() -> None:
    """Drop everything but the extension."""
    _run("drop")


def _run(name: str) -> None:
    run_file(op.get_bind(), _FOLDER / f"{name}.sql")
