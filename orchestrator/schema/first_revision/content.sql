CREATE TABLE content_revisions (
    id uuid NOT NULL,
    number integer NOT NULL,
    digest varchar NOT NULL,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    author_id uuid,
    reason varchar,
    rows jsonb NOT NULL,
    differences jsonb NOT NULL,
    CONSTRAINT pk_content_revisions PRIMARY KEY (id),
    CONSTRAINT ck_content_revisions_status_known CHECK (status IN ('proposed', 'loaded', 'rejected',
        'superseded')),
    CONSTRAINT uq_content_revisions_number UNIQUE (number)
);

CREATE TABLE content_approvals (
    revision_id uuid NOT NULL,
    authority varchar NOT NULL,
    approver_id uuid NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_content_approvals PRIMARY KEY (revision_id, authority),
    CONSTRAINT ck_content_approvals_authority_known CHECK (authority IN ('finance', 'smart_city_office'))
);
