-- Sessions, online and over, with their usage; and how far journals are applied.
-- No foreign keys here: history outlives the subscribers, plans and routers that it tells of.

CREATE TABLE session (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    router_id UUID NOT NULL,
    -- NULL where the user name is not one of ours: a router may account for users of its own.
    subscriber_id UUID,
    -- Hash of router and Acct-Session-Id, by which a packet without our cookie finds its session.
    name_hash BIGINT NOT NULL,
    -- Whether the id came from our Class cookie; else it was derived.
    from_cookie BOOLEAN NOT NULL,
    overlay_generation BIGINT,
    username TEXT NOT NULL,
    acct_session_id TEXT NOT NULL,
    -- The attributes that name the session to its router, octet for octet.
    identifiers BYTEA NOT NULL,
    framed_address TEXT,
    framed_ipv6_address TEXT,
    framed_ipv6_prefix TEXT,
    delegated_ipv6_prefix TEXT,
    mac TEXT,
    nas_port BIGINT,
    -- Fixed when the session is first seen.
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    session_seconds BIGINT NOT NULL,
    upload_octets BIGINT NOT NULL,
    download_octets BIGINT NOT NULL,
    upload_packets BIGINT NOT NULL,
    download_packets BIGINT NOT NULL,
    ended_at BIGINT,
    end_cause TEXT CHECK (end_cause IN ('stopped', 'superseded', 'router_restarted', 'silent', 'replaced')),
    -- Acct-Terminate-Cause of the Stop; 0 without one.
    terminate_cause BIGINT NOT NULL,
    -- Rises with each write: whoever read the row before another wrote it finds out.
    revision BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, started_at, id),
    CHECK ((ended_at IS NULL) = (end_cause IS NULL))
) PARTITION BY RANGE (started_at);
-- What no month's partition takes: sessions dated by a router's wrong clock.
CREATE TABLE session_other PARTITION OF session DEFAULT;

-- Makes the partition of the month (UTC) that a time lies in, and moves there what came before it was made. Called ahead of
-- time, so that there is nothing to move.
CREATE FUNCTION make_session_month(at BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    first_day TIMESTAMPTZ := date_trunc('month', to_timestamp(at / 1000.0), 'UTC');
    next_month TIMESTAMPTZ := (first_day AT TIME ZONE 'UTC' + INTERVAL '1 month') AT TIME ZONE 'UTC';
    name TEXT := 'session_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYY_MM');
    first_milli BIGINT := extract(epoch FROM first_day) * 1000;
    next_milli BIGINT := extract(epoch FROM next_month) * 1000;
BEGIN
    -- Two nodes may come at once.
    PERFORM pg_advisory_xact_lock(hashtext('make_session_month'));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE session_other IN ACCESS EXCLUSIVE MODE;
    -- Each page keeps room for the next version of its rows: an interim then touches no index.
    EXECUTE format('CREATE TABLE %I (LIKE session INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 70)', name);
    EXECUTE format(
        'WITH moved AS (DELETE FROM session_other WHERE started_at >= %s AND started_at < %s RETURNING *) '
        'INSERT INTO %I SELECT * FROM moved',
        first_milli, next_milli, name
    );
    EXECUTE format('ALTER TABLE session ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, first_milli, next_milli);
END
$$;
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
    tenant_id UUID NOT NULL,
    subscriber_id UUID NOT NULL,
    -- Hours since 1970-01-01T00:00:00Z.
    hour BIGINT NOT NULL,
    upload_octets BIGINT NOT NULL,
    download_octets BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subscriber_id, hour)
) WITH (fillfactor = 70);

-- How far each journal is applied: written in the transaction that applies it.
CREATE TABLE journal_position (
    journal_id UUID NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Records that the database or the rules refuse for good: set aside, so that the rest goes on.
CREATE TABLE journal_refused (
    journal_id UUID NOT NULL,
    position BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    version BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    router_id UUID NOT NULL,
    payload BYTEA NOT NULL,
    reason TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (journal_id, position)
);

-- Restarts of routers (Accounting-On and -Off): sessions with no event since are over, and are closed in small steps.
CREATE TABLE router_restart (
    tenant_id UUID NOT NULL,
    router_id UUID NOT NULL,
    restarted_at BIGINT NOT NULL,
    -- True once every session before it is closed.
    done BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, router_id)
);
CREATE INDEX router_restart_pending ON router_restart (restarted_at) WHERE NOT done;
