-- Who reacts to events for good, and how far each of them has come in each tenant's stream.

CREATE TABLE event_subscriber (
    name TEXT NOT NULL PRIMARY KEY,
    -- Since when it takes part.
    started_at BIGINT NOT NULL,
    -- When a daemon that knows it last said so: what nobody knows any more holds no events back.
    seen_at BIGINT NOT NULL
);

-- A row is locked by the one node that works on it. Its rows change all the time and never
-- grow: with room on the page, an update stays on it.
CREATE TABLE event_cursor (
    tenant_id UUID NOT NULL,
    subscriber TEXT NOT NULL,
    -- The last event that is done with.
    position BIGINT NOT NULL,
    -- How often the next one failed.
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Since when the next one fails.
    parked_since BIGINT,
    -- When it is tried again. Also set by an operator, to have the row looked at.
    retry_at BIGINT,
    last_error TEXT,
    last_error_at BIGINT,
    PRIMARY KEY (tenant_id, subscriber)
) WITH (fillfactor = 50);

CREATE INDEX event_cursor_by_retry ON event_cursor (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX event_cursor_parked ON event_cursor (subscriber) WHERE parked_since IS NOT NULL;
