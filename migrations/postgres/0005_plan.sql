-- Service profiles that subscribers buy.
CREATE TABLE plan (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    id UUID NOT NULL,
    name TEXT NOT NULL,
    -- The service itself as one document: rates, pools, time-outs, hours, quota.
    service JSONB NOT NULL,
    -- Further attributes as names and texts, and as they stand in a packet.
    attributes JSONB NOT NULL,
    composed_attributes BYTEA NOT NULL,
    price BIGINT NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    billing TEXT NOT NULL CHECK (billing IN ('prepaid', 'postpaid', 'free')),
    validity_months BIGINT NOT NULL CHECK (validity_months >= 0),
    validity_days BIGINT NOT NULL CHECK (validity_days >= 0),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX plan_name ON plan (tenant_id, name) WHERE deleted_at IS NULL;
