CREATE TABLE price_catalogues (
    code varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    CONSTRAINT pk_price_catalogues PRIMARY KEY (code),
    CONSTRAINT ck_price_catalogues_period_forward CHECK (valid_to IS NULL OR valid_to > valid_from)
);

CREATE TABLE skus (
    code varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    unit varchar NOT NULL,
    product_group varchar NOT NULL,
    billing varchar NOT NULL,
    quota_class varchar NOT NULL,
    fulfilment varchar NOT NULL,
    payer varchar NOT NULL,
    arch varchar,
    disk_tier varchar,
    CONSTRAINT pk_skus PRIMARY KEY (code),
    CONSTRAINT ck_skus_fulfilment_known CHECK (fulfilment IN ('terraform', 'ansible', 'manual', 'included')),
    CONSTRAINT ck_skus_billing_known CHECK (billing IN ('monthly', 'one_off', 'percent_of_spec')),
    CONSTRAINT ck_skus_quota_class_known CHECK (quota_class IN ('vcpu', 'memory_gb', 'block_gb', 'none'))
);

CREATE TABLE sku_prices (
    catalogue_code varchar NOT NULL,
    sku_code varchar NOT NULL,
    price_fen bigint,
    percent integer,
    suspended_percent integer,
    tiers jsonb,
    CONSTRAINT pk_sku_prices PRIMARY KEY (catalogue_code, sku_code),
    CONSTRAINT ck_sku_prices_one_kind_of_price CHECK (num_nonnulls(price_fen, percent, tiers) = 1),
    CONSTRAINT ck_sku_prices_price_not_negative CHECK (price_fen >= 0),
    CONSTRAINT ck_sku_prices_suspended_percent_known CHECK (suspended_percent BETWEEN 0 AND 100)
);
