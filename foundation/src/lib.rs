//! What every domain stands on: database, audit trail, events, jobs.
