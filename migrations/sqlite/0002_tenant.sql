-- What the platform sells to providers.
CREATE TABLE saas_plan (
    id BLOB PRIMARY KEY NOT NULL,
    -- Short name, such as `trial`.
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- For one cycle, in the currency's minor unit.
    price INTEGER NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Nobody new gets an archived plan; who has it keeps it.
    archived_at INTEGER
) STRICT;

-- Names of features and limits are not checked here: a newer version of the daemon knows more of them.
CREATE TABLE saas_plan_feature (
    plan_id BLOB NOT NULL REFERENCES saas_plan (id),
    feature TEXT NOT NULL,
    PRIMARY KEY (plan_id, feature)
) STRICT, WITHOUT ROWID;

-- A limit without a row is unlimited.
CREATE TABLE saas_plan_limit (
    plan_id BLOB NOT NULL REFERENCES saas_plan (id),
    limit_name TEXT NOT NULL,
    maximum INTEGER NOT NULL CHECK (maximum >= 0),
    PRIMARY KEY (plan_id, limit_name)
) STRICT, WITHOUT ROWID;

-- The plan of a tenant that is made without another word. The super admin may change it.
INSERT INTO saas_plan (id, code, name, price, currency, cycle, version, created_at, updated_at)
VALUES (X'00000000000070008000000000000001', 'trial', 'Trial', 0, 'IDR', 'monthly', 1, 1795392000000, 1795392000000);
INSERT INTO saas_plan_feature (plan_id, feature)
SELECT id, feature FROM saas_plan, (
    SELECT 'radius' AS feature UNION ALL
    SELECT 'isolir' UNION ALL
    SELECT 'import' UNION ALL
    SELECT 'api_tokens' UNION ALL
    SELECT 'custom_roles' UNION ALL
    SELECT 'live_events' UNION ALL
    SELECT 'router_sync' UNION ALL
    SELECT 'hotspot_vouchers' UNION ALL
    SELECT 'billing_enduser' UNION ALL
    SELECT 'payment_gateways' UNION ALL
    SELECT 'customer_portal' UNION ALL
    SELECT 'upstream_billing' UNION ALL
    SELECT 'maps' UNION ALL
    SELECT 'outage' UNION ALL
    SELECT 'hr' UNION ALL
    SELECT 'whatsapp' UNION ALL
    SELECT 'webhooks' UNION ALL
    SELECT 'resellers'
) AS known;
INSERT INTO saas_plan_limit (plan_id, limit_name, maximum)
SELECT id, limit_name, maximum FROM saas_plan, (
    SELECT 'network.max_router' AS limit_name, 10 AS maximum UNION ALL
    SELECT 'radius.max_users', 2000 UNION ALL
    SELECT 'maps.max_ODC', 10 UNION ALL
    SELECT 'maps.max_ODP', 100 UNION ALL
    SELECT 'maps.max_client', 2000 UNION ALL
    SELECT 'voucher.max_voucher', 5000 UNION ALL
    SELECT 'hr.max_employee', 20 UNION ALL
    SELECT 'panel.max_user', 20 UNION ALL
    SELECT 'wa.rate_limit_override', 20
) AS modest;

-- Internet service providers on this platform.
CREATE TABLE tenant (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- Short name in addresses and at sign-in.
    slug TEXT NOT NULL UNIQUE,
    -- What its subscribers may write behind `@`, in lower case.
    realm TEXT,
    -- IANA name; access hours and calendar months are local.
    time_zone TEXT NOT NULL,
    currency TEXT NOT NULL,
    locale TEXT NOT NULL,
    saas_plan_id BLOB NOT NULL REFERENCES saas_plan (id),
    -- `isolated` while there is a reason in `isolation`, a JSON list; `standing` is what it is without one.
    status TEXT NOT NULL CHECK (status IN ('trial', 'active', 'isolated', 'disabled')),
    standing TEXT NOT NULL CHECK (standing IN ('trial', 'active', 'disabled')),
    isolation TEXT NOT NULL,
    -- Stopping the subscribers' service is an act of its own; no status implies it.
    service_stopped INTEGER NOT NULL CHECK (service_stopped IN (0, 1)),
    isolir_profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tenant_saas_plan ON tenant (saas_plan_id);

-- What add-ons add to the plan. The source is the tenant's add-on.
CREATE TABLE feature_grant (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    source_id BLOB NOT NULL,
    feature TEXT NOT NULL,
    PRIMARY KEY (tenant_id, source_id, feature)
) STRICT, WITHOUT ROWID;
CREATE TABLE limit_grant (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    source_id BLOB NOT NULL,
    limit_name TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (tenant_id, source_id, limit_name)
) STRICT, WITHOUT ROWID;

-- The super admin's last word for one tenant, over plan and add-ons.
CREATE TABLE feature_override (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    feature TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, feature)
) STRICT, WITHOUT ROWID;
CREATE TABLE limit_override (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    limit_name TEXT NOT NULL,
    -- NULL is unlimited.
    maximum INTEGER CHECK (maximum >= 0),
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, limit_name)
) STRICT, WITHOUT ROWID;

-- How much of each limit is used. Locked by whoever takes a place, until its commit: two cannot take the last one.
CREATE TABLE limit_usage (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    limit_name TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, limit_name)
) STRICT, WITHOUT ROWID;

-- What the super admin sets for the platform as a whole.
CREATE TABLE platform_setting (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
