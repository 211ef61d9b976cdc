"""The tables of the first release.

Safety: keep each revision short; add columns as nullable, fill them in batches, then set NOT NULL.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of the first release."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_chain")),
    )
    op.create_table(
        "audit_events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_events_hash")),
    )
    op.create_index(op.f("ix_audit_events_action"), "audit_events", ["action"], unique=False)
    op.create_index(op.f("ix_audit_events_object_id"), "audit_events", ["object_id"], unique=False)
    op.create_index(
        op.f("ix_audit_events_organisation_code"), "audit_events", ["organisation_code"], unique=False
    )
    op.create_table(
        "clock_shift",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_shift")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("call", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "organisations",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parent_code", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('city_dept', 'city_unit', 'county', 'committee', 'county_informatization', 'vertical', 'provider', 'authority')",
            name=op.f("ck_organisations_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["organisations.code"], name=op.f("fk_organisations_parent_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_organisations")),
    )
    op.create_table(
        "price_catalogues",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_price_catalogues_period_forward")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_price_catalogues")),
    )
    op.create_table(
        "resource_pools",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("arch", sa.String(), nullable=False),
        sa.Column("overcommit_percent", sa.Integer(), nullable=False),
        sa.Column("warn_at_percent", sa.Integer(), nullable=False),
        sa.Column("free", sa.Boolean(), nullable=False),
        sa.Column("expiry_days", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_resource_pools")),
    )
    op.create_table(
        "run_log_chunks",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("pk_run_log_chunks")),
    )
    op.create_table(
        "skus",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("product_group", sa.String(), nullable=False),
        sa.Column("billing", sa.String(), nullable=False),
        sa.Column("quota_class", sa.String(), nullable=False),
        sa.Column("fulfilment", sa.String(), nullable=False),
        sa.Column("payer", sa.String(), nullable=False),
        sa.Column("arch", sa.String(), nullable=True),
        sa.Column("disk_tier", sa.String(), nullable=True),
        sa.CheckConstraint(
            "billing IN ('monthly', 'one_off', 'percent_of_spec')", name=op.f("ck_skus_billing_known")
        ),
        sa.CheckConstraint(
            "fulfilment IN ('terraform', 'ansible', 'manual', 'included')",
            name=op.f("ck_skus_fulfilment_known"),
        ),
        sa.CheckConstraint(
            "quota_class IN ('vcpu', 'memory_gb', 'block_gb', 'none')", name=op.f("ck_skus_quota_class_known")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_skus")),
    )
    op.create_table(
        "access_links",
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("mbps", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_access_links_organisation_code")
        ),
        sa.PrimaryKeyConstraint("organisation_code", name=op.f("pk_access_links")),
    )
    op.create_table(
        "budget_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("payer", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("appropriated_fen", sa.BigInteger(), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), nullable=False),
        sa.Column("spent_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("payer IN ('department', 'central')", name=op.f("ck_budget_lines_payer_known")),
        sa.CheckConstraint(
            "state IN ('provisional', 'approved', 'closed')", name=op.f("ck_budget_lines_state_known")
        ),
        sa.CheckConstraint(
            "held_fen + committed_fen + spent_fen <= appropriated_fen",
            name=op.f("ck_budget_lines_never_overspent"),
        ),
        sa.CheckConstraint(
            "held_fen >= 0 AND committed_fen >= 0 AND spent_fen >= 0",
            name=op.f("ck_budget_lines_amounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_budget_lines_organisation_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_lines")),
        sa.UniqueConstraint(
            "organisation_code",
            "fiscal_year",
            "purpose",
            "payer",
            name=op.f("uq_budget_lines_organisation_code_fiscal_year_purpose_payer"),
        ),
    )
    op.create_index(
        op.f("ix_budget_lines_organisation_code"), "budget_lines", ["organisation_code"], unique=False
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_persons_language_known")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_persons_organisation_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("username", name=op.f("uq_persons_username")),
    )
    op.create_index(op.f("ix_persons_organisation_code"), "persons", ["organisation_code"], unique=False)
    op.create_table(
        "pool_capacities",
        sa.Column("pool_code", sa.String(), nullable=False),
        sa.Column("resource_class", sa.String(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("allocatable", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("committed", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "resource_class IN ('vcpu', 'memory_gb', 'block_gb')",
            name=op.f("ck_pool_capacities_resource_class_known"),
        ),
        sa.CheckConstraint("held + committed <= allocatable", name=op.f("ck_pool_capacities_never_oversold")),
        sa.CheckConstraint(
            "held >= 0 AND committed >= 0", name=op.f("ck_pool_capacities_amounts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["pool_code"], ["resource_pools.code"], name=op.f("fk_pool_capacities_pool_code")
        ),
        sa.PrimaryKeyConstraint("pool_code", "resource_class", name=op.f("pk_pool_capacities")),
    )
    op.create_table(
        "quota_limits",
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("zone_class", sa.String(), nullable=False),
        sa.Column("resource_class", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("committed", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "resource_class IN ('vcpu', 'memory_gb', 'block_gb')",
            name=op.f("ck_quota_limits_resource_class_known"),
        ),
        sa.CheckConstraint(
            "zone_class IN ('production', 'trial')", name=op.f("ck_quota_limits_zone_class_known")
        ),
        sa.CheckConstraint("held + committed <= amount", name=op.f("ck_quota_limits_never_oversold")),
        sa.CheckConstraint("held >= 0 AND committed >= 0", name=op.f("ck_quota_limits_amounts_not_negative")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_quota_limits_organisation_code")
        ),
        sa.PrimaryKeyConstraint(
            "organisation_code", "zone_class", "resource_class", name=op.f("pk_quota_limits")
        ),
    )
    op.create_table(
        "sku_prices",
        sa.Column("catalogue_code", sa.String(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(price_fen IS NULL) <> (percent IS NULL)", name=op.f("ck_sku_prices_one_kind_of_price")
        ),
        sa.CheckConstraint("price_fen >= 0", name=op.f("ck_sku_prices_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["catalogue_code"], ["price_catalogues.code"], name=op.f("fk_sku_prices_catalogue_code")
        ),
        sa.ForeignKeyConstraint(["sku_code"], ["skus.code"], name=op.f("fk_sku_prices_sku_code")),
        sa.PrimaryKeyConstraint("catalogue_code", "sku_code", name=op.f("pk_sku_prices")),
    )
    op.create_table(
        "systems",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("hosting", sa.String(), nullable=False),
        sa.Column("mlps_level", sa.Integer(), nullable=False),
        sa.Column("classification", sa.String(), nullable=False),
        sa.Column("zombie", sa.Boolean(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "classification IN ('undetermined', 'mixed', 'non_classified_confirmed')",
            name=op.f("ck_systems_classification_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_systems_organisation_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_systems")),
    )
    op.create_index(op.f("ix_systems_organisation_code"), "systems", ["organisation_code"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_api_tokens_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index(op.f("ix_api_tokens_person_id"), "api_tokens", ["person_id"], unique=False)
    op.create_table(
        "content_revisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("differences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "status IN ('proposed', 'loaded', 'rejected', 'superseded')",
            name=op.f("ck_content_revisions_status_known"),
        ),
        sa.CheckConstraint(
            "approver_id <> author_id", name=op.f("ck_content_revisions_approver_is_another_person")
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["persons.id"], name=op.f("fk_content_revisions_approver_id")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["persons.id"], name=op.f("fk_content_revisions_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_revisions")),
        sa.UniqueConstraint("number", name=op.f("uq_content_revisions_number")),
    )
    op.create_table(
        "identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('local', 'oidc', 'service')", name=op.f("ck_identities_kind_known")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_identities_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_identities_kind_subject")),
    )
    op.create_index(op.f("ix_identities_person_id"), "identities", ["person_id"], unique=False)
    op.create_table(
        "officer_filings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.CheckConstraint(
            "status IN ('current', 'superseded', 'lapsed')", name=op.f("ck_officer_filings_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_officer_filings_organisation_code")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_officer_filings_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer_filings")),
    )
    op.create_index(
        op.f("ix_officer_filings_organisation_code"), "officer_filings", ["organisation_code"], unique=False
    )
    op.create_index(
        "uq_officer_filings_current",
        "officer_filings",
        ["organisation_code"],
        unique=True,
        postgresql_where=sa.text("status = 'current'"),
    )
    op.create_table(
        "role_grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "role IN ('department_clerk', 'information_officer', 'centre_reviewer', 'centre_approver', 'smart_city_office', 'applier', 'finance', 'auditor', 'technical_administrator')",
            name=op.f("ck_role_grants_role_known"),
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_role_grants_period_forward")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_role_grants_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grants")),
        sa.UniqueConstraint(
            "person_id", "role", "valid_from", name=op.f("uq_role_grants_person_id_role_valid_from")
        ),
    )
    op.create_index(op.f("ix_role_grants_person_id"), "role_grants", ["person_id"], unique=False)
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_web_sessions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_web_sessions_token_hash")),
    )
    op.create_index(op.f("ix_web_sessions_person_id"), "web_sessions", ["person_id"], unique=False)
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cloud", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=True),
        sa.Column("origin_request_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9-]{0,39}$'", name=op.f("ck_workspaces_key_is_plain")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_workspaces_organisation_code")
        ),
        sa.ForeignKeyConstraint(["system_code"], ["systems.code"], name=op.f("fk_workspaces_system_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("key", name=op.f("uq_workspaces_key")),
        sa.UniqueConstraint("origin_request_id", name=op.f("uq_workspaces_origin_request_id")),
    )
    op.create_index(
        op.f("ix_workspaces_organisation_code"), "workspaces", ["organisation_code"], unique=False
    )
    op.create_table(
        "resource_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=True),
        sa.Column("zone_class", sa.String(), nullable=False),
        sa.Column("target_workspace_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("justification", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("endorser_id", sa.Uuid(), nullable=True),
        sa.Column("reviewer_id", sa.Uuid(), nullable=True),
        sa.Column("filed_by_officer", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("catalogue_code", sa.String(), nullable=True),
        sa.Column("monthly_fen", sa.BigInteger(), nullable=False),
        sa.Column("year_fen", sa.BigInteger(), nullable=False),
        sa.Column("quote", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("judgement", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "(kind = 'provision') = (target_workspace_id IS NULL)",
            name=op.f("ck_resource_requests_change_has_a_target"),
        ),
        sa.CheckConstraint(
            "kind IN ('provision', 'change', 'release')", name=op.f("ck_resource_requests_kind_known")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'awaiting_endorsement', 'submitted', 'returned', 'accepted', 'under_review', 'approved', 'planned', 'in_trial', 'fulfilled', 'trial_ended', 'refused', 'rejected', 'cancelled', 'expired')",
            name=op.f("ck_resource_requests_status_known"),
        ),
        sa.CheckConstraint(
            "zone_class IN ('production', 'trial')", name=op.f("ck_resource_requests_zone_class_known")
        ),
        sa.CheckConstraint(
            "endorser_id <> requester_id OR filed_by_officer",
            name=op.f("ck_resource_requests_endorser_is_another_person"),
        ),
        sa.CheckConstraint(
            "reviewer_id <> requester_id AND reviewer_id <> endorser_id",
            name=op.f("ck_resource_requests_reviewer_is_another_person"),
        ),
        sa.ForeignKeyConstraint(
            ["catalogue_code"], ["price_catalogues.code"], name=op.f("fk_resource_requests_catalogue_code")
        ),
        sa.ForeignKeyConstraint(
            ["endorser_id"], ["persons.id"], name=op.f("fk_resource_requests_endorser_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_resource_requests_organisation_code")
        ),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["persons.id"], name=op.f("fk_resource_requests_requester_id")
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["persons.id"], name=op.f("fk_resource_requests_reviewer_id")
        ),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_resource_requests_system_code")
        ),
        sa.ForeignKeyConstraint(
            ["target_workspace_id"], ["workspaces.id"], name=op.f("fk_resource_requests_target_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_requests")),
        sa.UniqueConstraint("number", name=op.f("uq_resource_requests_number")),
    )
    op.create_index(
        op.f("ix_resource_requests_organisation_code"),
        "resource_requests",
        ["organisation_code"],
        unique=False,
    )
    op.create_index(
        op.f("ix_resource_requests_requester_id"), "resource_requests", ["requester_id"], unique=False
    )
    op.create_table(
        "execution_plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reason_zh", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("endorser_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("applier_id", sa.Uuid(), nullable=True),
        sa.Column("required_approvals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tuple_digest", sa.String(), nullable=True),
        sa.Column("members", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("monthly_fen", sa.BigInteger(), nullable=False),
        sa.Column("catalogue_code", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('provision', 'change', 'release', 'baseline')",
            name=op.f("ck_execution_plans_kind_known"),
        ),
        sa.CheckConstraint(
            "status IN ('generated', 'checked', 'rejected', 'submitted', 'withdrawn', 'approved', 'stale', 'expired', 'superseded', 'applying', 'verifying', 'applied', 'failed', 'abandoned')",
            name=op.f("ck_execution_plans_status_known"),
        ),
        sa.CheckConstraint(
            "applier_id <> requester_id AND applier_id <> endorser_id AND applier_id <> author_id",
            name=op.f("ck_execution_plans_applier_is_another_person"),
        ),
        sa.CheckConstraint(
            "author_id <> requester_id AND author_id <> endorser_id",
            name=op.f("ck_execution_plans_author_is_another_person"),
        ),
        sa.ForeignKeyConstraint(["applier_id"], ["persons.id"], name=op.f("fk_execution_plans_applier_id")),
        sa.ForeignKeyConstraint(["author_id"], ["persons.id"], name=op.f("fk_execution_plans_author_id")),
        sa.ForeignKeyConstraint(["endorser_id"], ["persons.id"], name=op.f("fk_execution_plans_endorser_id")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_execution_plans_organisation_code")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_execution_plans_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["persons.id"], name=op.f("fk_execution_plans_requester_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_execution_plans_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_plans")),
        sa.UniqueConstraint("number", name=op.f("uq_execution_plans_number")),
    )
    op.create_index(
        op.f("ix_execution_plans_organisation_code"), "execution_plans", ["organisation_code"], unique=False
    )
    op.create_index(op.f("ix_execution_plans_request_id"), "execution_plans", ["request_id"], unique=False)
    op.create_index(
        op.f("ix_execution_plans_workspace_id"), "execution_plans", ["workspace_id"], unique=False
    )
    op.create_index(
        "uq_execution_plans_live",
        "execution_plans",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text(
            "status IN ('generated','checked','submitted','approved','applying','verifying','failed')"
        ),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('live', 'committed', 'released')", name=op.f("ck_holds_status_known")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_holds_organisation_code")
        ),
        sa.ForeignKeyConstraint(["request_id"], ["resource_requests.id"], name=op.f("fk_holds_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sa.UniqueConstraint("request_id", name=op.f("uq_holds_request_id")),
    )
    op.create_index(op.f("ix_holds_organisation_code"), "holds", ["organisation_code"], unique=False)
    op.create_table(
        "request_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_request_comments_person_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_request_comments_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_comments")),
    )
    op.create_index(op.f("ix_request_comments_request_id"), "request_comments", ["request_id"], unique=False)
    op.create_table(
        "request_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("pool_code", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("vcpu", sa.Integer(), nullable=False),
        sa.Column("memory_gb", sa.Integer(), nullable=False),
        sa.Column("disk_gb", sa.Integer(), nullable=False),
        sa.Column("disk_tier", sa.String(), nullable=False),
        sa.Column("backup_gb", sa.Integer(), nullable=False),
        sa.Column("host_services", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("ports", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9-]{0,23}$'", name=op.f("ck_request_lines_key_is_plain")),
        sa.CheckConstraint("count BETWEEN 1 AND 200", name=op.f("ck_request_lines_count_sensible")),
        sa.CheckConstraint(
            "vcpu > 0 AND memory_gb > 0 AND disk_gb >= 0 AND backup_gb >= 0",
            name=op.f("ck_request_lines_sizes_sensible"),
        ),
        sa.ForeignKeyConstraint(
            ["pool_code"], ["resource_pools.code"], name=op.f("fk_request_lines_pool_code")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_request_lines_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_lines")),
        sa.UniqueConstraint("request_id", "key", name=op.f("uq_request_lines_request_id_key")),
        sa.UniqueConstraint("request_id", "position", name=op.f("uq_request_lines_request_id_position")),
    )
    op.create_index(op.f("ix_request_lines_request_id"), "request_lines", ["request_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "decision IN ('approved', 'returned', 'refused')", name=op.f("ck_approvals_decision_known")
        ),
        sa.ForeignKeyConstraint(["approver_id"], ["persons.id"], name=op.f("fk_approvals_approver_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["execution_plans.id"], name=op.f("fk_approvals_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("plan_id", "approver_id", name=op.f("uq_approvals_plan_id_approver_id")),
    )
    op.create_index(op.f("ix_approvals_plan_id"), "approvals", ["plan_id"], unique=False)
    op.create_table(
        "hold_items",
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_hold_items_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", "target", name=op.f("pk_hold_items")),
    )
    op.create_table(
        "plan_artifacts",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.Column("plan_file", sa.LargeBinary(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["execution_plans.id"], name=op.f("fk_plan_artifacts_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan_artifacts")),
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cloud_id", sa.String(), nullable=True),
        sa.Column("ip_address", sa.String(), nullable=True),
        sa.Column("connection", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_ends_on", sa.Date(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("drift", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "status IN ('ordered', 'provisioning', 'failed', 'trial', 'active', 'changing', 'suspended', 'releasing', 'released')",
            name=op.f("ck_resources_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_resources_organisation_code")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["execution_plans.id"], name=op.f("fk_resources_plan_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["resource_requests.id"], name=op.f("fk_resources_request_id")
        ),
        sa.ForeignKeyConstraint(["system_code"], ["systems.code"], name=op.f("fk_resources_system_code")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_resources_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
    )
    op.create_index(op.f("ix_resources_organisation_code"), "resources", ["organisation_code"], unique=False)
    op.create_index(op.f("ix_resources_request_id"), "resources", ["request_id"], unique=False)
    op.create_index(op.f("ix_resources_workspace_id"), "resources", ["workspace_id"], unique=False)
    op.create_index(
        "uq_resources_address",
        "resources",
        ["workspace_id", "address"],
        unique=True,
        postgresql_where=sa.text("status <> 'released'"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reason_zh", sa.String(), nullable=True),
        sa.Column("next_step", sa.String(), nullable=True),
        sa.Column("next_step_zh", sa.String(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("kind IN ('plan', 'apply', 'drift')", name=op.f("ck_runs_kind_known")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'verifying', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_runs_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_runs_organisation_code")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["execution_plans.id"], name=op.f("fk_runs_plan_id")),
        sa.ForeignKeyConstraint(["started_by"], ["persons.id"], name=op.f("fk_runs_started_by")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_runs_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_organisation_code"), "runs", ["organisation_code"], unique=False)
    op.create_index(op.f("ix_runs_plan_id"), "runs", ["plan_id"], unique=False)
    op.create_index(op.f("ix_runs_token_hash"), "runs", ["token_hash"], unique=False)
    op.create_index(op.f("ix_runs_workspace_id"), "runs", ["workspace_id"], unique=False)
    op.create_index(
        "uq_runs_apply_once",
        "runs",
        ["plan_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'apply' AND status <> 'cancelled'"),
    )
    op.create_index(
        "uq_runs_one_at_work",
        "runs",
        ["workspace_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('running','verifying')"),
    )
    op.create_table(
        "drift_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_drift_cases_status_known")),
        sa.ForeignKeyConstraint(
            ["organisation_code"], ["organisations.code"], name=op.f("fk_drift_cases_organisation_code")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_drift_cases_run_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_drift_cases_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_cases")),
    )
    op.create_index(
        op.f("ix_drift_cases_organisation_code"), "drift_cases", ["organisation_code"], unique=False
    )
    op.create_index(op.f("ix_drift_cases_workspace_id"), "drift_cases", ["workspace_id"], unique=False)
    op.create_index(
        "uq_drift_cases_open",
        "drift_cases",
        ["workspace_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "state_locks",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("lock_id", sa.String(), nullable=False),
        sa.Column("info", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_state_locks_run_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_state_locks_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_state_locks")),
    )
    op.create_table(
        "state_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_state_versions_run_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_state_versions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_versions")),
        sa.UniqueConstraint("workspace_id", "version", name=op.f("uq_state_versions_workspace_id_version")),
    )
    op.create_index(op.f("ix_state_versions_workspace_id"), "state_versions", ["workspace_id"], unique=False)
    op.create_table(
        "usage_intervals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("sku_code", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("billing_state", sa.String(), nullable=False),
        sa.Column("days", postgresql.DATERANGE(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("state_serial", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("resource_id"), "="),
            (sa.column("sku_code"), "="),
            (sa.column("days"), "&&"),
            using="gist",
            name="ex_usage_intervals_no_overlap",
        ),
        sa.CheckConstraint(
            "billing_state IN ('active', 'suspended', 'waived')",
            name=op.f("ck_usage_intervals_billing_state_known"),
        ),
        sa.CheckConstraint(
            "NOT isempty(days) AND lower_inc(days) AND NOT upper_inc(days)",
            name=op.f("ck_usage_intervals_days_half_open"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_usage_intervals_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name=op.f("fk_usage_intervals_resource_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_usage_intervals_run_id")),
        sa.ForeignKeyConstraint(["sku_code"], ["skus.code"], name=op.f("fk_usage_intervals_sku_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_intervals")),
    )
    op.create_index(op.f("ix_usage_intervals_resource_id"), "usage_intervals", ["resource_id"], unique=False)
    op.create_foreign_key(
        "fk_workspaces_origin_request_id", "workspaces", "resource_requests", ["origin_request_id"], ["id"]
    )


def downgrade() -> None:
    """Drop every table of the first release."""
    op.drop_constraint("fk_workspaces_origin_request_id", "workspaces")
    op.drop_index(op.f("ix_usage_intervals_resource_id"), table_name="usage_intervals")
    op.drop_table("usage_intervals")
    op.drop_index(op.f("ix_state_versions_workspace_id"), table_name="state_versions")
    op.drop_table("state_versions")
    op.drop_table("state_locks")
    op.drop_index(
        "uq_drift_cases_open", table_name="drift_cases", postgresql_where=sa.text("status = 'open'")
    )
    op.drop_index(op.f("ix_drift_cases_workspace_id"), table_name="drift_cases")
    op.drop_index(op.f("ix_drift_cases_organisation_code"), table_name="drift_cases")
    op.drop_table("drift_cases")
    op.drop_index(
        "uq_runs_one_at_work",
        table_name="runs",
        postgresql_where=sa.text("status IN ('running','verifying')"),
    )
    op.drop_index(
        "uq_runs_apply_once",
        table_name="runs",
        postgresql_where=sa.text("kind = 'apply' AND status <> 'cancelled'"),
    )
    op.drop_index(op.f("ix_runs_workspace_id"), table_name="runs")
    op.drop_index(op.f("ix_runs_token_hash"), table_name="runs")
    op.drop_index(op.f("ix_runs_plan_id"), table_name="runs")
    op.drop_index(op.f("ix_runs_organisation_code"), table_name="runs")
    op.drop_table("runs")
    op.drop_index(
        "uq_resources_address", table_name="resources", postgresql_where=sa.text("status <> 'released'")
    )
    op.drop_index(op.f("ix_resources_workspace_id"), table_name="resources")
    op.drop_index(op.f("ix_resources_request_id"), table_name="resources")
    op.drop_index(op.f("ix_resources_organisation_code"), table_name="resources")
    op.drop_table("resources")
    op.drop_table("plan_artifacts")
    op.drop_table("hold_items")
    op.drop_index(op.f("ix_approvals_plan_id"), table_name="approvals")
    op.drop_table("approvals")
    op.drop_index(op.f("ix_request_lines_request_id"), table_name="request_lines")
    op.drop_table("request_lines")
    op.drop_index(op.f("ix_request_comments_request_id"), table_name="request_comments")
    op.drop_table("request_comments")
    op.drop_index(op.f("ix_holds_organisation_code"), table_name="holds")
    op.drop_table("holds")
    op.drop_index(
        "uq_execution_plans_live",
        table_name="execution_plans",
        postgresql_where=sa.text(
            "status IN ('generated','checked','submitted','approved','applying','verifying','failed')"
        ),
    )
    op.drop_index(op.f("ix_execution_plans_workspace_id"), table_name="execution_plans")
    op.drop_index(op.f("ix_execution_plans_request_id"), table_name="execution_plans")
    op.drop_index(op.f("ix_execution_plans_organisation_code"), table_name="execution_plans")
    op.drop_table("execution_plans")
    op.drop_index(op.f("ix_resource_requests_requester_id"), table_name="resource_requests")
    op.drop_index(op.f("ix_resource_requests_organisation_code"), table_name="resource_requests")
    op.drop_table("resource_requests")
    op.drop_index(op.f("ix_workspaces_organisation_code"), table_name="workspaces")
    op.drop_table("workspaces")
    op.drop_index(op.f("ix_web_sessions_person_id"), table_name="web_sessions")
    op.drop_table("web_sessions")
    op.drop_index(op.f("ix_role_grants_person_id"), table_name="role_grants")
    op.drop_table("role_grants")
    op.drop_index(
        "uq_officer_filings_current",
        table_name="officer_filings",
        postgresql_where=sa.text("status = 'current'"),
    )
    op.drop_index(op.f("ix_officer_filings_organisation_code"), table_name="officer_filings")
    op.drop_table("officer_filings")
    op.drop_index(op.f("ix_identities_person_id"), table_name="identities")
    op.drop_table("identities")
    op.drop_table("content_revisions")
    op.drop_index(op.f("ix_api_tokens_person_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_index(op.f("ix_systems_organisation_code"), table_name="systems")
    op.drop_table("systems")
    op.drop_table("sku_prices")
    op.drop_table("quota_limits")
    op.drop_table("pool_capacities")
    op.drop_index(op.f("ix_persons_organisation_code"), table_name="persons")
    op.drop_table("persons")
    op.drop_index(op.f("ix_budget_lines_organisation_code"), table_name="budget_lines")
    op.drop_table("budget_lines")
    op.drop_table("access_links")
    op.drop_table("skus")
    op.drop_table("run_log_chunks")
    op.drop_table("resource_pools")
    op.drop_table("price_catalogues")
    op.drop_table("organisations")
    op.drop_table("idempotency_keys")
    op.drop_table("clock_shift")
    op.drop_index(op.f("ix_audit_events_organisation_code"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_object_id"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_action"), table_name="audit_events")
    op.drop_table("audit_events")
    op.drop_table("audit_chain")
