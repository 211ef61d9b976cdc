CREATE TABLE systems (
    code varchar NOT NULL,
    organisation_code varchar NOT NULL,
    name_zh varchar NOT NULL,
    name_en varchar NOT NULL,
    network varchar NOT NULL,
    hosting varchar NOT NULL,
    mlps_level integer NOT NULL,
    classification varchar NOT NULL,
    zombie boolean NOT NULL,
    attributes jsonb NOT NULL,
    CONSTRAINT pk_systems PRIMARY KEY (code),
    CONSTRAINT ck_systems_classification_known CHECK (classification IN ('undetermined', 'mixed',
        'non_classified_confirmed'))
);
CREATE INDEX ix_systems_organisation_code ON systems (organisation_code);
