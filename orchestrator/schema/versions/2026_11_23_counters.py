"""Function `change_counters`: change all counters of a hold in one call, in the given order.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHANGE = """
CREATE FUNCTION change_counters(
    organisation text, targets text[], held_by bigint[], committed_by bigint[], needed bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    part text[];
BEGIN
    -- Returns the first counter that has less left than is needed, and then the caller rolls back.
    FOR i IN 1 .. cardinality(targets) LOOP
        part := string_to_array(targets[i], ':');
        CASE part[1]
        WHEN 'quota' THEN
            UPDATE quota_limits SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE organisation_code = organisation AND zone_class = part[2] AND resource_class = part[3]
                AND (needed[i] IS NULL OR amount - held - committed >= needed[i]);
        WHEN 'pool' THEN
            UPDATE pool_capacities SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE pool_code = part[2] AND resource_class = part[3]
                AND (needed[i] IS NULL OR allocatable - held - committed >= needed[i]);
        WHEN 'budget' THEN
            UPDATE budget_lines
            SET held_fen = held_fen + held_by[i], committed_fen = committed_fen + committed_by[i]
            WHERE id = part[2]::uuid
                AND (needed[i] IS NULL
                     OR appropriated_fen - held_fen - committed_fen - spent_fen >= needed[i]);
        END CASE;
        IF NOT FOUND AND needed[i] IS NOT NULL THEN
            RETURN targets[i];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
"""


def upgrade() -> None:
    """Create the function."""
    op.execute(CHANGE)


def downgrade() -> None:
    """Drop the function."""
    op.execute("DROP FUNCTION change_counters")
