"""Name the plans, runs and outcomes of migrations in the words of the trade.

Revision ID: 0013
Revises: 0012
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OTHER_PLANS = ("provision", "change", "release", "undo", "baseline")
OTHER_RUNS = ("plan", "apply", "drift")
PLANS = {"arm": "prepare", "cut": "cutover", "return": "rollback", "disarm": "clean_up"}
RUNS = {"settle": "inspect"}
DIRECTIONS = {"cut": "cutover", "return": "rollback"}
OUTCOMES = {
    "under_way": "under_way",
    "cut": "switched",
    "refused": "refused",
    "reopened": "reverted",
    "unsettled": "unknown",
}
COLUMNS = {"cut_key": "switch_key", "closed_ms": "fenced_ms"}
UNDER_WAY = "uq_migration_switches_one_under_way"


def upgrade() -> None:
    """Rename values and columns; nothing was released with the earlier names."""
    _rename(PLANS, RUNS, DIRECTIONS, OUTCOMES)
    for old, new in COLUMNS.items():
        op.alter_column("migration_switches", old, new_column_name=new)
    _index("outcome IN ('under_way','unknown')")


def downgrade() -> None:
    """Rename values and columns back."""
    _rename(_inverse(PLANS), _inverse(RUNS), _inverse(DIRECTIONS), _inverse(OUTCOMES))
    for old, new in COLUMNS.items():
        op.alter_column("migration_switches", new, new_column_name=old)
    _index("outcome IN ('under_way','unsettled')")


def _inverse(words: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in words.items()}


def _rename(
    plans: Mapping[str, str],
    runs: Mapping[str, str],
    directions: Mapping[str, str],
    outcomes: Mapping[str, str],
) -> None:
    _words("execution_plans", "kind", plans, OTHER_PLANS)
    _words("runs", "kind", runs, OTHER_RUNS)
    _words("migration_acts", "act", plans)
    _words("migration_switches", "direction", directions)
    op.drop_index(UNDER_WAY, table_name="migration_switches")
    _words("migration_switches", "outcome", outcomes)


def _words(table: str, column: str, words: Mapping[str, str], others: Sequence[str] = ()) -> None:
    name = op.f(f"ck_{table}_{column}_known")
    op.drop_constraint(name, table)
    for old, new in words.items():
        op.execute(sa.text(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'"))  # noqa: S608
    allowed = ", ".join(f"'{word}'" for word in (*others, *words.values()))
    op.create_check_constraint(name, table, f"{column} IN ({allowed})")


def _index(under_way: str) -> None:
    op.create_index(
        UNDER_WAY,
        "migration_switches",
        ["migration_id"],
        unique=True,
        postgresql_where=sa.text(under_way),
    )
