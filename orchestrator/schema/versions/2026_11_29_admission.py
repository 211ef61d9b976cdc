"""Function `admit_request` writes a submission in one call; a token changes with every price and term.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PRICED = ("price_catalogues", "sku_prices", "skus", "billing_discounts", "billing_payer_splits")
RENEW = """
CREATE FUNCTION renew_price_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE price_terms SET token = gen_random_uuid();
    RETURN NULL;
END
$$;
"""
ADMIT = """
CREATE FUNCTION admit_request(admitted jsonb, judged jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := ARRAY(SELECT jsonb_array_elements_text(admitted -> 'targets'));
    amounts bigint[] := ARRAY(SELECT CAST(jsonb_array_elements_text(admitted -> 'amounts') AS bigint));
    taken text[] := ARRAY(SELECT target FROM unnest(wanted, amounts) AS take (target, amount) WHERE amount > 0);
    taken_amounts bigint[] := ARRAY(SELECT amount FROM unnest(amounts) AS amount WHERE amount > 0);
    lacking text;
BEGIN
    UPDATE resource_requests AS request
    SET status = written.status, status_at = written.status_at, version = written.version,
        submitted_at = written.submitted_at, reason = written.reason, judgement = judged
    FROM jsonb_populate_record(NULL::resource_requests, admitted -> 'request') AS written
    WHERE request.id = written.id;
    INSERT INTO holds (id, request_id, organisation_code, status, created_at, expires_at)
    SELECT id, request_id, organisation_code, status, created_at, expires_at
    FROM jsonb_populate_record(NULL::holds, admitted -> 'hold');
    INSERT INTO hold_items (hold_id, target, amount)
    SELECT CAST(admitted -> 'hold' ->> 'id' AS uuid), * FROM unnest(wanted, amounts);
    -- Late, because everybody else who wants of the same counters waits from here to the commit.
    lacking := change_counters(admitted -> 'hold' ->> 'organisation_code', taken, taken_amounts,
                               array_fill(0::bigint, ARRAY[cardinality(taken)]), taken_amounts);
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'GC001', MESSAGE = lacking;
    END IF;
END
$$;
"""


def upgrade() -> None:
    """Create the token with its triggers, and the function."""
    op.create_table(
        "price_terms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_price_terms_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_terms")),
    )
    op.execute("INSERT INTO price_terms VALUES (1, gen_random_uuid())")
    op.execute(RENEW)
    for table in PRICED:
        op.execute(
            f"CREATE TRIGGER {table}_renew_price_terms AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms()"
        )
    op.execute(ADMIT)


def downgrade() -> None:
    """Drop the function, the triggers and the token."""
    op.execute("DROP FUNCTION admit_request")
    for table in PRICED:
        op.execute(f"DROP TRIGGER {table}_renew_price_terms ON {table}")
    op.execute("DROP FUNCTION renew_price_terms")
    op.drop_table("price_terms")
