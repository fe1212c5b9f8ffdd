-- Service profiles that subscribers buy.
CREATE TABLE plan (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- The service itself as one document: rates, pools, time-outs, hours, quota.
    service TEXT NOT NULL,
    -- Further attributes as names and texts, and as they stand in a packet.
    attributes TEXT NOT NULL,
    composed_attributes BLOB NOT NULL,
    price INTEGER NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    billing TEXT NOT NULL CHECK (billing IN ('prepaid', 'postpaid', 'free')),
    validity_months INTEGER NOT NULL CHECK (validity_months >= 0),
    validity_days INTEGER NOT NULL CHECK (validity_days >= 0),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX plan_name ON plan (tenant_id, name) WHERE deleted_at IS NULL;
