CREATE TABLE resource_pools (
    code varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    zone varchar NOT NULL,
    arch varchar NOT NULL,
    overcommit_percent integer NOT NULL,
    warn_at_percent integer NOT NULL,
    free boolean NOT NULL,
    expiry_days integer,
    CONSTRAINT pk_resource_pools PRIMARY KEY (code)
);

CREATE TABLE budget_lines (
    id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    fiscal_year integer NOT NULL,
    purpose varchar NOT NULL,
    payer varchar NOT NULL,
    state varchar NOT NULL,
    appropriated_fen bigint NOT NULL,
    held_fen bigint NOT NULL,
    committed_fen bigint NOT NULL,
    spent_fen bigint NOT NULL,
    CONSTRAINT pk_budget_lines PRIMARY KEY (id),
    CONSTRAINT uq_budget_lines_organisation_code_fiscal_year_purpose_payer UNIQUE (organisation_code,
        fiscal_year, purpose, payer),
    CONSTRAINT uq_budget_lines_id_fiscal_year UNIQUE (id, fiscal_year),
    CONSTRAINT ck_budget_lines_payer_known CHECK (payer IN ('department', 'central')),
    CONSTRAINT ck_budget_lines_state_known CHECK (state IN ('provisional', 'approved', 'closed')),
    CONSTRAINT ck_budget_lines_amounts_not_negative CHECK (held_fen >= 0 AND committed_fen >= 0 AND
        spent_fen >= 0),
    CONSTRAINT ck_budget_lines_never_overspent CHECK (held_fen + committed_fen + spent_fen <=
        appropriated_fen)
);
CREATE INDEX ix_budget_lines_organisation_code ON budget_lines (organisation_code);

CREATE TABLE pool_capacities (
    pool_code varchar NOT NULL,
    resource_class varchar NOT NULL,
    capacity integer NOT NULL,
    allocatable integer NOT NULL,
    held integer NOT NULL,
    committed integer NOT NULL,
    CONSTRAINT pk_pool_capacities PRIMARY KEY (pool_code, resource_class),
    CONSTRAINT ck_pool_capacities_resource_class_known CHECK (resource_class IN ('vcpu', 'memory_gb',
        'block_gb')),
    CONSTRAINT ck_pool_capacities_amounts_not_negative CHECK (held >= 0 AND committed >= 0),
    CONSTRAINT ck_pool_capacities_never_oversold CHECK (held + committed <= allocatable)
);

CREATE TABLE quota_limits (
    organisation_code varchar NOT NULL,
    zone_class varchar NOT NULL,
    resource_class varchar NOT NULL,
    amount integer NOT NULL,
    held integer NOT NULL,
    committed integer NOT NULL,
    CONSTRAINT pk_quota_limits PRIMARY KEY (organisation_code, zone_class, resource_class),
    CONSTRAINT ck_quota_limits_zone_class_known CHECK (zone_class IN ('production', 'trial')),
    CONSTRAINT ck_quota_limits_resource_class_known CHECK (resource_class IN ('vcpu', 'memory_gb',
        'block_gb')),
    CONSTRAINT ck_quota_limits_amounts_not_negative CHECK (held >= 0 AND committed >= 0),
    CONSTRAINT ck_quota_limits_never_oversold CHECK (held + committed <= amount)
);

CREATE TABLE budget_commitments (
    id uuid NOT NULL,
    line_id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    workspace_id uuid NOT NULL,
    request_id uuid NOT NULL,
    committed_at timestamptz NOT NULL,
    address varchar NOT NULL,
    sku_code varchar NOT NULL,
    quantity integer NOT NULL,
    catalogue_code varchar NOT NULL,
    price_fen bigint,
    starts date NOT NULL,
    ends date NOT NULL,
    amount_fen bigint NOT NULL,
    CONSTRAINT pk_budget_commitments PRIMARY KEY (id),
    CONSTRAINT ck_budget_commitments_amounts_sensible CHECK (quantity > 0 AND amount_fen >= 0),
    CONSTRAINT ck_budget_commitments_days_of_its_fiscal_year CHECK (starts <= ends AND starts >=
        make_date(fiscal_year, 1, 1) AND ends <= make_date(fiscal_year + 1, 1, 1))
);
CREATE INDEX ix_budget_commitments_line_id ON budget_commitments (line_id);
CREATE INDEX ix_budget_commitments_workspace_id ON budget_commitments (workspace_id);

CREATE TABLE holds (
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    organisation_code varchar NOT NULL,
    status varchar NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_holds PRIMARY KEY (id),
    CONSTRAINT ck_holds_status_known CHECK (status IN ('live', 'committed', 'released')),
    CONSTRAINT uq_holds_request_id UNIQUE (request_id)
);
CREATE INDEX ix_holds_organisation_code ON holds (organisation_code);

CREATE TABLE hold_items (
    hold_id uuid NOT NULL,
    target varchar NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT pk_hold_items PRIMARY KEY (hold_id, target)
);
