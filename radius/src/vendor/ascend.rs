//! Ascend's attributes that RouterOS honours when Mikrotik-Rate-Limit is absent.

use super::{Vendor, VendorType};

/// `Ascend-Client-Primary-DNS` (135).
pub const CLIENT_PRIMARY_DNS: VendorType = VendorType::new(Vendor::ASCEND, 135);
/// `Ascend-Client-Secondary-DNS` (136).
pub const CLIENT_SECONDARY_DNS: VendorType = VendorType::new(Vendor::ASCEND, 136);
/// `Ascend-Data-Rate` (197): rate in bit/s.
pub const DATA_RATE: VendorType = VendorType::new(Vendor::ASCEND, 197);
/// `Ascend-Xmit-Rate` (255): rate in bit/s.
pub const XMIT_RATE: VendorType = VendorType::new(Vendor::ASCEND, 255);
