"""Status `cancelling` of requests, and kind `undo` of the plans that remove leftovers of a failed apply.

Revision ID: 0012
Revises: 0011
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LIVE = "status IN ('generated','checked','submitted','approved','applying','verifying','failed')"
KINDS = ("provision", "change", "release", "baseline", "arm", "cut", "return", "disarm")
STATUSES = (
    *("draft", "awaiting_endorsement", "submitted", "returned", "accepted", "under_review", "approved"),
    *("planned", "in_trial", "fulfilled", "trial_ended", "refused", "rejected", "cancelled", "expired"),
)


def upgrade() -> None:
    """Allow the new status and kind; a request still has at most one live Terraform plan."""
    _allow("resource_requests", "status", (*STATUSES, "cancelling"))
    _allow("execution_plans", "kind", (*KINDS, "undo"))
    _index(f"{LIVE} AND kind IN ('provision','change','release','undo','baseline')")


def downgrade() -> None:
    """Allow the earlier values only; this fails while a row has a new one."""
    _index(f"{LIVE} AND kind IN ('provision','change','release','baseline')")
    _allow("execution_plans", "kind", KINDS)
    _allow("resource_requests", "status", STATUSES)


def _allow(table: str, column: str, words: Sequence[str]) -> None:
    name = op.f(f"ck_{table}_{column}_known")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"{column} IN ({', '.join(map(repr, words))})")


def _index(live: str) -> None:
    op.drop_index("uq_execution_plans_live", table_name="execution_plans")
    op.create_index(
        "uq_execution_plans_live",
        "execution_plans",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text(live),
    )
