-- Sessions, online and over, with their usage; and how far journals are applied.
-- No foreign keys here: history outlives the subscribers, plans and routers that it tells of.

CREATE TABLE session (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    -- NULL where the user name is not one of ours: a router may account for users of its own.
    subscriber_id BLOB,
    -- Hash of router and Acct-Session-Id, by which a packet without our cookie finds its session.
    name_hash INTEGER NOT NULL,
    -- Whether the id came from our Class cookie; else it was derived.
    from_cookie INTEGER NOT NULL CHECK (from_cookie IN (0, 1)),
    overlay_generation INTEGER,
    username TEXT NOT NULL,
    acct_session_id TEXT NOT NULL,
    -- The attributes that name the session to its router, octet for octet.
    identifiers BLOB NOT NULL,
    framed_address TEXT,
    framed_ipv6_address TEXT,
    framed_ipv6_prefix TEXT,
    delegated_ipv6_prefix TEXT,
    mac TEXT,
    nas_port INTEGER,
    -- Fixed when the session is first seen.
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    session_seconds INTEGER NOT NULL,
    upload_octets INTEGER NOT NULL,
    download_octets INTEGER NOT NULL,
    upload_packets INTEGER NOT NULL,
    download_packets INTEGER NOT NULL,
    ended_at INTEGER,
    end_cause TEXT CHECK (end_cause IN ('stopped', 'superseded', 'router_restarted', 'silent', 'replaced')),
    -- Acct-Terminate-Cause of the Stop; 0 without one.
    terminate_cause INTEGER NOT NULL,
    -- Rises with each write: whoever read the row before another wrote it finds out.
    revision INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, started_at, id),
    CHECK ((ended_at IS NULL) = (end_cause IS NULL))
) STRICT;
CREATE INDEX session_name ON session (name_hash, started_at);
CREATE INDEX session_id ON session (id);
-- In the order of its list, id and all: SQLite else reads the whole tenant in the order of the key.
CREATE INDEX session_subscriber ON session (tenant_id, subscriber_id, started_at, id);
-- Before `session_open`: of two that serve alike SQLite takes the later one, the shorter of both.
CREATE INDEX session_router ON session (tenant_id, router_id, started_at, id);
CREATE INDEX session_address ON session (tenant_id, framed_address, started_at) WHERE framed_address IS NOT NULL;
CREATE INDEX session_ipv6_address ON session (tenant_id, framed_ipv6_address, started_at)
    WHERE framed_ipv6_address IS NOT NULL;
CREATE INDEX session_ipv6_prefix ON session (tenant_id, framed_ipv6_prefix, started_at)
    WHERE framed_ipv6_prefix IS NOT NULL;
CREATE INDEX session_delegated ON session (tenant_id, delegated_ipv6_prefix, started_at)
    WHERE delegated_ipv6_prefix IS NOT NULL;
CREATE INDEX session_open ON session (tenant_id, router_id, started_at, id) WHERE ended_at IS NULL;

-- Traffic by the hour (UTC), from which every later period is summed without reading sessions.
CREATE TABLE usage_hour (
    tenant_id BLOB NOT NULL,
    subscriber_id BLOB NOT NULL,
    -- Hours since 1970-01-01T00:00:00Z.
    hour INTEGER NOT NULL,
    upload_octets INTEGER NOT NULL,
    download_octets INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, subscriber_id, hour)
) STRICT, WITHOUT ROWID;

-- How far each journal is applied: written in the transaction that applies it.
CREATE TABLE journal_position (
    journal_id BLOB NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Records that the database or the rules refuse for good: set aside, so that the rest goes on.
CREATE TABLE journal_refused (
    journal_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    tenant_id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    refused_at INTEGER NOT NULL,
    PRIMARY KEY (journal_id, position)
) STRICT;

-- Restarts of routers (Accounting-On and -Off): sessions with no event since are over, and are closed in small steps.
CREATE TABLE router_restart (
    tenant_id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    restarted_at INTEGER NOT NULL,
    -- 1 once every session before it is closed.
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    PRIMARY KEY (tenant_id, router_id)
) STRICT;
CREATE INDEX router_restart_pending ON router_restart (restarted_at) WHERE done = 0;
