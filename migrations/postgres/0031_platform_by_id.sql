-- The platform settles invoices and decides about add-ons by their id alone.
CREATE UNIQUE INDEX saas_invoice_id ON saas_invoice (id);
CREATE UNIQUE INDEX tenant_addon_id ON tenant_addon (id);
