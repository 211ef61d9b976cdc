"""Name the end of a hold and the index of active runs in plain words.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename; nothing was released with the earlier names."""
    op.alter_column("holds", "settled_at", new_column_name="ended_at")
    op.execute("ALTER INDEX uq_runs_one_at_work RENAME TO uq_runs_one_active")


def downgrade() -> None:
    """Restore the earlier names."""
    op.execute("ALTER INDEX uq_runs_one_active RENAME TO uq_runs_one_at_work")
    op.alter_column("holds", "ended_at", new_column_name="settled_at")
