-- The ground that every domain stands on: the database's name, the streams with their heads, idempotency keys.
-- Times are milliseconds since 1970-01-01T00:00:00Z. The nil tenant is the platform itself.

-- Which database this is: journals and snapshots name it, so that none is applied to a foreign one.
CREATE TABLE meta (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    database_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- How far each tenant's streams reach. Locked last in every commit: see foundation/src/tx.
CREATE TABLE stream_head (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    event_sequence INTEGER NOT NULL,
    audit_sequence INTEGER NOT NULL,
    change_sequence INTEGER NOT NULL,
    -- Changes up to this number were trimmed away.
    change_trimmed INTEGER NOT NULL DEFAULT 0,
    -- Events up to this number were trimmed away.
    event_trimmed INTEGER NOT NULL DEFAULT 0,
    -- The hash of the last audit entry.
    audit_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    tenant_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_by_kind ON event (tenant_id, kind, sequence);

-- States are text, not documents: their hash covers the very octets.
CREATE TABLE audit (
    tenant_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    act TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    before_state TEXT,
    after_state TEXT,
    reason TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
) STRICT;

CREATE INDEX audit_by_target ON audit (tenant_id, target_kind, target_id, sequence);
CREATE INDEX audit_by_actor ON audit (tenant_id, actor, sequence);
CREATE INDEX audit_by_act ON audit (tenant_id, act, sequence);
CREATE INDEX audit_by_time ON audit (tenant_id, at);

-- The trail is written once. Our own code never tries; this holds for whoever opens the database by hand, too.
CREATE TRIGGER audit_is_never_updated BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TABLE change (
    tenant_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
) STRICT, WITHOUT ROWID;

-- Answers of requests that carried an Idempotency-Key, written in the transaction of the act itself.
CREATE TABLE idempotency_key (
    tenant_id BLOB NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    -- SHA-256 of the method, the path and the body: the same key for another request is a mistake.
    request_hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    body TEXT,
    PRIMARY KEY (tenant_id, actor, key)
) STRICT;

CREATE INDEX idempotency_key_by_time ON idempotency_key (at);
