"""Budget commitments: the committed amount of a budget line by resource, SKU, price and days.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Returns the first counter that has less left than is needed, has less than is taken from it, or does not
# exist; then the caller rolls back.
CHANGE = """
CREATE OR REPLACE FUNCTION change_counters(
    organisation text, targets text[], held_by bigint[], committed_by bigint[], needed bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    part text[];
BEGIN
    FOR i IN 1 .. cardinality(targets) LOOP
        part := string_to_array(targets[i], ':');
        CASE part[1]
        WHEN 'quota' THEN
            UPDATE quota_limits SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE organisation_code = organisation AND zone_class = part[2] AND resource_class = part[3]
                {enough_units}
                AND (needed[i] IS NULL OR amount - held - committed >= needed[i]);
        WHEN 'pool' THEN
            UPDATE pool_capacities SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE pool_code = part[2] AND resource_class = part[3]
                {enough_units}
                AND (needed[i] IS NULL OR allocatable - held - committed >= needed[i]);
        WHEN 'budget' THEN
            UPDATE budget_lines
            SET held_fen = held_fen + held_by[i], committed_fen = committed_fen + committed_by[i]
            WHERE id = part[2]::uuid
                {enough_fen}
                AND (needed[i] IS NULL
                     OR appropriated_fen - held_fen - committed_fen - spent_fen >= needed[i]);
        END CASE;
        IF NOT FOUND {only_needed} THEN
            RETURN targets[i];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
"""
CHECKED = CHANGE.format(
    enough_units="AND held + held_by[i] >= 0 AND committed + committed_by[i] >= 0",
    enough_fen="AND held_fen + held_by[i] >= 0 AND committed_fen + committed_by[i] >= 0",
    only_needed="",
)
UNCHECKED = CHANGE.format(enough_units="", enough_fen="", only_needed="AND needed[i] IS NOT NULL")
WALLS = """
CREATE FUNCTION commitment_only_loses_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ends > OLD.ends OR NEW.amount_fen > OLD.amount_fen
        OR to_jsonb(NEW) - 'ends' - 'amount_fen' <> to_jsonb(OLD) - 'ends' - 'amount_fen'
    THEN
        RAISE EXCEPTION 'a budget commitment only loses days from its end, with their amount'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER budget_commitments_only_lose_days BEFORE UPDATE ON budget_commitments
    FOR EACH ROW EXECUTE FUNCTION commitment_only_loses_days();
CREATE TRIGGER budget_commitments_never_deleted BEFORE DELETE OR TRUNCATE ON budget_commitments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION line_covers_its_commitments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM budget_lines AS line
        WHERE id IN (SELECT line_id FROM touched)
            AND committed_fen < (SELECT sum(amount_fen) FROM budget_commitments WHERE line_id = line.id)
    ) THEN
        RAISE EXCEPTION 'a budget line has less committed than its budget commitments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_lines_cover_commitments';
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION lessened_line_covers_its_commitments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.committed_fen < (SELECT sum(amount_fen) FROM budget_commitments WHERE line_id = NEW.id) THEN
        RAISE EXCEPTION 'a budget line has less committed than its budget commitments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_lines_cover_commitments';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER budget_commitments_are_covered AFTER INSERT ON budget_commitments
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION line_covers_its_commitments();
CREATE TRIGGER budget_lines_cover_commitments AFTER UPDATE ON budget_lines
    FOR EACH ROW WHEN (NEW.committed_fen < OLD.committed_fen)
    EXECUTE FUNCTION lessened_line_covers_its_commitments();
"""


def upgrade() -> None:
    """Create the table with its triggers; counters now refuse to give back more than they have."""
    op.create_unique_constraint(op.f("uq_budget_lines_id_fiscal_year"), "budget_lines", ["id", "fiscal_year"])
    op.create_table(
        "budget_commitments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("catalogue_code", sa.String(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "quantity > 0 AND amount_fen >= 0", name=op.f("ck_budget_commitments_amounts_sensible")
        ),
        sa.CheckConstraint(
            "starts <= ends AND starts >= make_date(fiscal_year, 1, 1)"
            " AND ends <= make_date(fiscal_year + 1, 1, 1)",
            name=op.f("ck_budget_commitments_days_of_its_fiscal_year"),
        ),
        sa.ForeignKeyConstraint(
            ["line_id", "fiscal_year"],
            ["budget_lines.id", "budget_lines.fiscal_year"],
            name=op.f("fk_budget_commitments_line_id_fiscal_year"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_budget_commitments_workspace_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_budget_commitments_request_id")
        ),
        sa.ForeignKeyConstraint(["sku_code"], ["skus.code"], name=op.f("fk_budget_commitments_sku_code")),
        sa.ForeignKeyConstraint(
            ["catalogue_code"], ["price_catalogues.code"], name=op.f("fk_budget_commitments_catalogue_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_commitments")),
    )
    op.create_index(op.f("ix_budget_commitments_line_id"), "budget_commitments", ["line_id"])
    op.create_index(op.f("ix_budget_commitments_workspace_id"), "budget_commitments", ["workspace_id"])
    op.execute(WALLS)
    op.execute(CHECKED)


def downgrade() -> None:
    """Drop the table with its triggers, and restore the unchecked counters."""
    op.execute(UNCHECKED)
    op.execute("DROP TRIGGER budget_lines_cover_commitments ON budget_lines")
    op.drop_table("budget_commitments")
    op.execute("DROP FUNCTION line_covers_its_commitments, lessened_line_covers_its_commitments")
    op.execute("DROP FUNCTION commitment_only_loses_days")
    op.drop_constraint(op.f("uq_budget_lines_id_fiscal_year"), "budget_lines")
