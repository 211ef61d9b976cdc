"""Migrations: the plans that carry them out, and every switch from one side to the other.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIVE = "status IN ('generated','checked','submitted','approved','applying','verifying','failed')"
ONE_A_REQUEST = f"{LIVE} AND kind IN ('provision','change','release','baseline')"
PLAN_KINDS = "kind IN ('provision', 'change', 'release', 'baseline')"
WITH_MOVES = "kind IN ('provision', 'change', 'release', 'baseline', 'arm', 'cut', 'return', 'disarm')"


def upgrade() -> None:
    """Create the tables, and let a migration have plans besides those of its request."""
    _replace_kinds(WITH_MOVES, "kind IN ('plan', 'apply', 'drift', 'settle')", ONE_A_REQUEST)
    _create_migrations()
    _create_acts()
    _create_switches()


def _replace_kinds(plans: str, runs: str, live: str) -> None:
    op.drop_constraint(op.f("ck_execution_plans_kind_known"), "execution_plans")
    op.create_check_constraint(op.f("ck_execution_plans_kind_known"), "execution_plans", plans)
    op.drop_constraint(op.f("ck_runs_kind_known"), "runs")
    op.create_check_constraint(op.f("ck_runs_kind_known"), "runs", runs)
    op.drop_index("uq_execution_plans_live", table_name="execution_plans")
    op.create_index(
        "uq_execution_plans_live",
        "execution_plans",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text(live),
    )


def _create_migrations() -> None:
    op.create_table(
        "migrations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("plan_key", sa.String(), nullable=False),
        sa.Column("plan_digest", sa.String(), nullable=False),
        sa.Column("plan_document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reason_zh", sa.String(), nullable=True),
        sa.Column("next_step", sa.String(), nullable=True),
        sa.Column("next_step_zh", sa.String(), nullable=True),
        sa.Column("serving_side", sa.String(), nullable=False),
        sa.Column("serving_address", sa.String(), nullable=True),
        sa.Column("source_host", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target_host", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("names_host", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("preflight", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("billing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trial_since", sa.Date(), nullable=True),
        sa.Column("retirement", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "serving_side IN ('source', 'target')", name=op.f("ck_migrations_serving_side_known")
        ),
        sa.CheckConstraint(
            "status IN ('registered', 'assessed', 'designed', 'resources_ready', 'replicating', 'rehearsed', 'scheduled', 'cutting_over', 'trial_run', 'rolled_back', 'accepted', 'finalised', 'legacy_retired', 'aborted')",
            name=op.f("ck_migrations_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_migrations_organisation_code")
        ),
        sa.ForeignKeyConstraint(["registered_by"], ["persons.id"], name=op.f("fk_migrations_registered_by")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_migrations_request_id")
        ),
        sa.ForeignKeyConstraint(["system_code"], ["systems.code"], name=op.f("fk_migrations_system_code")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_migrations_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migrations")),
        sa.UniqueConstraint("number", name=op.f("uq_migrations_number")),
    )
    op.create_index(
        op.f("ix_migrations_organisation_code"), "migrations", ["organisation_code"], unique=False
    )
    op.create_index(op.f("ix_migrations_request_id"), "migrations", ["request_id"], unique=False)
    op.create_index(
        "uq_migrations_live",
        "migrations",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text("status NOT IN ('aborted','legacy_retired')"),
    )


def _create_acts() -> None:
    op.create_table(
        "migration_acts",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "act IN ('arm', 'cut', 'return', 'disarm')", name=op.f("ck_migration_acts_act_known")
        ),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migrations.id"], name=op.f("fk_migration_acts_migration_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["execution_plans.id"], name=op.f("fk_migration_acts_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_migration_acts")),
    )
    op.create_index(op.f("ix_migration_acts_migration_id"), "migration_acts", ["migration_id"], unique=False)


def _create_switches() -> None:
    op.create_table(
        "migration_switches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_address", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("cut_key", sa.String(), nullable=True),
        sa.Column("fenced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("closed_ms", sa.Float(), nullable=True),
        sa.Column("name_switched", sa.Boolean(), nullable=False),
        sa.Column("pause_ms", sa.Float(), nullable=True),
        sa.Column("pause_at_fence_ms", sa.Float(), nullable=True),
        sa.Column("billing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reason_zh", sa.String(), nullable=True),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("proof_digest", sa.String(), nullable=True),
        sa.Column("proof_equal", sa.Boolean(), nullable=True),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "direction IN ('cut', 'return')", name=op.f("ck_migration_switches_direction_known")
        ),
        sa.CheckConstraint(
            "outcome IN ('under_way', 'cut', 'refused', 'reopened', 'unsettled')",
            name=op.f("ck_migration_switches_outcome_known"),
        ),
        sa.CheckConstraint(
            "proof_equal IS NULL OR proof_digest IS NOT NULL",
            name=op.f("ck_migration_switches_proof_has_digest"),
        ),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migrations.id"], name=op.f("fk_migration_switches_migration_id")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["execution_plans.id"], name=op.f("fk_migration_switches_plan_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_migration_switches_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migration_switches")),
        sa.UniqueConstraint("migration_id", "number", name=op.f("uq_migration_switches_migration_id_number")),
    )
    op.create_index(
        op.f("ix_migration_switches_migration_id"), "migration_switches", ["migration_id"], unique=False
    )
    op.create_index(
        "uq_migration_switches_one_under_way",
        "migration_switches",
        ["migration_id"],
        unique=True,
        postgresql_where=sa.text("outcome IN ('under_way','unsettled')"),
    )


def downgrade() -> None:
    """Drop the tables; plans of migrations must be gone before."""
    op.drop_table("migration_switches")
    op.drop_table("migration_acts")
    op.drop_table("migrations")
    _replace_kinds(PLAN_KINDS, "kind IN ('plan', 'apply', 'drift')", LIVE)
