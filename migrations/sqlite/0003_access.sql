-- People and programs that use the panel and the API. tenant_id is NULL for the platform's own people.

-- Roles of the tenants' own making.
CREATE TABLE panel_role (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- JSON array of permission names.
    permissions TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX panel_role_name ON panel_role (tenant_id, name) WHERE deleted_at IS NULL;

CREATE TABLE panel_user (
    id BLOB PRIMARY KEY NOT NULL,
    tenant_id BLOB REFERENCES tenant (id),
    -- E-mail address or user name, in lower case.
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN
        ('super_admin', 'owner', 'admin', 'finance', 'noc', 'technician', 'collector', 'reseller', 'viewer',
         'custom')),
    -- Which of the tenant's own roles, when it is one of those.
    role_id BLOB,
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
    CHECK ((role = 'super_admin') = (tenant_id IS NULL)),
    CHECK ((role = 'custom') = (role_id IS NOT NULL)),
    FOREIGN KEY (tenant_id, role_id) REFERENCES panel_role (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX panel_user_login ON panel_user (login, tenant_id)
    WHERE deleted_at IS NULL AND tenant_id IS NOT NULL;
CREATE UNIQUE INDEX panel_user_platform_login ON panel_user (login)
    WHERE deleted_at IS NULL AND tenant_id IS NULL;

CREATE INDEX panel_user_role ON panel_user (tenant_id, role_id) WHERE role_id IS NOT NULL;

-- What signing in asks for besides the password.
CREATE TABLE second_factor (
    user_id BLOB PRIMARY KEY NOT NULL REFERENCES panel_user (id),
    tenant_id BLOB REFERENCES tenant (id),
    -- Sealed.
    secret BLOB NOT NULL,
    -- Since when it is asked for; empty while its first code is awaited.
    confirmed_at INTEGER,
    -- The step of the last code that was spent: neither it nor an older one counts again.
    last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES panel_user (tenant_id, id)
) STRICT;

-- Codes on paper, each good for one time.
CREATE TABLE recovery_code (
    user_id BLOB NOT NULL REFERENCES second_factor (user_id),
    -- SHA-256 of the person's id and the code.
    code_hash BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

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

-- Tenants that may ask more, or less, of the API than everybody.
CREATE TABLE api_budget (
    tenant_id BLOB PRIMARY KEY NOT NULL REFERENCES tenant (id),
    requests_per_minute INTEGER NOT NULL
) STRICT;
