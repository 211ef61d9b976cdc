CREATE TABLE migrations (
    id uuid NOT NULL,
    number varchar NOT NULL,
    plan_key varchar NOT NULL,
    plan_digest varchar NOT NULL,
    plan_document jsonb NOT NULL,
    title varchar NOT NULL,
    system_code varchar NOT NULL,
    organisation_code varchar NOT NULL,
    request_id uuid NOT NULL,
    workspace_id uuid,
    registered_by uuid NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    reason varchar,
    reason_zh varchar,
    next_step varchar,
    next_step_zh varchar,
    serving_side varchar NOT NULL,
    serving_address varchar,
    source_host jsonb NOT NULL,
    target_host jsonb NOT NULL,
    names_host jsonb NOT NULL,
    preflight jsonb NOT NULL,
    progress jsonb NOT NULL,
    billing jsonb NOT NULL,
    trial_since date,
    retirement jsonb NOT NULL,
    CONSTRAINT pk_migrations PRIMARY KEY (id),
    CONSTRAINT ck_migrations_status_known CHECK (status IN ('registered', 'assessed', 'designed',
        'resources_ready', 'replicating', 'rehearsed', 'scheduled', 'cutting_over', 'trial_run',
        'rolled_back', 'accepted', 'finalised', 'legacy_retired', 'aborted')),
    CONSTRAINT ck_migrations_serving_side_known CHECK (serving_side IN ('source', 'target')),
    CONSTRAINT uq_migrations_number UNIQUE (number)
);
CREATE INDEX ix_migrations_organisation_code ON migrations (organisation_code);
CREATE INDEX ix_migrations_request_id ON migrations (request_id);
CREATE UNIQUE INDEX uq_migrations_live ON migrations (request_id) WHERE status NOT IN
    ('aborted','legacy_retired');

CREATE TABLE migration_acts (
    plan_id uuid NOT NULL,
    migration_id uuid NOT NULL,
    act varchar NOT NULL,
    round integer NOT NULL,
    CONSTRAINT pk_migration_acts PRIMARY KEY (plan_id),
    CONSTRAINT ck_migration_acts_act_known CHECK (act IN ('prepare', 'cutover', 'rollback', 'clean_up'))
);
CREATE INDEX ix_migration_acts_migration_id ON migration_acts (migration_id);

CREATE TABLE migration_switches (
    id uuid NOT NULL,
    migration_id uuid NOT NULL,
    number integer NOT NULL,
    direction varchar NOT NULL,
    automatic boolean NOT NULL,
    plan_id uuid NOT NULL,
    run_id uuid NOT NULL,
    outcome varchar NOT NULL,
    began_at timestamptz NOT NULL,
    from_address varchar NOT NULL,
    to_address varchar NOT NULL,
    switch_key varchar,
    fenced_at timestamptz,
    opened_at timestamptz,
    marks jsonb NOT NULL,
    fenced_ms double precision,
    name_switched boolean NOT NULL,
    pause_ms double precision,
    pause_at_fence_ms double precision,
    billing jsonb NOT NULL,
    reason varchar,
    reason_zh varchar,
    proof jsonb NOT NULL,
    proof_digest varchar,
    proof_equal boolean,
    followed_at timestamptz,
    CONSTRAINT pk_migration_switches PRIMARY KEY (id),
    CONSTRAINT ck_migration_switches_direction_known CHECK (direction IN ('cutover', 'rollback')),
    CONSTRAINT ck_migration_switches_outcome_known CHECK (outcome IN ('under_way', 'switched', 'refused',
        'reverted', 'unknown')),
    CONSTRAINT uq_migration_switches_migration_id_number UNIQUE (migration_id, number),
    CONSTRAINT ck_migration_switches_proof_has_digest CHECK (proof_equal IS NULL OR proof_digest IS NOT NULL)
);
CREATE INDEX ix_migration_switches_migration_id ON migration_switches (migration_id);
CREATE UNIQUE INDEX uq_migration_switches_one_under_way ON migration_switches (migration_id) WHERE outcome
    IN ('under_way','unknown');
