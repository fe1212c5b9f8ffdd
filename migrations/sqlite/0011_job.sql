-- Work in the background: the queue, what each run of a job logged, what is paused, what is due by the calendar, and whom
-- a failure was told to. Times are the database's own, in milliseconds since 1970-01-01T00:00:00Z. The nil tenant is the
-- platform itself.

CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    tenant_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    args TEXT NOT NULL,
    -- Jobs of one lane of one tenant run at most `lane_limit` at a time.
    lane TEXT NOT NULL,
    lane_limit INTEGER NOT NULL CHECK (lane_limit > 0),
    -- 0 urgent, 1 normal, 2 bulk.
    priority INTEGER NOT NULL CHECK (priority IN (0, 1, 2)),
    state TEXT NOT NULL CHECK (state IN ('scheduled', 'available', 'running', 'done', 'dead', 'discarded')),
    run_at INTEGER NOT NULL,
    -- Runs that count: a snooze gives its own back.
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
    snoozes INTEGER NOT NULL DEFAULT 0,
    unique_key TEXT,
    -- Rises with each claim: who holds an older one cannot write any more. It numbers the runs, too.
    lease_token INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    node TEXT,
    -- How far a job of many steps has come.
    progress TEXT,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'dead', 'discarded')) = (finished_at IS NOT NULL))
) STRICT;
-- A finished or dead job never stands in the way of a new one.
CREATE UNIQUE INDEX job_unique ON job (tenant_id, kind, unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'available', 'running');
-- The claim walks from tenant to tenant and from lane to lane, each step one look into this index, however many jobs wait.
CREATE INDEX job_available ON job (priority, tenant_id, lane, kind, run_at, id) WHERE state = 'available';
CREATE INDEX job_scheduled ON job (priority, run_at, id) WHERE state = 'scheduled';
CREATE INDEX job_running ON job (tenant_id, lane) WHERE state = 'running';
CREATE INDEX job_lease ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_finished ON job (state, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX job_kind ON job (kind, state, id);

-- What a job wrote down in each of its runs.
CREATE TABLE job_log (
    job_id INTEGER NOT NULL REFERENCES job (id),
    run INTEGER NOT NULL,
    line INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, run, line)
) STRICT, WITHOUT ROWID;

-- Jobs that match are not claimed; those that run go on. A column that is null matches all.
CREATE TABLE job_pause (
    -- The three columns as one text.
    target TEXT NOT NULL PRIMARY KEY,
    tenant_id BLOB,
    kind TEXT,
    lane TEXT,
    reason TEXT NOT NULL,
    paused_by TEXT NOT NULL,
    paused_at INTEGER NOT NULL
) STRICT;

-- When each schedule fires next. Whoever moves `next_at` on enqueues the job, in one transaction.
CREATE TABLE job_schedule (
    name TEXT NOT NULL,
    tenant_id BLOB NOT NULL,
    -- IANA name.
    time_zone TEXT NOT NULL,
    cadence TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    last_at INTEGER,
    PRIMARY KEY (name, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_schedule_due ON job_schedule (next_at);

-- When a failure of a kind of job was last told, and how often it happened since.
CREATE TABLE job_notice (
    kind TEXT NOT NULL,
    tenant_id BLOB NOT NULL,
    told_at INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    PRIMARY KEY (kind, tenant_id)
) STRICT, WITHOUT ROWID;
