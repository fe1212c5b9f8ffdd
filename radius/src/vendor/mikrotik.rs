//! MikroTik's attributes, as the RouterOS manual numbers them.

use super::{Vendor, VendorType};

/// `Mikrotik-Recv-Limit` (1): an integer, octets from the client.
pub const RECV_LIMIT: VendorType = VendorType::new(Vendor::MIKROTIK, 1);
/// `Mikrotik-Xmit-Limit` (2): an integer, octets to the client.
pub const XMIT_LIMIT: VendorType = VendorType::new(Vendor::MIKROTIK, 2);
/// `Mikrotik-Group` (3): text.
pub const GROUP: VendorType = VendorType::new(Vendor::MIKROTIK, 3);
/// `Mikrotik-Wireless-Forward` (4): an integer.
pub const WIRELESS_FORWARD: VendorType = VendorType::new(Vendor::MIKROTIK, 4);
/// `Mikrotik-Wireless-Skip-Dot1x` (5): an integer.
pub const WIRELESS_SKIP_DOT1X: VendorType = VendorType::new(Vendor::MIKROTIK, 5);
/// `Mikrotik-Wireless-Enc-Algo` (6): an integer.
pub const WIRELESS_ENC_ALGO: VendorType = VendorType::new(Vendor::MIKROTIK, 6);
/// `Mikrotik-Wireless-Enc-Key` (7): text.
pub const WIRELESS_ENC_KEY: VendorType = VendorType::new(Vendor::MIKROTIK, 7);
/// `Mikrotik-Rate-Limit` (8): text, `rx[/tx] …` where rx is the client's upload.
pub const RATE_LIMIT: VendorType = VendorType::new(Vendor::MIKROTIK, 8);
/// `Mikrotik-Realm` (9): text.
pub const REALM: VendorType = VendorType::new(Vendor::MIKROTIK, 9);
/// `Mikrotik-Host-IP` (10): an IPv4 address.
pub const HOST_IP: VendorType = VendorType::new(Vendor::MIKROTIK, 10);
/// `Mikrotik-Mark-Id` (11): text.
pub const MARK_ID: VendorType = VendorType::new(Vendor::MIKROTIK, 11);
/// `Mikrotik-Advertise-URL` (12): text.
pub const ADVERTISE_URL: VendorType = VendorType::new(Vendor::MIKROTIK, 12);
/// `Mikrotik-Advertise-Interval` (13): an integer.
pub const ADVERTISE_INTERVAL: VendorType = VendorType::new(Vendor::MIKROTIK, 13);
/// `Mikrotik-Recv-Limit-Gigawords` (14): an integer.
pub const RECV_LIMIT_GIGAWORDS: VendorType = VendorType::new(Vendor::MIKROTIK, 14);
/// `Mikrotik-Xmit-Limit-Gigawords` (15): an integer.
pub const XMIT_LIMIT_GIGAWORDS: VendorType = VendorType::new(Vendor::MIKROTIK, 15);
/// `Mikrotik-Wireless-PSK` (16): text.
pub const WIRELESS_PSK: VendorType = VendorType::new(Vendor::MIKROTIK, 16);
/// `Mikrotik-Total-Limit` (17): an integer.
pub const TOTAL_LIMIT: VendorType = VendorType::new(Vendor::MIKROTIK, 17);
/// `Mikrotik-Total-Limit-Gigawords` (18): an integer.
pub const TOTAL_LIMIT_GIGAWORDS: VendorType = VendorType::new(Vendor::MIKROTIK, 18);
/// `Mikrotik-Address-List` (19): text.
pub const ADDRESS_LIST: VendorType = VendorType::new(Vendor::MIKROTIK, 19);
/// `Mikrotik-Wireless-MPKey` (20): text.
pub const WIRELESS_MPKEY: VendorType = VendorType::new(Vendor::MIKROTIK, 20);
/// `Mikrotik-Wireless-Comment` (21): text.
pub const WIRELESS_COMMENT: VendorType = VendorType::new(Vendor::MIKROTIK, 21);
/// `Mikrotik-Delegated-IPv6-Pool` (22): text.
pub const DELEGATED_IPV6_POOL: VendorType = VendorType::new(Vendor::MIKROTIK, 22);
/// `Mikrotik-DHCP-Option-Set` (23): text.
pub const DHCP_OPTION_SET: VendorType = VendorType::new(Vendor::MIKROTIK, 23);
/// `Mikrotik-DHCP-Option-Param-STR1` (24): text.
pub const DHCP_OPTION_PARAM_STR1: VendorType = VendorType::new(Vendor::MIKROTIK, 24);
/// `Mikrotik-DHCP-Option-Param-STR2` (25): text.
pub const DHCP_OPTION_PARAM_STR2: VendorType = VendorType::new(Vendor::MIKROTIK, 25);
/// `Mikrotik-Wireless-VLANID` (26): an integer.
pub const WIRELESS_VLANID: VendorType = VendorType::new(Vendor::MIKROTIK, 26);
/// `Mikrotik-Wireless-VLANID-Type` (27): an integer.
pub const WIRELESS_VLANID_TYPE: VendorType = VendorType::new(Vendor::MIKROTIK, 27);
/// `Mikrotik-Wireless-Minsignal` (28): text.
pub const WIRELESS_MINSIGNAL: VendorType = VendorType::new(Vendor::MIKROTIK, 28);
/// `Mikrotik-Wireless-Maxsignal` (29): text.
pub const WIRELESS_MAXSIGNAL: VendorType = VendorType::new(Vendor::MIKROTIK, 29);
/// `Mikrotik-Switching-Filter` (30): text.
pub const SWITCHING_FILTER: VendorType = VendorType::new(Vendor::MIKROTIK, 30);
