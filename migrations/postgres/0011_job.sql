-- Work in the background: the queue, what each run of a job logged, what is paused, what is due by the calendar, and whom
-- a failure was told to. Times are the database's own, in milliseconds since 1970-01-01T00:00:00Z. The nil tenant is the
-- platform itself.

CREATE TABLE job (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    args JSONB NOT NULL,
    -- Jobs of one lane of one tenant run at most `lane_limit` at a time.
    lane TEXT COLLATE "C" NOT NULL,
    lane_limit BIGINT NOT NULL CHECK (lane_limit > 0),
    -- 0 urgent, 1 normal, 2 bulk.
    priority BIGINT NOT NULL CHECK (priority IN (0, 1, 2)),
    state TEXT NOT NULL CHECK (state IN ('scheduled', 'available', 'running', 'done', 'dead', 'discarded')),
    run_at BIGINT NOT NULL,
    -- Runs that count: a snooze gives its own back.
    attempt BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL CHECK (max_attempts > 0),
    snoozes BIGINT NOT NULL DEFAULT 0,
    unique_key TEXT,
    -- Rises with each claim: who holds an older one cannot write any more. It numbers the runs, too.
    lease_token BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    node TEXT,
    -- How far a job of many steps has come.
    progress JSONB,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'dead', 'discarded')) = (finished_at IS NOT NULL))
) WITH (
    -- Rows come and go all day: dead ones are cleared away early, so that the indexes stay as short as what waits.
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500
);
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
    job_id BIGINT NOT NULL REFERENCES job (id),
    run BIGINT NOT NULL,
    line BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, run, line)
);

-- Jobs that match are not claimed; those that run go on. A column that is null matches all.
CREATE TABLE job_pause (
    -- The three columns as one text.
    target TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id UUID,
    kind TEXT COLLATE "C",
    lane TEXT COLLATE "C",
    reason TEXT NOT NULL,
    paused_by TEXT NOT NULL,
    paused_at BIGINT NOT NULL
);

-- When each schedule fires next. Whoever moves `next_at` on enqueues the job, in one transaction.
CREATE TABLE job_schedule (
    name TEXT COLLATE "C" NOT NULL,
    tenant_id UUID NOT NULL,
    -- IANA name.
    time_zone TEXT NOT NULL,
    cadence TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    last_at BIGINT,
    PRIMARY KEY (name, tenant_id)
);
CREATE INDEX job_schedule_due ON job_schedule (next_at);

-- When a failure of a kind of job was last told, and how often it happened since.
CREATE TABLE job_notice (
    kind TEXT COLLATE "C" NOT NULL,
    tenant_id UUID NOT NULL,
    told_at BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    PRIMARY KEY (kind, tenant_id)
);
