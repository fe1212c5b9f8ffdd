-- Invoices of the platform to its tenants.

-- The last number of each year: numbers have no gaps.
CREATE TABLE saas_invoice_number (
    year INTEGER PRIMARY KEY NOT NULL,
    last INTEGER NOT NULL
) STRICT;

CREATE TABLE saas_invoice (
    tenant_id BLOB NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    number TEXT NOT NULL UNIQUE,
    -- The month, days of the tenant's calendar: up to and without the last one.
    period_from TEXT NOT NULL,
    period_until TEXT NOT NULL,
    due_on TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'void')),
    -- How it was paid, or why it is void.
    note TEXT NOT NULL,
    -- When it was told to be overdue, and when it locked the tenant's panel: once for each.
    overdue_at INTEGER,
    isolated_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
-- One invoice for a period: the database sees to it.
CREATE UNIQUE INDEX saas_invoice_period ON saas_invoice (tenant_id, period_from) WHERE status <> 'void';
CREATE INDEX saas_invoice_open ON saas_invoice (tenant_id, due_on) WHERE status = 'open';

-- How far a tenant's plan is charged.
CREATE TABLE saas_account (
    tenant_id BLOB PRIMARY KEY NOT NULL REFERENCES tenant (id),
    -- Up to and without this day of the tenant's calendar the plan is charged, or was free.
    settled_until TEXT,
    -- What was charged last, while it is for the plan that the tenant has: the price of a whole cycle, from which day on, and
    -- the charge. Without a charge it stands for what a change of the plan brought.
    paid_price INTEGER CHECK (paid_price >= 0),
    paid_currency TEXT,
    paid_cycle_from TEXT,
    paid_cycle_until TEXT,
    paid_from TEXT,
    paid_charge_id BLOB,
    -- The day on which the tenant's invoices were last looked at.
    looked_on TEXT,
    FOREIGN KEY (tenant_id, paid_charge_id) REFERENCES saas_charge (tenant_id, id)
) STRICT;

CREATE TABLE saas_invoice_line (
    tenant_id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    description TEXT NOT NULL,
    amount INTEGER NOT NULL,
    -- The charge that it is for, the first of several of an add-on and a day; NULL for what is carried over to the next invoice.
    charge_id BLOB,
    PRIMARY KEY (tenant_id, invoice_id, position),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas_invoice (tenant_id, id),
    FOREIGN KEY (tenant_id, charge_id) REFERENCES saas_charge (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- On which invoice a charge stands; an invoice that becomes void lets go of its charges.
CREATE TABLE saas_charge_invoiced (
    tenant_id BLOB NOT NULL,
    charge_id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, charge_id),
    FOREIGN KEY (tenant_id, charge_id) REFERENCES saas_charge (tenant_id, id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas_invoice (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX saas_charge_invoiced_by_invoice ON saas_charge_invoiced (tenant_id, invoice_id);
