//! Packet codes: the first octet of every packet.

use crate::code_point::code_points;

code_points! {
    /// What kind of packet it is (RFC 2865 §3 and the registry of packet type codes).
    Code(u8) {
        ACCESS_REQUEST = 1, "Access-Request", "RFC 2865 §4.1";
        ACCESS_ACCEPT = 2, "Access-Accept", "RFC 2865 §4.2";
        ACCESS_REJECT = 3, "Access-Reject", "RFC 2865 §4.3";
        ACCOUNTING_REQUEST = 4, "Accounting-Request", "RFC 2866 §4.1";
        ACCOUNTING_RESPONSE = 5, "Accounting-Response", "RFC 2866 §4.2";
        ACCESS_CHALLENGE = 11, "Access-Challenge", "RFC 2865 §4.4";
        STATUS_SERVER = 12, "Status-Server", "RFC 5997 §3";
        STATUS_CLIENT = 13, "Status-Client", "RFC 2865 §3, experimental";
        DISCONNECT_REQUEST = 40, "Disconnect-Request", "RFC 5176 §2.1";
        DISCONNECT_ACK = 41, "Disconnect-ACK", "RFC 5176 §2.1";
        DISCONNECT_NAK = 42, "Disconnect-NAK", "RFC 5176 §2.1";
        COA_REQUEST = 43, "CoA-Request", "RFC 5176 §2.2";
        COA_ACK = 44, "CoA-ACK", "RFC 5176 §2.2";
        COA_NAK = 45, "CoA-NAK", "RFC 5176 §2.2";
        PROTOCOL_ERROR = 52, "Protocol-Error", "RFC 7930 §4";
    }
}

impl Code {
    /// Whether the Request Authenticator of this request is a signature, `MD5(packet with zeros + secret)`, and not
    /// random octets (RFC 2866 §3, RFC 5176 §2.3).
    pub const fn is_signed_request(self) -> bool {
        matches!(self, Self::ACCOUNTING_REQUEST | Self::DISCONNECT_REQUEST | Self::COA_REQUEST)
    }
}
