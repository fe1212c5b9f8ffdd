-- People and programs that use the panel and the API. tenant_id is NULL for the platform's own people.
CREATE TABLE panel_user (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB REFERENCES tenant (id),
    -- E-mail address or user name, in lower case.
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN
        ('super_admin', 'owner', 'admin', 'finance', 'noc', 'technician', 'collector', 'viewer')),
    -- Argon2id in PHC form.
    password_hash TEXT NOT NULL,
    -- The password was made for the person and is to be replaced at the first sign-in.
    password_expired INTEGER NOT NULL CHECK (password_expired IN (0, 1)),
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    last_login_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    UNIQUE (tenant_id, id),
    CHECK ((role = 'super_admin') = (tenant_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX panel_user_login ON panel_user (login, tenant_id)
    WHERE deleted_at IS NULL AND tenant_id IS NOT NULL;
CREATE UNIQUE INDEX panel_user_platform_login ON panel_user (login)
    WHERE deleted_at IS NULL AND tenant_id IS NULL;

-- Signed-in browsers. The token itself is nowhere.
CREATE TABLE login_session (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB REFERENCES tenant (id),
    user_id BLOB NOT NULL REFERENCES panel_user (id),
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE,
    address TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    FOREIGN KEY (tenant_id, user_id) REFERENCES panel_user (tenant_id, id)
) STRICT;
CREATE INDEX login_session_user ON login_session (user_id) WHERE ended_at IS NULL;
CREATE INDEX login_session_expires ON login_session (expires_at);

-- Bearer tokens of programs.
CREATE TABLE api_token (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB REFERENCES tenant (id),
    name TEXT NOT NULL,
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE,
    -- JSON array of permission names.
    permissions TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES panel_user (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_token_tenant ON api_token (tenant_id, id);
