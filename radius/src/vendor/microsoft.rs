//! Microsoft's attributes (RFC 2548): MS-CHAP and its encryption keys.

use super::{Vendor, VendorType};

/// `MS-CHAP-Response` (1): RFC 2548 §2.1.3.
pub const MS_CHAP_RESPONSE: VendorType = VendorType::new(Vendor::MICROSOFT, 1);
/// `MS-CHAP-Error` (2): RFC 2548 §2.1.5.
pub const MS_CHAP_ERROR: VendorType = VendorType::new(Vendor::MICROSOFT, 2);
/// `MS-CHAP-CPW-1` (3): RFC 2548 §2.2.1.
pub const MS_CHAP_CPW_1: VendorType = VendorType::new(Vendor::MICROSOFT, 3);
/// `MS-CHAP-CPW-2` (4): RFC 2548 §2.2.2.
pub const MS_CHAP_CPW_2: VendorType = VendorType::new(Vendor::MICROSOFT, 4);
/// `MS-MPPE-Encryption-Policy` (7): RFC 2548 §2.4.4.
pub const MS_MPPE_ENCRYPTION_POLICY: VendorType = VendorType::new(Vendor::MICROSOFT, 7);
/// `MS-MPPE-Encryption-Types` (8): RFC 2548 §2.4.5.
pub const MS_MPPE_ENCRYPTION_TYPES: VendorType = VendorType::new(Vendor::MICROSOFT, 8);
/// `MS-CHAP-Domain` (10): RFC 2548 §2.1.4.
pub const MS_CHAP_DOMAIN: VendorType = VendorType::new(Vendor::MICROSOFT, 10);
/// `MS-CHAP-Challenge` (11): RFC 2548 §2.1.2.
pub const MS_CHAP_CHALLENGE: VendorType = VendorType::new(Vendor::MICROSOFT, 11);
/// `MS-CHAP-MPPE-Keys` (12): RFC 2548 §2.4.1.
pub const MS_CHAP_MPPE_KEYS: VendorType = VendorType::new(Vendor::MICROSOFT, 12);
/// `MS-MPPE-Send-Key` (16): RFC 2548 §2.4.2.
pub const MS_MPPE_SEND_KEY: VendorType = VendorType::new(Vendor::MICROSOFT, 16);
/// `MS-MPPE-Recv-Key` (17): RFC 2548 §2.4.3.
pub const MS_MPPE_RECV_KEY: VendorType = VendorType::new(Vendor::MICROSOFT, 17);
/// `MS-CHAP2-Response` (25): RFC 2548 §2.3.2.
pub const MS_CHAP2_RESPONSE: VendorType = VendorType::new(Vendor::MICROSOFT, 25);
/// `MS-CHAP2-Success` (26): RFC 2548 §2.3.3.
pub const MS_CHAP2_SUCCESS: VendorType = VendorType::new(Vendor::MICROSOFT, 26);
/// `MS-CHAP2-CPW` (27): RFC 2548 §2.3.4.
pub const MS_CHAP2_CPW: VendorType = VendorType::new(Vendor::MICROSOFT, 27);
/// `MS-Primary-DNS-Server` (28): RFC 2548 §2.5.1.
pub const MS_PRIMARY_DNS_SERVER: VendorType = VendorType::new(Vendor::MICROSOFT, 28);
/// `MS-Secondary-DNS-Server` (29): RFC 2548 §2.5.2.
pub const MS_SECONDARY_DNS_SERVER: VendorType = VendorType::new(Vendor::MICROSOFT, 29);
