-- Invoices of the platform to its tenants.

-- The last number of each year: numbers have no gaps.
CREATE TABLE saas_invoice_number (
    year BIGINT PRIMARY KEY NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE saas_invoice (
    tenant_id UUID NOT NULL REFERENCES tenant (id),
    id UUID NOT NULL,
    number TEXT COLLATE "C" NOT NULL UNIQUE,
    -- The month, days of the tenant's calendar: up to and without the last one.
    period_from TEXT COLLATE "C" NOT NULL,
    period_until TEXT COLLATE "C" NOT NULL,
    due_on TEXT COLLATE "C" NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'void')),
    -- How it was paid, or why it is void.
    note TEXT NOT NULL,
    -- When it was told to be overdue, and when it locked the tenant's panel: once for each.
    overdue_at BIGINT,
    isolated_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
-- One invoice for a period: the database sees to it.
CREATE UNIQUE INDEX saas_invoice_period ON saas_invoice (tenant_id, period_from) WHERE status <> 'void';
CREATE INDEX saas_invoice_open ON saas_invoice (tenant_id, due_on) WHERE status = 'open';

-- How far a tenant's plan is charged.
CREATE TABLE saas_account (
    tenant_id UUID PRIMARY KEY NOT NULL REFERENCES tenant (id),
    -- Up to and without this day of the tenant's calendar the plan is charged, or was free.
    settled_until TEXT COLLATE "C",
    -- What was charged last, while it is for the plan that the tenant has: the price of a whole cycle, from which day on, and
    -- the charge. Without a charge it stands for what a change of the plan brought.
    paid_price BIGINT CHECK (paid_price >= 0),
    paid_currency TEXT COLLATE "C",
    paid_cycle_from TEXT COLLATE "C",
    paid_cycle_until TEXT COLLATE "C",
    paid_from TEXT COLLATE "C",
    paid_charge_id UUID,
    -- The day on which the tenant's invoices were last looked at.
    looked_on TEXT COLLATE "C",
    FOREIGN KEY (tenant_id, paid_charge_id) REFERENCES saas_charge (tenant_id, id)
);

CREATE TABLE saas_invoice_line (
    tenant_id UUID NOT NULL,
    invoice_id UUID NOT NULL,
    position BIGINT NOT NULL,
    description TEXT NOT NULL,
    amount BIGINT NOT NULL,
    -- The charge that it is for, the first of several of an add-on and a day; NULL for what is carried over to the next invoice.
    charge_id UUID,
    PRIMARY KEY (tenant_id, invoice_id, position),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas_invoice (tenant_id, id),
    FOREIGN KEY (tenant_id, charge_id) REFERENCES saas_charge (tenant_id, id)
);

-- On which invoice a charge stands; an invoice that becomes void lets go of its charges.
CREATE TABLE saas_charge_invoiced (
    tenant_id UUID NOT NULL,
    charge_id UUID NOT NULL,
    invoice_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, charge_id),
    FOREIGN KEY (tenant_id, charge_id) REFERENCES saas_charge (tenant_id, id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas_invoice (tenant_id, id)
);
CREATE INDEX saas_charge_invoiced_by_invoice ON saas_charge_invoiced (tenant_id, invoice_id);
