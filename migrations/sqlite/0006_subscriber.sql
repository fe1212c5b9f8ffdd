-- People and companies that pay.
CREATE TABLE customer (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- The name as it is searched for: lower case, single spaces.
    name_key TEXT NOT NULL,
    -- Digits behind a plus sign where the country is known.
    phone TEXT,
    email TEXT,
    address TEXT NOT NULL,
    -- Number of the identity card, sealed.
    identity_number BLOB,
    note TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX customer_name ON customer (tenant_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX customer_phone ON customer (tenant_id, phone) WHERE deleted_at IS NULL AND phone IS NOT NULL;

-- Services with a login of their own. Isolation is not here: it is an overlay.
CREATE TABLE subscriber (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    plan_id BLOB NOT NULL,
    username TEXT NOT NULL,
    -- Sealed clear text; NULL where the hardware address is all there is.
    password BLOB,
    service TEXT NOT NULL CHECK (service IN ('ppp', 'hotspot', 'any')),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'ended')),
    expires_at INTEGER,
    mac_lock TEXT NOT NULL CHECK (mac_lock IN ('off', 'learn', 'locked')),
    -- JSON array of hardware addresses.
    macs TEXT NOT NULL,
    router_id BLOB,
    static_address TEXT,
    ipv6_prefix TEXT,
    delegated_ipv6_prefix TEXT,
    -- JSON array of Framed-Route values.
    routes TEXT NOT NULL,
    simultaneous INTEGER CHECK (simultaneous BETWEEN 0 AND 65535),
    -- Further attributes as names and texts, and as they stand in a packet.
    attributes TEXT NOT NULL,
    composed_attributes BLOB NOT NULL,
    -- Rises by one with each change of the overlay.
    overlay_generation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, id),
    FOREIGN KEY (tenant_id, router_id) REFERENCES router (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX subscriber_username ON subscriber (tenant_id, username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX subscriber_static_address ON subscriber (tenant_id, static_address)
    WHERE deleted_at IS NULL AND static_address IS NOT NULL;
CREATE INDEX subscriber_customer ON subscriber (tenant_id, customer_id) WHERE deleted_at IS NULL;
-- What lists are filtered by stands before the user name, which is their order: a page is read from its index, however few
-- there are.
CREATE INDEX subscriber_plan ON subscriber (tenant_id, plan_id, username) WHERE deleted_at IS NULL;
CREATE INDEX subscriber_status ON subscriber (tenant_id, status, username) WHERE deleted_at IS NULL;
CREATE INDEX subscriber_plan_status ON subscriber (tenant_id, plan_id, status, username) WHERE deleted_at IS NULL;
CREATE INDEX subscriber_service ON subscriber (tenant_id, service, username) WHERE deleted_at IS NULL;
CREATE INDEX subscriber_expires ON subscriber (tenant_id, username, expires_at)
    WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
-- Whose generation is odd is isolated.
CREATE INDEX subscriber_isolated ON subscriber (tenant_id, username)
    WHERE deleted_at IS NULL AND overlay_generation % 2 = 1;
CREATE INDEX subscriber_router ON subscriber (tenant_id, router_id, username)
    WHERE deleted_at IS NULL AND router_id IS NOT NULL;

-- Why a subscriber is isolated. A row each reason: a payment removes `unpaid` alone.
CREATE TABLE overlay (
    tenant_id BLOB NOT NULL,
    subscriber_id BLOB NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('abuse', 'manual', 'unpaid', 'quota')),
    since INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (tenant_id, subscriber_id, reason),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id)
) STRICT;
-- Who is isolated for its quota is looked at again and again, until the period is over.
CREATE INDEX overlay_quota ON overlay (tenant_id, subscriber_id) WHERE reason = 'quota';
