CREATE TABLE resource_requests (
    id uuid NOT NULL,
    number varchar NOT NULL,
    kind varchar NOT NULL,
    organisation_code varchar NOT NULL,
    system_code varchar,
    zone_class varchar NOT NULL,
    target_workspace_id uuid,
    title varchar NOT NULL,
    justification varchar NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    requester_id uuid NOT NULL,
    endorser_id uuid,
    reviewer_id uuid,
    filed_by_officer boolean NOT NULL,
    created_at timestamptz NOT NULL,
    submitted_at timestamptz,
    reason varchar,
    catalogue_code varchar,
    monthly_fen bigint NOT NULL,
    year_fen bigint NOT NULL,
    quote jsonb NOT NULL,
    judgement jsonb NOT NULL,
    CONSTRAINT pk_resource_requests PRIMARY KEY (id),
    CONSTRAINT ck_resource_requests_kind_known CHECK (kind IN ('provision', 'change', 'release')),
    CONSTRAINT ck_resource_requests_status_known CHECK (status IN ('draft', 'awaiting_endorsement',
        'submitted', 'returned', 'accepted', 'under_review', 'approved', 'planned', 'cancelling', 'in_trial',
        'fulfilled', 'trial_ended', 'refused', 'rejected', 'cancelled', 'expired')),
    CONSTRAINT ck_resource_requests_zone_class_known CHECK (zone_class IN ('production', 'trial')),
    CONSTRAINT ck_resource_requests_endorser_is_another_person CHECK (endorser_id <> requester_id OR
        filed_by_officer),
    CONSTRAINT ck_resource_requests_reviewer_is_another_person CHECK (reviewer_id <> requester_id AND
        reviewer_id <> endorser_id),
    CONSTRAINT ck_resource_requests_change_has_a_target CHECK ((kind = 'provision') = (target_workspace_id
        IS NULL)),
    CONSTRAINT uq_resource_requests_number UNIQUE (number)
);
CREATE INDEX ix_resource_requests_organisation_code ON resource_requests (organisation_code);
CREATE INDEX ix_resource_requests_requester_id ON resource_requests (requester_id);

CREATE TABLE request_comments (
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    person_id uuid NOT NULL,
    at timestamptz NOT NULL,
    act varchar NOT NULL,
    text varchar NOT NULL,
    CONSTRAINT pk_request_comments PRIMARY KEY (id)
);
CREATE INDEX ix_request_comments_request_id ON request_comments (request_id);

CREATE TABLE request_lines (
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    position integer NOT NULL,
    key varchar NOT NULL,
    label varchar NOT NULL,
    purpose varchar NOT NULL,
    pool_code varchar NOT NULL,
    image varchar NOT NULL,
    count integer NOT NULL,
    vcpu integer NOT NULL,
    memory_gb integer NOT NULL,
    disk_gb integer NOT NULL,
    disk_tier varchar NOT NULL,
    backup_gb integer NOT NULL,
    host_services jsonb NOT NULL,
    ports jsonb NOT NULL,
    CONSTRAINT pk_request_lines PRIMARY KEY (id),
    CONSTRAINT uq_request_lines_request_id_position UNIQUE (request_id, position),
    CONSTRAINT uq_request_lines_request_id_key UNIQUE (request_id, key),
    CONSTRAINT ck_request_lines_count_sensible CHECK (count BETWEEN 1 AND 200),
    CONSTRAINT ck_request_lines_sizes_sensible CHECK (vcpu > 0 AND memory_gb > 0 AND disk_gb >= 0 AND
        backup_gb >= 0),
    CONSTRAINT ck_request_lines_key_is_plain CHECK (key ~ '^[a-z][a-z0-9-]{0,23}$')
);
CREATE INDEX ix_request_lines_request_id ON request_lines (request_id);
