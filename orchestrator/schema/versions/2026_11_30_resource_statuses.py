"""Remove the resource status `ordered`: a row is stored as `provisioning` when its apply begins.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAME = "ck_resources_status_known"
STATUSES = ("provisioning", "failed", "trial", "active", "changing", "suspended", "releasing", "released")


def upgrade() -> None:
    """Allow the remaining statuses; no row ever had the removed one."""
    _allow(STATUSES)


def downgrade() -> None:
    """Allow the removed status again."""
    _allow(("ordered", *STATUSES))


def _allow(statuses: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(NAME), "resources")
    op.create_check_constraint(op.f(NAME), "resources", f"status IN ({', '.join(map(repr, statuses))})")
