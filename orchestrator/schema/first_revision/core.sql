CREATE TABLE audit_chain (
    id integer NOT NULL,
    seq bigint NOT NULL,
    hash varchar NOT NULL,
    CONSTRAINT pk_audit_chain PRIMARY KEY (id)
);

CREATE TABLE audit_events (
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    actor varchar NOT NULL,
    action varchar NOT NULL,
    object_type varchar NOT NULL,
    object_id varchar NOT NULL,
    organisation_code varchar,
    body text NOT NULL,
    previous_hash varchar NOT NULL,
    hash varchar NOT NULL,
    CONSTRAINT pk_audit_events PRIMARY KEY (seq),
    CONSTRAINT uq_audit_events_hash UNIQUE (hash)
);
CREATE INDEX ix_audit_events_action ON audit_events (action);
CREATE INDEX ix_audit_events_object_id ON audit_events (object_id);
CREATE INDEX ix_audit_events_organisation_code ON audit_events (organisation_code);

CREATE TABLE clock_shift (
    id integer NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT pk_clock_shift PRIMARY KEY (id)
);

CREATE TABLE idempotency_keys (
    person_id uuid NOT NULL,
    key varchar NOT NULL,
    call varchar NOT NULL,
    request_hash varchar NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (person_id, key)
);

-- The chain begins with this row; append_audit_events locks it.
INSERT INTO audit_chain (id, seq, hash) VALUES (1, 0, repeat('0', 64));
