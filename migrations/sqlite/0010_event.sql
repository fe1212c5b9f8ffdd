-- Who reacts to events for good, and how far each of them has come in each tenant's stream.

CREATE TABLE event_subscriber (
    name TEXT NOT NULL PRIMARY KEY,
    -- Since when it takes part.
    started_at INTEGER NOT NULL,
    -- When a daemon that knows it last said so: what nobody knows any more holds no events back.
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A row is locked by the one node that works on it.
CREATE TABLE event_cursor (
    tenant_id BLOB NOT NULL,
    subscriber TEXT NOT NULL,
    -- The last event that is done with.
    position INTEGER NOT NULL,
    -- How often the next one failed.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Since when the next one fails.
    parked_since INTEGER,
    -- When it is tried again. Also set by an operator, to have the row looked at.
    retry_at INTEGER,
    last_error TEXT,
    last_error_at INTEGER,
    PRIMARY KEY (tenant_id, subscriber)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_cursor_by_retry ON event_cursor (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX event_cursor_parked ON event_cursor (subscriber) WHERE parked_since IS NOT NULL;
