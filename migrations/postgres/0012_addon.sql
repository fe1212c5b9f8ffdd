-- Add-ons: what a tenant may buy besides its plan.
CREATE TABLE addon (
    id UUID PRIMARY KEY NOT NULL,
    -- Short name, such as `extra_router`.
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- An official one is active at once; a custom one waits for the super admin.
    kind TEXT NOT NULL CHECK (kind IN ('official', 'custom')),
    -- Of one unit for one cycle, in the currency's minor unit.
    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
    currency TEXT NOT NULL,
    cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
    -- The most units that a tenant may have.
    max_units BIGINT NOT NULL CHECK (max_units > 0),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Nobody new gets an archived add-on; who has it keeps it.
    archived_at BIGINT
);
-- What one unit adds to a limit.
CREATE TABLE addon_limit (
    addon_id UUID NOT NULL REFERENCES addon (id),
    limit_name TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (addon_id, limit_name)
);
CREATE TABLE addon_feature (
    addon_id UUID NOT NULL REFERENCES addon (id),
    feature TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (addon_id, feature)
);

-- The official add-ons. They are offered once the super admin has set their prices: until then they are archived.
INSERT INTO addon (id, code, name, description, kind, unit_price, currency, cycle, max_units, version, created_at,
    updated_at, archived_at)
VALUES
    ('00000000-0000-7000-8000-000000000101', 'extra_router', 'Extra router', 'One more router.', 'official', 0, 'IDR', 'monthly', 1000, 1,
        1795392000000, 1795392000000, 1795392000000),
    ('00000000-0000-7000-8000-000000000102', 'extra_user_pack', 'Extra subscribers', 'A hundred more subscribers.', 'official', 0, 'IDR', 'monthly', 1000, 1,
        1795392000000, 1795392000000, 1795392000000),
    ('00000000-0000-7000-8000-000000000103', 'extra_ODP_maps', 'Extra ODPs', 'Fifty more ODPs on the map.', 'official', 0, 'IDR', 'monthly', 1000, 1,
        1795392000000, 1795392000000, 1795392000000),
    ('00000000-0000-7000-8000-000000000104', 'extra_client_maps', 'Extra map clients', 'Five hundred more clients on the map.', 'official', 0, 'IDR', 'monthly', 1000, 1,
        1795392000000, 1795392000000, 1795392000000),
    ('00000000-0000-7000-8000-000000000105', 'wa_premium', 'WhatsApp premium', 'Sixty more WhatsApp messages a minute.', 'official', 0, 'IDR', 'monthly', 10, 1,
        1795392000000, 1795392000000, 1795392000000);
INSERT INTO addon_limit (addon_id, limit_name, amount) VALUES
    ('00000000-0000-7000-8000-000000000101', 'network.max_router', 1),
    ('00000000-0000-7000-8000-000000000102', 'radius.max_users', 100),
    ('00000000-0000-7000-8000-000000000103', 'maps.max_ODP', 50),
    ('00000000-0000-7000-8000-000000000104', 'maps.max_client', 500),
    ('00000000-0000-7000-8000-000000000105', 'wa.rate_limit_override', 60);

-- What a tenant asked for and has.
CREATE TABLE tenant_addon (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    id UUID NOT NULL,
    addon_id UUID NOT NULL REFERENCES addon (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'rejected', 'ended')),
    units BIGINT NOT NULL CHECK (units > 0),
    -- As agreed: a later change of the catalogue is for others.
    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
    currency TEXT NOT NULL,
    cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
    note TEXT NOT NULL,
    -- Who decided on it and why.
    decided_by TEXT,
    decision TEXT,
    -- Days of the tenant's calendar: since when it is active, since when with these units.
    active_from TEXT COLLATE "C",
    units_from TEXT COLLATE "C",
    -- Fewer units (0: none) from this day on, and when that day begins.
    next_units BIGINT CHECK (next_units >= 0),
    next_from TEXT COLLATE "C",
    next_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((next_units IS NULL) = (next_from IS NULL) AND (next_from IS NULL) = (next_at IS NULL))
);
-- A tenant asks once and has it once: however often, and however many ask together.
CREATE UNIQUE INDEX tenant_addon_live ON tenant_addon (tenant_id, addon_id) WHERE status IN ('pending', 'active');
CREATE INDEX tenant_addon_pending ON tenant_addon (id) WHERE status = 'pending';
CREATE INDEX tenant_addon_active ON tenant_addon (tenant_id, id) WHERE status = 'active';

-- What a tenant owes the platform for an add-on or its plan: a row for units and days of one cycle. Written once.
CREATE TABLE saas_charge (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    id UUID NOT NULL,
    tenant_addon_id UUID,
    saas_plan_id UUID REFERENCES saas_plan (id),
    description TEXT NOT NULL,
    units BIGINT NOT NULL CHECK (units > 0),
    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
    currency TEXT NOT NULL,
    -- Below 0 for what is given back of a plan.
    amount BIGINT NOT NULL CHECK (amount >= 0 OR saas_plan_id IS NOT NULL),
    -- The first day of the cycle, and the days that are paid: up to and without the last one.
    cycle_from TEXT COLLATE "C" NOT NULL,
    from_day TEXT COLLATE "C" NOT NULL,
    until_day TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((tenant_addon_id IS NULL) <> (saas_plan_id IS NULL)),
    FOREIGN KEY (tenant_id, tenant_addon_id) REFERENCES tenant_addon (tenant_id, id)
);
CREATE INDEX saas_charge_addon ON saas_charge (tenant_id, tenant_addon_id, cycle_from);
