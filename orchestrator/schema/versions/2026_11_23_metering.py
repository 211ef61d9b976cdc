"""Usage events, from which billing intervals are derived, and the resources that statements name.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = "'opened', 'resized', 'suspended', 'resumed', 'waived', 'released', 'corrected', 'charged'"

APPEND_ONLY = """
CREATE TRIGGER usage_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER metered_resources_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON metered_resources
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# Earlier intervals become events: one for each day on which the intervals of a resource change.
TAKE_OVER = """
INSERT INTO metered_resources (resource_id, organisation_code, system_code, zone, address)
SELECT r.id, r.organisation_code, r.system_code, w.zone, r.address
FROM resources r JOIN workspaces w ON w.id = r.workspace_id
WHERE EXISTS (SELECT FROM usage_intervals i WHERE i.resource_id = r.id);

INSERT INTO usage_events (resource_id, kind, day, at, billing_state, skus, run_id, state_serial, actor, reason)
SELECT d.resource_id, 'corrected', d.day, d.day::timestamp AT TIME ZONE 'Asia/Shanghai',
       coalesce(min(i.billing_state), 'none'),
       coalesce(jsonb_agg(jsonb_build_object('sku', i.sku_code, 'quantity', trim_scale(i.quantity)::text))
                FILTER (WHERE i.id IS NOT NULL), '[]'),
       (array_agg(coalesce(i.run_id, d.run_id)))[1], max(coalesce(i.state_serial, d.state_serial)),
       'system:schema-revision', 'taken over from the interval'
FROM (SELECT DISTINCT ON (resource_id, day) resource_id, day, run_id, state_serial
      FROM usage_intervals, LATERAL (VALUES (lower(days)), (upper(days))) AS edge(day)
      WHERE day IS NOT NULL ORDER BY resource_id, day, run_id) AS d
LEFT JOIN usage_intervals i ON i.resource_id = d.resource_id AND i.days @> d.day
GROUP BY d.resource_id, d.day ORDER BY d.day, d.resource_id;

UPDATE usage_intervals i SET
    organisation_code = m.organisation_code,
    event_seq = (SELECT e.seq FROM usage_events e WHERE e.resource_id = i.resource_id AND e.day = lower(i.days))
FROM metered_resources m WHERE m.resource_id = i.resource_id;
"""


def upgrade() -> None:
    """Create the tables, convert earlier intervals, and make all of them append-only."""
    op.create_table(
        "metered_resources",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name=op.f("fk_metered_resources_resource_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_metered_resources_organisation_code")
        ),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_metered_resources_system_code")
        ),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_metered_resources")),
    )
    op.create_index(
        op.f("ix_metered_resources_organisation_code"), "metered_resources", ["organisation_code"]
    )
    _create_events()
    _widen_intervals()


def _create_events() -> None:
    op.create_table(
        "usage_events",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("billing_state", sa.String(), nullable=True),
        sa.Column("skus", postgresql.JSONB(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("state_serial", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_usage_events_kind_known")),
        sa.CheckConstraint(
            "billing_state IN ('active', 'suspended', 'waived', 'none')",
            name=op.f("ck_usage_events_billing_state_known"),
        ),
        sa.CheckConstraint(
            "billing_state IS NOT NULL OR skus IS NOT NULL", name=op.f("ck_usage_events_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["metered_resources.resource_id"], name=op.f("fk_usage_events_resource_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_usage_events_run_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_usage_events")),
    )
    op.create_index("ix_usage_events_resource", "usage_events", ["resource_id", "day", "at", "seq"])
    op.create_index(
        "uq_usage_events_once_a_run",
        "usage_events",
        ["resource_id", "run_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('opened', 'resized', 'released')"),
    )


def _widen_intervals() -> None:
    table = "usage_intervals"
    op.add_column(table, sa.Column("organisation_code", sa.String(), nullable=True))
    op.add_column(table, sa.Column("spec_arch", sa.String(), nullable=False, server_default=""))
    op.alter_column(table, "spec_arch", server_default=None)
    op.add_column(table, sa.Column("spec_vcpu", sa.Numeric(18, 6), nullable=True))
    op.add_column(table, sa.Column("spec_memory_gb", sa.Numeric(18, 6), nullable=True))
    op.add_column(table, sa.Column("event_seq", sa.BigInteger(), nullable=True))
    op.execute(TAKE_OVER)
    op.alter_column(table, "organisation_code", nullable=False)
    op.alter_column(table, "event_seq", nullable=False)
    op.create_index(op.f("ix_usage_intervals_organisation_code"), table, ["organisation_code"])
    op.create_foreign_key(
        op.f("fk_usage_intervals_organisation_code"), table, "organisations", ["organisation_code"], ["code"]
    )
    op.create_foreign_key(op.f("fk_usage_intervals_event_seq"), table, "usage_events", ["event_seq"], ["seq"])
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    """Drop the events; the intervals stay."""
    for column in ("event_seq", "spec_memory_gb", "spec_vcpu", "spec_arch", "organisation_code"):
        op.drop_column("usage_intervals", column)
    op.drop_table("usage_events")
    op.drop_table("metered_resources")
