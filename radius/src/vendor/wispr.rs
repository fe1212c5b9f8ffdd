//! WISPr attributes: hotspot locations and bandwidths.

use super::{Vendor, VendorType};

/// `WISPr-Location-ID` (1).
pub const LOCATION_ID: VendorType = VendorType::new(Vendor::WISPR, 1);
/// `WISPr-Location-Name` (2).
pub const LOCATION_NAME: VendorType = VendorType::new(Vendor::WISPR, 2);
/// `WISPr-Logoff-URL` (3).
pub const LOGOFF_URL: VendorType = VendorType::new(Vendor::WISPR, 3);
/// `WISPr-Redirection-URL` (4).
pub const REDIRECTION_URL: VendorType = VendorType::new(Vendor::WISPR, 4);
/// `WISPr-Bandwidth-Min-Up` (5): bit/s.
pub const BANDWIDTH_MIN_UP: VendorType = VendorType::new(Vendor::WISPR, 5);
/// `WISPr-Bandwidth-Min-Down` (6): bit/s.
pub const BANDWIDTH_MIN_DOWN: VendorType = VendorType::new(Vendor::WISPR, 6);
/// `WISPr-Bandwidth-Max-Up` (7): bit/s.
pub const BANDWIDTH_MAX_UP: VendorType = VendorType::new(Vendor::WISPR, 7);
/// `WISPr-Bandwidth-Max-Down` (8): bit/s.
pub const BANDWIDTH_MAX_DOWN: VendorType = VendorType::new(Vendor::WISPR, 8);
/// `WISPr-Session-Terminate-Time` (9): ISO 8601 text.
pub const SESSION_TERMINATE_TIME: VendorType = VendorType::new(Vendor::WISPR, 9);
/// `WISPr-Session-Terminate-End-Of-Day` (10).
pub const SESSION_TERMINATE_END_OF_DAY: VendorType = VendorType::new(Vendor::WISPR, 10);
/// `WISPr-Billing-Class-Of-Service` (11).
pub const BILLING_CLASS_OF_SERVICE: VendorType = VendorType::new(Vendor::WISPR, 11);
