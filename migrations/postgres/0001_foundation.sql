-- The ground that every domain stands on: the database's name, the streams with their heads, idempotency keys.
-- Times are milliseconds since 1970-01-01T00:00:00Z. The nil tenant is the platform itself.

-- Which database this is: journals and snapshots name it, so that none is applied to a foreign one.
CREATE TABLE meta (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    database_id UUID NOT NULL,
    created_at BIGINT NOT NULL
);

-- How far each tenant's streams reach. Locked last in every commit: see foundation/src/tx.
-- Its rows change all the time and never grow: with room on the page, an update stays on it.
CREATE TABLE stream_head (
    tenant_id UUID NOT NULL PRIMARY KEY,
    event_sequence BIGINT NOT NULL,
    audit_sequence BIGINT NOT NULL,
    change_sequence BIGINT NOT NULL,
    -- Changes up to this number were trimmed away.
    change_trimmed BIGINT NOT NULL DEFAULT 0,
    -- Events up to this number were trimmed away.
    event_trimmed BIGINT NOT NULL DEFAULT 0,
    -- The hash of the last audit entry.
    audit_hash BYTEA NOT NULL
) WITH (fillfactor = 50);

-- Events and the audit trail are not partitioned: their numbers must be unique for ever, the trail is never cut, and both
-- grow with what people and jobs do, not with the traffic of routers.
CREATE TABLE event (
    tenant_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

CREATE INDEX event_by_kind ON event (tenant_id, kind, sequence);

-- States are text, not documents: their hash covers the very octets.
CREATE TABLE audit (
    tenant_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    act TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    before_state TEXT,
    after_state TEXT,
    reason TEXT,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

CREATE INDEX audit_by_target ON audit (tenant_id, target_kind, target_id, sequence);
CREATE INDEX audit_by_actor ON audit (tenant_id, actor, sequence);
CREATE INDEX audit_by_act ON audit (tenant_id, act, sequence);
CREATE INDEX audit_by_time ON audit (tenant_id, at);

-- The trail is written once. Our own code never tries; this holds for whoever opens the database by hand, too.
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

CREATE TABLE change (
    tenant_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    id UUID NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

-- Answers of requests that carried an Idempotency-Key, written in the transaction of the act itself.
CREATE TABLE idempotency_key (
    tenant_id UUID NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    -- SHA-256 of the method, the path and the body: the same key for another request is a mistake.
    request_hash BYTEA NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    body TEXT,
    PRIMARY KEY (tenant_id, actor, key)
);

CREATE INDEX idempotency_key_by_time ON idempotency_key (at);
