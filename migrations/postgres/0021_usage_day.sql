-- Traffic by the tenant's local day, summed from hours by `radius_acct_job`: what reports and quotas of months read.
CREATE TABLE usage_day (
    tenant_id UUID NOT NULL,
    subscriber_id UUID NOT NULL,
    -- Days since 1970-01-01 of the local date.
    day BIGINT NOT NULL,
    upload_octets BIGINT NOT NULL,
    download_octets BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subscriber_id, day)
);
