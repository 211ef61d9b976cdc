CREATE TABLE price_terms (
    id integer NOT NULL,
    token uuid NOT NULL,
    CONSTRAINT pk_price_terms PRIMARY KEY (id),
    CONSTRAINT ck_price_terms_one_row CHECK (id = 1)
);

CREATE TABLE statement_lines (
    statement_id uuid NOT NULL,
    position bigint NOT NULL,
    kind varchar NOT NULL,
    month date NOT NULL,
    resource_id uuid NOT NULL,
    sku_code varchar NOT NULL,
    quantity numeric(18, 6) NOT NULL,
    billing_state varchar NOT NULL,
    catalogue_code varchar NOT NULL,
    price_fen bigint,
    percent integer,
    vcpu numeric(18, 6),
    memory_gb numeric(18, 6),
    discount numeric(5, 2) NOT NULL,
    starts date NOT NULL,
    ends date NOT NULL,
    month_days integer NOT NULL,
    amount_fen bigint NOT NULL,
    payers varchar[] NOT NULL,
    shares_fen bigint[] NOT NULL,
    run_id uuid NOT NULL,
    reverses_statement_id uuid,
    reverses_position bigint,
    CONSTRAINT pk_statement_lines PRIMARY KEY (statement_id, position),
    CONSTRAINT ck_statement_lines_kind_known CHECK (kind IN ('ordinary', 'counter', 'right')),
    CONSTRAINT ck_statement_lines_sign CHECK (CASE kind WHEN 'counter' THEN amount_fen <= 0 ELSE
        amount_fen >= 0 END),
    CONSTRAINT ck_statement_lines_counter_names_line CHECK ((kind = 'counter') = (reverses_statement_id IS
        NOT NULL))
);
CREATE INDEX ix_statement_lines_corrections ON statement_lines (month) WHERE kind <> 'ordinary';

CREATE TABLE billing_discounts (
    id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    sku_code varchar NOT NULL,
    percent numeric(5, 2) NOT NULL,
    days daterange NOT NULL,
    CONSTRAINT pk_billing_discounts PRIMARY KEY (id),
    CONSTRAINT ck_billing_discounts_percent_known CHECK (percent BETWEEN 0 AND 100),
    CONSTRAINT ck_billing_discounts_days_begin CHECK (NOT isempty(days) AND NOT lower_inf(days)),
    CONSTRAINT ex_billing_discounts_one_a_day EXCLUDE USING gist (organisation_code WITH =, sku_code WITH
        =, days WITH &&)
);

CREATE TABLE billing_payer_splits (
    id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    sku_code varchar NOT NULL,
    payers varchar[] NOT NULL,
    percents numeric(5, 2)[] NOT NULL,
    days daterange NOT NULL,
    CONSTRAINT pk_billing_payer_splits PRIMARY KEY (id),
    CONSTRAINT ck_billing_payer_splits_a_percentage_each CHECK (cardinality(payers) = cardinality(percents)),
    CONSTRAINT ck_billing_payer_splits_percents_not_negative CHECK (0 <= ALL (percents)),
    CONSTRAINT ck_billing_payer_splits_days_begin CHECK (NOT isempty(days) AND NOT lower_inf(days)),
    CONSTRAINT ex_billing_payer_splits_one_a_day EXCLUDE USING gist (organisation_code WITH =, sku_code
        WITH =, days WITH &&)
);

CREATE TABLE usage_statements (
    id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    month date NOT NULL,
    revision integer NOT NULL,
    replaces_id uuid,
    number varchar,
    status varchar NOT NULL,
    status_at timestamptz NOT NULL,
    version integer NOT NULL,
    event_seq bigint,
    line_count integer NOT NULL,
    total_fen bigint NOT NULL,
    issued_on date,
    answer_due date,
    digest varchar,
    verified_by_id uuid,
    confirmed_by_id uuid,
    confirmed_on date,
    disputed_by_id uuid,
    dispute_reason varchar,
    decided_by_id uuid,
    decision_reason varchar,
    CONSTRAINT pk_usage_statements PRIMARY KEY (id),
    CONSTRAINT ck_usage_statements_status_known CHECK (status IN ('open', 'metered', 'issued', 'disputed',
        'upheld', 'escalated', 'confirmed', 'settled', 'locked')),
    CONSTRAINT uq_usage_statements_organisation_code_month_revision UNIQUE (organisation_code, month,
        revision),
    CONSTRAINT ck_usage_statements_month_begins CHECK (extract(day FROM month) = 1),
    CONSTRAINT ck_usage_statements_numbered_when_issued CHECK ((status IN ('open', 'metered')) = (number
        IS NULL)),
    CONSTRAINT ck_usage_statements_metered_up_to_an_event CHECK ((status = 'open') = (event_seq IS NULL)),
    CONSTRAINT ck_usage_statements_confirmed_by_another_person CHECK (verified_by_id <> confirmed_by_id),
    CONSTRAINT ck_usage_statements_decided_by_another_person CHECK (decided_by_id <> verified_by_id AND
        decided_by_id <> disputed_by_id AND decided_by_id <> confirmed_by_id),
    CONSTRAINT uq_usage_statements_number UNIQUE (number)
);
CREATE INDEX ix_usage_statements_month ON usage_statements (month);
CREATE UNIQUE INDEX uq_usage_statements_current ON usage_statements (organisation_code, month) WHERE
    status <> 'upheld';

CREATE TABLE considered_corrections (
    statement_id uuid NOT NULL,
    month date NOT NULL,
    event_seq bigint NOT NULL,
    CONSTRAINT pk_considered_corrections PRIMARY KEY (statement_id, month)
);

CREATE TABLE sku_movements (
    statement_id uuid NOT NULL,
    sku_code varchar NOT NULL,
    opening numeric(20, 6) NOT NULL,
    increases numeric(20, 6) NOT NULL,
    decreases numeric(20, 6) NOT NULL,
    closing numeric(20, 6) NOT NULL,
    CONSTRAINT pk_sku_movements PRIMARY KEY (statement_id, sku_code),
    CONSTRAINT ck_sku_movements_balances CHECK (opening + increases - decreases = closing),
    CONSTRAINT ck_sku_movements_not_negative CHECK (increases >= 0 AND decreases >= 0)
);

CREATE TABLE metered_resources (
    resource_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    system_code varchar,
    zone varchar NOT NULL,
    address varchar NOT NULL,
    CONSTRAINT pk_metered_resources PRIMARY KEY (resource_id)
);
CREATE INDEX ix_metered_resources_organisation_code ON metered_resources (organisation_code);

CREATE TABLE usage_events (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    resource_id uuid NOT NULL,
    kind varchar NOT NULL,
    day date NOT NULL,
    at timestamptz NOT NULL,
    billing_state varchar,
    skus jsonb,
    run_id uuid NOT NULL,
    state_serial bigint NOT NULL,
    actor varchar NOT NULL,
    reason varchar,
    CONSTRAINT pk_usage_events PRIMARY KEY (seq),
    CONSTRAINT ck_usage_events_kind_known CHECK (kind IN ('opened', 'resized', 'suspended', 'resumed',
        'waived', 'released', 'corrected', 'charged')),
    CONSTRAINT ck_usage_events_billing_state_known CHECK (billing_state IN ('active', 'suspended',
        'waived', 'none')),
    CONSTRAINT ck_usage_events_says_something CHECK (billing_state IS NOT NULL OR skus IS NOT NULL)
);
CREATE INDEX ix_usage_events_resource ON usage_events (resource_id, day, at, seq);
CREATE UNIQUE INDEX uq_usage_events_once_a_run ON usage_events (resource_id, run_id, kind) WHERE kind IN
    ('opened', 'resized', 'released');

CREATE TABLE usage_intervals (
    id uuid NOT NULL,
    resource_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    sku_code varchar NOT NULL,
    quantity numeric(18, 6) NOT NULL,
    spec_arch varchar NOT NULL,
    spec_vcpu numeric(18, 6),
    spec_memory_gb numeric(18, 6),
    billing_state varchar NOT NULL,
    days daterange NOT NULL,
    event_seq bigint NOT NULL,
    run_id uuid NOT NULL,
    state_serial bigint NOT NULL,
    CONSTRAINT pk_usage_intervals PRIMARY KEY (id),
    CONSTRAINT ck_usage_intervals_billing_state_known CHECK (billing_state IN ('active', 'suspended',
        'waived')),
    CONSTRAINT ck_usage_intervals_quantity_not_negative CHECK (quantity >= 0),
    CONSTRAINT ck_usage_intervals_days_half_open CHECK (NOT isempty(days) AND lower_inc(days) AND NOT
        upper_inc(days)),
    CONSTRAINT ex_usage_intervals_no_overlap EXCLUDE USING gist (resource_id WITH =, sku_code WITH =, days
        WITH &&)
);
CREATE INDEX ix_usage_intervals_organisation_code ON usage_intervals (organisation_code);
CREATE INDEX ix_usage_intervals_resource_id ON usage_intervals (resource_id);

INSERT INTO price_terms (id, token) VALUES (1, gen_random_uuid());
