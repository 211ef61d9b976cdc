CREATE TABLE resources (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    address varchar NOT NULL,
    kind varchar NOT NULL,
    request_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    system_code varchar,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    spec jsonb NOT NULL,
    cloud_id varchar,
    ip_address varchar,
    connection jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    trial_ends_on date,
    opened_on date,
    released_on date,
    drift jsonb NOT NULL,
    CONSTRAINT pk_resources PRIMARY KEY (id),
    CONSTRAINT ck_resources_status_known CHECK (status IN ('provisioning', 'failed', 'trial', 'active',
        'changing', 'suspended', 'releasing', 'released'))
);
CREATE INDEX ix_resources_organisation_code ON resources (organisation_code);
CREATE INDEX ix_resources_request_id ON resources (request_id);
CREATE INDEX ix_resources_workspace_id ON resources (workspace_id);
CREATE UNIQUE INDEX uq_resources_address ON resources (workspace_id, address) WHERE status <> 'released';

CREATE TABLE drift_cases (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    status varchar NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    findings jsonb NOT NULL,
    CONSTRAINT pk_drift_cases PRIMARY KEY (id),
    CONSTRAINT ck_drift_cases_status_known CHECK (status IN ('open', 'closed'))
);
CREATE INDEX ix_drift_cases_organisation_code ON drift_cases (organisation_code);
CREATE INDEX ix_drift_cases_workspace_id ON drift_cases (workspace_id);
CREATE UNIQUE INDEX uq_drift_cases_open ON drift_cases (workspace_id) WHERE status = 'open';
