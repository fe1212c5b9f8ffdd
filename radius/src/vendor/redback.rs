//! Redback's attributes: the line's identity as a PPPoE or DHCP relay adds it.

use super::{Vendor, VendorType};

/// `Agent-Remote-Id` (96).
pub const AGENT_REMOTE_ID: VendorType = VendorType::new(Vendor::REDBACK, 96);
/// `Agent-Circuit-Id` (97).
pub const AGENT_CIRCUIT_ID: VendorType = VendorType::new(Vendor::REDBACK, 97);
