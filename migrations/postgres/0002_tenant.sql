-- What the platform sells to providers.
CREATE TABLE saas_plan (
    id UUID PRIMARY KEY NOT NULL,
    -- Short name, such as `trial`.
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- For one cycle, in the currency's minor unit.
    price BIGINT NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Nobody new gets an archived plan; who has it keeps it.
    archived_at BIGINT
);

-- Names of features and limits are not checked here: a newer version of the daemon knows more of them.
CREATE TABLE saas_plan_feature (
    plan_id UUID NOT NULL REFERENCES saas_plan (id),
    feature TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (plan_id, feature)
);

-- A limit without a row is unlimited.
CREATE TABLE saas_plan_limit (
    plan_id UUID NOT NULL REFERENCES saas_plan (id),
    limit_name TEXT COLLATE "C" NOT NULL,
    maximum BIGINT NOT NULL CHECK (maximum >= 0),
    PRIMARY KEY (plan_id, limit_name)
);

-- The plan of a tenant that is made without another word. The super admin may change it.
INSERT INTO saas_plan (id, code, name, price, currency, cycle, version, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'trial', 'Trial', 0, 'IDR', 'monthly', 1, 1795392000000, 1795392000000);
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
    id UUID PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- Short name in addresses and at sign-in.
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    -- What its subscribers may write behind `@`, in lower case.
    realm TEXT,
    -- IANA name; access hours and calendar months are local.
    time_zone TEXT NOT NULL,
    currency TEXT NOT NULL,
    locale TEXT NOT NULL,
    saas_plan_id UUID NOT NULL REFERENCES saas_plan (id),
    -- `isolated` while there is a reason in `isolation`, a JSON list; `standing` is what it is without one.
    status TEXT NOT NULL CHECK (status IN ('trial', 'active', 'isolated', 'disabled')),
    standing TEXT NOT NULL CHECK (standing IN ('trial', 'active', 'disabled')),
    isolation JSONB NOT NULL,
    -- Stopping the subscribers' service is an act of its own; no status implies it.
    service_stopped BOOLEAN NOT NULL,
    isolir_profile JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX tenant_saas_plan ON tenant (saas_plan_id);

-- What add-ons add to the plan. The source is the tenant's add-on.
CREATE TABLE feature_grant (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    source_id UUID NOT NULL,
    feature TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, source_id, feature)
);
CREATE TABLE limit_grant (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    source_id UUID NOT NULL,
    limit_name TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (tenant_id, source_id, limit_name)
);

-- The super admin's last word for one tenant, over plan and add-ons.
CREATE TABLE feature_override (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    feature TEXT COLLATE "C" NOT NULL,
    enabled BOOLEAN NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, feature)
);
CREATE TABLE limit_override (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    limit_name TEXT COLLATE "C" NOT NULL,
    -- NULL is unlimited.
    maximum BIGINT CHECK (maximum >= 0),
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, limit_name)
);

-- How much of each limit is used. Locked by whoever takes a place, until its commit: two cannot take the last one.
CREATE TABLE limit_usage (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    limit_name TEXT COLLATE "C" NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, limit_name)
);

-- What the super admin sets for the platform as a whole.
CREATE TABLE platform_setting (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
