CREATE TABLE organisations (
    code varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    kind varchar NOT NULL,
    parent_code varchar,
    CONSTRAINT pk_organisations PRIMARY KEY (code),
    CONSTRAINT ck_organisations_kind_known CHECK (kind IN ('city_dept', 'city_unit', 'county',
        'committee', 'county_informatization', 'vertical', 'provider', 'authority'))
);

CREATE TABLE access_links (
    organisation_code varchar NOT NULL,
    mbps integer NOT NULL,
    CONSTRAINT pk_access_links PRIMARY KEY (organisation_code)
);

CREATE TABLE persons (
    id uuid NOT NULL,
    username varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    organisation_code varchar NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    language varchar NOT NULL,
    CONSTRAINT pk_persons PRIMARY KEY (id),
    CONSTRAINT ck_persons_language_known CHECK (language IN ('zh', 'en')),
    CONSTRAINT ck_persons_status_known CHECK (status IN ('active', 'deactivated')),
    CONSTRAINT uq_persons_username UNIQUE (username)
);
CREATE INDEX ix_persons_organisation_code ON persons (organisation_code);

CREATE TABLE api_tokens (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    name varchar NOT NULL,
    token_hash varchar NOT NULL,
    scopes jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT pk_api_tokens PRIMARY KEY (id),
    CONSTRAINT uq_api_tokens_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_api_tokens_person_id ON api_tokens (person_id);

CREATE TABLE identities (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    kind varchar NOT NULL,
    subject varchar NOT NULL,
    password_hash varchar,
    failed_attempts integer NOT NULL,
    locked_until timestamptz,
    CONSTRAINT pk_identities PRIMARY KEY (id),
    CONSTRAINT ck_identities_kind_known CHECK (kind IN ('local', 'oidc', 'service')),
    CONSTRAINT uq_identities_kind_subject UNIQUE (kind, subject)
);
CREATE INDEX ix_identities_person_id ON identities (person_id);

CREATE TABLE officer_filings (
    id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    person_id uuid,
    year integer NOT NULL,
    filed_on date NOT NULL,
    status varchar NOT NULL,
    CONSTRAINT pk_officer_filings PRIMARY KEY (id),
    CONSTRAINT ck_officer_filings_status_known CHECK (status IN ('current', 'superseded', 'lapsed'))
);
CREATE INDEX ix_officer_filings_organisation_code ON officer_filings (organisation_code);
CREATE UNIQUE INDEX uq_officer_filings_current ON officer_filings (organisation_code) WHERE status =
    'current';

CREATE TABLE role_grants (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    role varchar NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    CONSTRAINT pk_role_grants PRIMARY KEY (id),
    CONSTRAINT ck_role_grants_role_known CHECK (role IN ('department_clerk', 'information_officer',
        'centre_reviewer', 'centre_approver', 'smart_city_office', 'applier', 'finance', 'auditor',
        'technical_administrator')),
    CONSTRAINT uq_role_grants_person_id_role_valid_from UNIQUE (person_id, role, valid_from),
    CONSTRAINT ck_role_grants_period_forward CHECK (valid_to IS NULL OR valid_to > valid_from)
);
CREATE INDEX ix_role_grants_person_id ON role_grants (person_id);

CREATE TABLE web_sessions (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    token_hash varchar NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_web_sessions PRIMARY KEY (id),
    CONSTRAINT uq_web_sessions_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_web_sessions_person_id ON web_sessions (person_id);
