-- What is wanted of the network for each subscriber, and what was seen of it: two things, kept apart.
-- The row is the queue: until it is settled, it is tried again, for ever.
CREATE TABLE network_intent (
    tenant_id BLOB NOT NULL,
    subscriber_id BLOB NOT NULL,
    -- The overlay generation that is wanted; odd while isolated.
    generation INTEGER NOT NULL,
    isolated INTEGER NOT NULL CHECK (isolated IN (0, 1)),
    wanted_at INTEGER NOT NULL,
    -- pending: nothing was sent yet. acknowledged: the router took the change, which is no observation.
    -- disconnected: the router ended the session, and the re-dial is awaited. unreachable: the router is silent.
    -- refused: the router will not. offline: nobody is online; the next login brings it. verified: it was seen.
    state TEXT NOT NULL CHECK (state IN
        ('pending', 'acknowledged', 'disconnected', 'unreachable', 'refused', 'offline', 'verified')),
    attempts INTEGER NOT NULL,
    attempted_at INTEGER,
    -- NULL when there is nothing to do until something changes.
    next_attempt_at INTEGER,
    -- What the last attempt sent, and what came of it.
    way TEXT CHECK (way IN ('coa', 'disconnect')),
    outcome TEXT,
    -- The generation that was last seen on a session, and when.
    observed_generation INTEGER,
    verified_at INTEGER,
    PRIMARY KEY (tenant_id, subscriber_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id)
) STRICT;
-- Lifts come before isolations.
CREATE INDEX network_intent_due ON network_intent (isolated, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX network_intent_state ON network_intent (state, attempted_at);

-- Orders to end one session, from staff.
CREATE TABLE disconnect_order (
    tenant_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    router_id BLOB NOT NULL,
    wanted_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'unreachable', 'refused', 'done')),
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER,
    outcome TEXT,
    PRIMARY KEY (tenant_id, session_id)
) STRICT;
CREATE INDEX disconnect_order_due ON disconnect_order (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
