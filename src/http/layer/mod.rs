//! What every request goes through, each in its own file, in this order:
//!
//! `record` gives it an id, logs and counts it · `turn` too many at once, bodies that trickle in · `protect` time-outs, panics ·
//! `headers` tell browsers
//! what they may do · `authentication` who calls · `budget` whether not too often · `tenant` for whom · `isolation` whether
//! that tenant is in good standing · `feature` whether it has the module · `permission` whether the caller may.
//!
//! The first three stand around the whole; the others belong to a route (`super::route`).

pub(super) mod authentication;
pub(super) mod budget;
pub(super) mod feature;
pub(super) mod headers;
pub(super) mod isolation;
pub(super) mod permission;
pub(super) mod protect;
pub(super) mod record;
pub(super) mod tenant;
pub(super) mod turn;
