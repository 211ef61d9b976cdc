CREATE TABLE run_log_chunks (
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    first_line bigint NOT NULL,
    text varchar NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_run_log_chunks PRIMARY KEY (run_id, seq)
);

CREATE TABLE workspaces (
    id uuid NOT NULL,
    key varchar NOT NULL,
    cloud varchar NOT NULL,
    zone varchar NOT NULL,
    organisation_code varchar NOT NULL,
    system_code varchar,
    origin_request_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    released_at timestamptz,
    lineage varchar NOT NULL,
    serial bigint NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id),
    CONSTRAINT ck_workspaces_key_is_plain CHECK (key ~ '^[a-z][a-z0-9-]{0,39}$'),
    CONSTRAINT uq_workspaces_key UNIQUE (key),
    CONSTRAINT uq_workspaces_origin_request_id UNIQUE (origin_request_id)
);
CREATE INDEX ix_workspaces_organisation_code ON workspaces (organisation_code);

CREATE TABLE execution_plans (
    id uuid NOT NULL,
    number varchar NOT NULL,
    kind varchar NOT NULL,
    request_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    reason varchar,
    reason_zh varchar,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    requester_id uuid NOT NULL,
    endorser_id uuid,
    author_id uuid NOT NULL,
    applier_id uuid,
    required_approvals jsonb NOT NULL,
    tuple_digest varchar,
    members jsonb NOT NULL,
    summary jsonb NOT NULL,
    findings jsonb NOT NULL,
    monthly_fen bigint NOT NULL,
    catalogue_code varchar,
    CONSTRAINT pk_execution_plans PRIMARY KEY (id),
    CONSTRAINT ck_execution_plans_kind_known CHECK (kind IN ('provision', 'change', 'release', 'undo',
        'baseline', 'prepare', 'cutover', 'rollback', 'clean_up')),
    CONSTRAINT ck_execution_plans_status_known CHECK (status IN ('generated', 'checked', 'rejected',
        'submitted', 'withdrawn', 'approved', 'stale', 'expired', 'superseded', 'applying', 'verifying',
        'applied', 'failed', 'abandoned')),
    CONSTRAINT ck_execution_plans_author_is_another_person CHECK (author_id <> requester_id AND author_id
        <> endorser_id),
    CONSTRAINT ck_execution_plans_applier_is_another_person CHECK (applier_id <> requester_id AND
        applier_id <> endorser_id AND applier_id <> author_id),
    CONSTRAINT uq_execution_plans_number UNIQUE (number)
);
CREATE INDEX ix_execution_plans_organisation_code ON execution_plans (organisation_code);
CREATE INDEX ix_execution_plans_request_id ON execution_plans (request_id);
CREATE INDEX ix_execution_plans_workspace_id ON execution_plans (workspace_id);
CREATE UNIQUE INDEX uq_execution_plans_live ON execution_plans (request_id) WHERE status IN
    ('generated','checked','submitted','approved','applying','verifying','failed') AND kind IN
    ('provision','change','release','undo','baseline');

CREATE TABLE approvals (
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    role varchar NOT NULL,
    approver_id uuid NOT NULL,
    decision varchar NOT NULL,
    digest varchar NOT NULL,
    reason varchar,
    at timestamptz NOT NULL,
    CONSTRAINT pk_approvals PRIMARY KEY (id),
    CONSTRAINT ck_approvals_decision_known CHECK (decision IN ('approved', 'returned', 'refused')),
    CONSTRAINT uq_approvals_plan_id_approver_id UNIQUE (plan_id, approver_id)
);
CREATE INDEX ix_approvals_plan_id ON approvals (plan_id);

CREATE TABLE plan_artifacts (
    plan_id uuid NOT NULL,
    bundle bytea NOT NULL,
    plan_file bytea,
    changes jsonb NOT NULL,
    CONSTRAINT pk_plan_artifacts PRIMARY KEY (plan_id)
);

CREATE TABLE runs (
    id uuid NOT NULL,
    kind varchar NOT NULL,
    workspace_id uuid NOT NULL,
    plan_id uuid,
    organisation_code varchar NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    started_by uuid,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    attempt integer NOT NULL,
    worker varchar,
    job_id bigint,
    token_hash varchar,
    cancel_requested boolean NOT NULL,
    exit_code integer,
    reason varchar,
    reason_zh varchar,
    next_step varchar,
    next_step_zh varchar,
    outcome jsonb NOT NULL,
    CONSTRAINT pk_runs PRIMARY KEY (id),
    CONSTRAINT ck_runs_kind_known CHECK (kind IN ('plan', 'apply', 'drift', 'inspect')),
    CONSTRAINT ck_runs_status_known CHECK (status IN ('queued', 'running', 'verifying', 'succeeded',
        'failed', 'cancelled'))
);
CREATE INDEX ix_runs_organisation_code ON runs (organisation_code);
CREATE INDEX ix_runs_plan_id ON runs (plan_id);
CREATE INDEX ix_runs_token_hash ON runs (token_hash);
CREATE INDEX ix_runs_workspace_id ON runs (workspace_id);
CREATE UNIQUE INDEX uq_runs_apply_once ON runs (plan_id) WHERE kind = 'apply' AND status <> 'cancelled';
CREATE UNIQUE INDEX uq_runs_one_active ON runs (workspace_id) WHERE status IN ('running','verifying');

CREATE TABLE state_locks (
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    lock_id varchar NOT NULL,
    info jsonb NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_state_locks PRIMARY KEY (workspace_id)
);

CREATE TABLE state_versions (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version bigint NOT NULL,
    serial bigint NOT NULL,
    lineage varchar NOT NULL,
    run_id uuid NOT NULL,
    sha256 varchar NOT NULL,
    data bytea NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_state_versions PRIMARY KEY (id),
    CONSTRAINT uq_state_versions_workspace_id_version UNIQUE (workspace_id, version)
);
CREATE INDEX ix_state_versions_workspace_id ON state_versions (workspace_id);
