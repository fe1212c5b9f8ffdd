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
    status TEXT NOT NULL CHECK (status IN ('trial', 'active', 'isolated', 'disabled')),
    -- Stopping the subscribers' service is an act of its own; no status implies it.
    service_stopped BOOLEAN NOT NULL,
    isolir_profile JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
