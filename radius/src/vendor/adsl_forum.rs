//! The ADSL Forum's attributes (RFC 4679): the line's identity as an access node adds it.

use super::{Vendor, VendorType};

/// `Agent-Circuit-Id` (1): RFC 4679 §3.3.1.
pub const AGENT_CIRCUIT_ID: VendorType = VendorType::new(Vendor::ADSL_FORUM, 1);
/// `Agent-Remote-Id` (2): RFC 4679 §3.3.2.
pub const AGENT_REMOTE_ID: VendorType = VendorType::new(Vendor::ADSL_FORUM, 2);
