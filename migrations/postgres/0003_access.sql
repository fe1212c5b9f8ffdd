-- People and programs that use the panel and the API. tenant_id is NULL for the platform's own people.

-- Roles of the tenants' own making.
CREATE TABLE panel_role (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- JSON array of permission names.
    permissions JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX panel_role_name ON panel_role (tenant_id, name) WHERE deleted_at IS NULL;

CREATE TABLE panel_user (
    id UUID PRIMARY KEY NOT NULL,
    tenant_id UUID REFERENCES tenant (id),
    -- E-mail address or user name, in lower case.
    login TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN
        ('super_admin', 'owner', 'admin', 'finance', 'noc', 'technician', 'collector', 'reseller', 'viewer',
         'custom')),
    -- Which of the tenant's own roles, when it is one of those.
    role_id UUID,
    -- Argon2id in PHC form.
    password_hash TEXT NOT NULL,
    -- The password was made for the person and is to be replaced at the first sign-in.
    password_expired BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    last_login_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    UNIQUE (tenant_id, id),
    CHECK ((role = 'super_admin') = (tenant_id IS NULL)),
    CHECK ((role = 'custom') = (role_id IS NOT NULL)),
    FOREIGN KEY (tenant_id, role_id) REFERENCES panel_role (tenant_id, id)
);
CREATE UNIQUE INDEX panel_user_login ON panel_user (login, tenant_id)
    WHERE deleted_at IS NULL AND tenant_id IS NOT NULL;
CREATE UNIQUE INDEX panel_user_platform_login ON panel_user (login)
    WHERE deleted_at IS NULL AND tenant_id IS NULL;

CREATE INDEX panel_user_role ON panel_user (tenant_id, role_id) WHERE role_id IS NOT NULL;

-- What signing in asks for besides the password.
CREATE TABLE second_factor (
    user_id UUID PRIMARY KEY NOT NULL REFERENCES panel_user (id),
    tenant_id UUID REFERENCES tenant (id),
    -- Sealed.
    secret BYTEA NOT NULL,
    -- Since when it is asked for; empty while its first code is awaited.
    confirmed_at BIGINT,
    -- The step of the last code that was spent: neither it nor an older one counts again.
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES panel_user (tenant_id, id)
);

-- Codes on paper, each good for one time.
CREATE TABLE recovery_code (
    user_id UUID NOT NULL REFERENCES second_factor (user_id),
    -- SHA-256 of the person's id and the code.
    code_hash BYTEA NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

-- Signed-in browsers. The token itself is nowhere.
CREATE TABLE login_session (
    id UUID PRIMARY KEY NOT NULL,
    tenant_id UUID REFERENCES tenant (id),
    user_id UUID NOT NULL REFERENCES panel_user (id),
    -- SHA-256 of the token.
    token_hash BYTEA NOT NULL UNIQUE,
    address TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    FOREIGN KEY (tenant_id, user_id) REFERENCES panel_user (tenant_id, id)
);
CREATE INDEX login_session_user ON login_session (user_id) WHERE ended_at IS NULL;
CREATE INDEX login_session_expires ON login_session (expires_at);

-- Bearer tokens of programs.
CREATE TABLE api_token (
    id UUID PRIMARY KEY NOT NULL,
    tenant_id UUID REFERENCES tenant (id),
    name TEXT NOT NULL,
    -- SHA-256 of the token.
    token_hash BYTEA NOT NULL UNIQUE,
    -- JSON array of permission names.
    permissions JSONB NOT NULL,
    created_by UUID NOT NULL REFERENCES panel_user (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_token_tenant ON api_token (tenant_id, id);

-- Tenants that may ask more, or less, of the API than everybody.
CREATE TABLE api_budget (
    tenant_id UUID PRIMARY KEY NOT NULL REFERENCES tenant (id),
    requests_per_minute BIGINT NOT NULL
);
