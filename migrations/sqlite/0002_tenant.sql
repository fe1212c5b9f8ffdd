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
    status TEXT NOT NULL CHECK (status IN ('trial', 'active', 'isolated', 'disabled')),
    -- Stopping the subscribers' service is an act of its own; no status implies it.
    service_stopped INTEGER NOT NULL CHECK (service_stopped IN (0, 1)),
    isolir_profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
