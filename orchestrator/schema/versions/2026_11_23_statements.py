"""Usage statements with lines and movements, and triggers that make issued ones append-only.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RULES = """
CREATE FUNCTION keep_issued_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status NOT IN ('open', 'metered') AND (
        (NEW.organisation_code, NEW.month, NEW.revision, NEW.replaces_id, NEW.number, NEW.event_seq,
         NEW.line_count, NEW.total_fen, NEW.issued_on, NEW.digest, NEW.verified_by_id)
        IS DISTINCT FROM
        (OLD.organisation_code, OLD.month, OLD.revision, OLD.replaces_id, OLD.number, OLD.event_seq,
         OLD.line_count, OLD.total_fen, OLD.issued_on, OLD.digest, OLD.verified_by_id)
        OR NEW.status IN ('open', 'metered')
        OR OLD.status IN ('confirmed', 'settled', 'locked', 'upheld')
           AND (NEW.confirmed_by_id, NEW.confirmed_on) IS DISTINCT FROM (OLD.confirmed_by_id, OLD.confirmed_on)
        OR OLD.status IN ('locked', 'upheld') AND NEW.status <> OLD.status
        OR OLD.status = 'settled' AND NEW.status NOT IN ('settled', 'locked')
        OR OLD.status = 'confirmed' AND NEW.status NOT IN ('confirmed', 'settled')
    ) THEN
        RAISE EXCEPTION 'statement % is % and append-only', OLD.number, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER usage_statements_keep_issued BEFORE UPDATE ON usage_statements
    FOR EACH ROW EXECUTE FUNCTION keep_issued_statement();
CREATE TRIGGER usage_statements_never_deleted BEFORE DELETE OR TRUNCATE ON usage_statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One look at the rows of a whole statement: a trigger for each of a million rows would take longer than
-- rating them.
CREATE FUNCTION only_open_statements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other text;
BEGIN
    SELECT coalesce(s.number, s.status, 'unknown') INTO other
        FROM (SELECT DISTINCT statement_id FROM touched) AS t
        LEFT JOIN usage_statements s ON s.id = t.statement_id
        WHERE s.status IS DISTINCT FROM 'open' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of statement % is append-only', TG_TABLE_NAME, other
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER statement_lines_of_open_inserted AFTER INSERT ON statement_lines
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER statement_lines_of_open_deleted AFTER DELETE ON statement_lines
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER statement_lines_never_changed BEFORE UPDATE OR TRUNCATE ON statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sku_movements_of_open_inserted AFTER INSERT ON sku_movements
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER sku_movements_of_open_deleted AFTER DELETE ON sku_movements
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER sku_movements_never_changed BEFORE UPDATE OR TRUNCATE ON sku_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Create the tables, then the triggers that protect issued statements."""
    _create_statements()
    _create_lines()
    _create_movements()
    op.execute(RULES)


def _create_statements() -> None:
    op.create_table(
        "usage_statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=True),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("answer_due", sa.Date(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("verified_by_id", sa.Uuid(), nullable=True),
        sa.Column("confirmed_by_id", sa.Uuid(), nullable=True),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("disputed_by_id", sa.Uuid(), nullable=True),
        sa.Column("dispute_reason", sa.String(), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(status = 'open') = (event_seq IS NULL)", name=op.f("ck_usage_statements_metered_up_to_an_event")
        ),
        sa.CheckConstraint(
            "(status IN ('open', 'metered')) = (number IS NULL)",
            name=op.f("ck_usage_statements_numbered_when_issued"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'metered', 'issued', 'disputed', 'upheld', 'escalated', 'confirmed', 'settled', 'locked')",
            name=op.f("ck_usage_statements_status_known"),
        ),
        sa.CheckConstraint(
            "decided_by_id <> verified_by_id AND decided_by_id <> disputed_by_id AND decided_by_id <> confirmed_by_id",
            name=op.f("ck_usage_statements_decided_by_another_person"),
        ),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_usage_statements_month_begins")),
        sa.CheckConstraint(
            "verified_by_id <> confirmed_by_id", name=op.f("ck_usage_statements_confirmed_by_another_person")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["persons.id"], name=op.f("fk_usage_statements_confirmed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["persons.id"], name=op.f("fk_usage_statements_decided_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["disputed_by_id"], ["persons.id"], name=op.f("fk_usage_statements_disputed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_usage_statements_organisation_code")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["usage_statements.id"], name=op.f("fk_usage_statements_replaces_id")
        ),
        sa.ForeignKeyConstraint(
            ["verified_by_id"], ["persons.id"], name=op.f("fk_usage_statements_verified_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_statements")),
        sa.UniqueConstraint("number", name=op.f("uq_usage_statements_number")),
        sa.UniqueConstraint(
            "organisation_code",
            "month",
            "revision",
            name=op.f("uq_usage_statements_organisation_code_month_revision"),
        ),
    )
    op.create_index(op.f("ix_usage_statements_month"), "usage_statements", ["month"], unique=False)
    op.create_index(
        "uq_usage_statements_current",
        "usage_statements",
        ["organisation_code", "month"],
        unique=True,
        postgresql_where=sa.text("status <> 'upheld'"),
    )


def _create_lines() -> None:
    op.create_table(
        "statement_lines",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("billing_state", sa.String(), nullable=False),
        sa.Column("catalogue_code", sa.String(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("vcpu", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("memory_gb", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("discount", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("month_days", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("payers", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("shares_fen", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("reverses_statement_id", sa.Uuid(), nullable=True),
        sa.Column("reverses_position", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'counter') = (reverses_statement_id IS NOT NULL)",
            name=op.f("ck_statement_lines_counter_names_line"),
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'counter' THEN amount_fen <= 0 ELSE amount_fen >= 0 END",
            name=op.f("ck_statement_lines_sign"),
        ),
        sa.CheckConstraint(
            "kind IN ('ordinary', 'counter', 'right')", name=op.f("ck_statement_lines_kind_known")
        ),
        sa.PrimaryKeyConstraint("statement_id", "position", name=op.f("pk_statement_lines")),
    )
    op.create_index(
        "ix_statement_lines_corrections",
        "statement_lines",
        ["month"],
        unique=False,
        postgresql_where=sa.text("kind <> 'ordinary'"),
    )


def _create_movements() -> None:
    op.create_table(
        "sku_movements",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("opening", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("increases", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("decreases", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("closing", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.CheckConstraint("increases >= 0 AND decreases >= 0", name=op.f("ck_sku_movements_not_negative")),
        sa.CheckConstraint(
            "opening + increases - decreases = closing", name=op.f("ck_sku_movements_balances")
        ),
        sa.ForeignKeyConstraint(["sku_code"], ["skus.code"], name=op.f("fk_sku_movements_sku_code")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["usage_statements.id"], name=op.f("fk_sku_movements_statement_id")
        ),
        sa.PrimaryKeyConstraint("statement_id", "sku_code", name=op.f("pk_sku_movements")),
    )
    op.create_table(
        "considered_corrections",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["usage_statements.id"],
            name=op.f("fk_considered_corrections_statement_id"),
        ),
        sa.PrimaryKeyConstraint("statement_id", "month", name=op.f("pk_considered_corrections")),
    )


def downgrade() -> None:
    """Drop statements, lines and movement."""
    op.drop_table("considered_corrections")
    op.drop_table("sku_movements")
    op.drop_table("statement_lines")
    op.drop_table("usage_statements")
    op.execute("DROP FUNCTION only_open_statements, keep_issued_statement")
