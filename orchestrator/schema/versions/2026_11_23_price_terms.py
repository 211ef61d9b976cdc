"""Graduated prices, prices of suspended resources, discounts and payer splits.

Revision ID: 0004
Revises: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ONE_KIND = "ck_sku_prices_one_kind_of_price"


def upgrade() -> None:
    """Widen the prices and create both tables of terms."""
    op.add_column("sku_prices", sa.Column("suspended_percent", sa.Integer(), nullable=True))
    op.add_column("sku_prices", sa.Column("tiers", postgresql.JSONB(), nullable=True))
    op.drop_constraint(ONE_KIND, "sku_prices")
    op.create_check_constraint(op.f(ONE_KIND), "sku_prices", "num_nonnulls(price_fen, percent, tiers) = 1")
    op.create_check_constraint(
        op.f("ck_sku_prices_suspended_percent_known"), "sku_prices", "suspended_percent BETWEEN 0 AND 100"
    )
    _terms(
        "billing_discounts",
        sa.Column("percent", sa.Numeric(5, 2), nullable=False),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_billing_discounts_percent_known")),
    )
    _terms(
        "billing_payer_splits",
        sa.Column("payers", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("percents", sa.ARRAY(sa.Numeric(5, 2)), nullable=False),
        sa.CheckConstraint(
            "cardinality(payers) = cardinality(percents)",
            name=op.f("ck_billing_payer_splits_a_percentage_each"),
        ),
        sa.CheckConstraint("0 <= ALL (percents)", name=op.f("ck_billing_payer_splits_percents_not_negative")),
    )


def _terms(table: str, *parts: sa.Column[Any] | sa.CheckConstraint) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("days", postgresql.DATERANGE(), nullable=False),
        *parts,
        sa.CheckConstraint("NOT isempty(days) AND NOT lower_inf(days)", name=op.f(f"ck_{table}_days_begin")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f(f"fk_{table}_organisation_code")
        ),
        sa.ForeignKeyConstraint(["sku_code"], ["skus.code"], name=op.f(f"fk_{table}_sku_code")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        postgresql.ExcludeConstraint(
            (sa.column("organisation_code"), "="),
            (sa.column("sku_code"), "="),
            (sa.column("days"), "&&"),
            using="gist",
            name=f"ex_{table}_one_a_day",
        ),
    )


def downgrade() -> None:
    """Drop both tables and the new columns of prices."""
    op.drop_table("billing_payer_splits")
    op.drop_table("billing_discounts")
    op.drop_constraint("ck_sku_prices_suspended_percent_known", "sku_prices")
    op.drop_constraint(ONE_KIND, "sku_prices")
    op.create_check_constraint(op.f(ONE_KIND), "sku_prices", "(price_fen IS NULL) <> (percent IS NULL)")
    op.drop_column("sku_prices", "tiers")
    op.drop_column("sku_prices", "suspended_percent")
