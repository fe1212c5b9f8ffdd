-- Routers that ask RADIUS: what is wanted of them.
CREATE TABLE router (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Shared secret, sealed.
    secret BLOB NOT NULL,
    message_authenticator TEXT NOT NULL CHECK (message_authenticator IN ('required', 'off')),
    reject_delay_ms INTEGER NOT NULL CHECK (reject_delay_ms BETWEEN 0 AND 1000),
    octets TEXT NOT NULL CHECK (octets IN ('input_is_upload', 'input_is_download')),
    change_way TEXT NOT NULL CHECK (change_way IN ('coa_then_disconnect', 'disconnect', 'none')),
    dynauth_address TEXT,
    dynauth_port INTEGER NOT NULL CHECK (dynauth_port BETWEEN 1 AND 65535),
    dynauth_event_timestamp INTEGER NOT NULL CHECK (dynauth_event_timestamp IN (0, 1)),
    location TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX router_name ON router (tenant_id, name) WHERE deleted_at IS NULL;

-- Where a router's packets come from. Routers behind one NAT share an address, also across tenants.
CREATE TABLE router_address (
    tenant_id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (tenant_id, router_id, address),
    FOREIGN KEY (tenant_id, router_id) REFERENCES router (tenant_id, id)
) STRICT;
CREATE INDEX router_address_address ON router_address (address);

-- One row for each address ever given to a router. Whoever gives it to another locks the row first, so that two
-- routers cannot get the same address and the same secret at the same time.
CREATE TABLE router_source (
    address TEXT PRIMARY KEY NOT NULL
) STRICT;

-- What was last seen of a router, apart from what is wanted of it.
CREATE TABLE router_observation (
    tenant_id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    last_seen_at INTEGER NOT NULL,
    -- Where its last packet came from, and which of our addresses it went to.
    source_address TEXT NOT NULL,
    local_address TEXT,
    -- When an Access-Request last came with a Message-Authenticator, and when without.
    with_message_authenticator_at INTEGER,
    without_message_authenticator_at INTEGER,
    PRIMARY KEY (tenant_id, router_id),
    FOREIGN KEY (tenant_id, router_id) REFERENCES router (tenant_id, id)
) STRICT;
