//! Integer values with names: what an `Acct-Status-Type` or a `Service-Type` says.

use crate::code_point::code_points;

code_points! {
    /// Which event an Accounting-Request tells of (RFC 2866 §5.1).
    AcctStatusType(u32) {
        START = 1, "Start", "RFC 2866 §5.1";
        STOP = 2, "Stop", "RFC 2866 §5.1";
        INTERIM_UPDATE = 3, "Interim-Update", "RFC 2866 §5.1";
        ACCOUNTING_ON = 7, "Accounting-On", "RFC 2866 §5.1";
        ACCOUNTING_OFF = 8, "Accounting-Off", "RFC 2866 §5.1";
        TUNNEL_START = 9, "Tunnel-Start", "RFC 2867 §3.1";
        TUNNEL_STOP = 10, "Tunnel-Stop", "RFC 2867 §3.2";
        TUNNEL_REJECT = 11, "Tunnel-Reject", "RFC 2867 §3.3";
        TUNNEL_LINK_START = 12, "Tunnel-Link-Start", "RFC 2867 §3.4";
        TUNNEL_LINK_STOP = 13, "Tunnel-Link-Stop", "RFC 2867 §3.5";
        TUNNEL_LINK_REJECT = 14, "Tunnel-Link-Reject", "RFC 2867 §3.6";
        FAILED = 15, "Failed", "RFC 2866 §5.1";
    }
}

code_points! {
    /// What service the user asks for, or is given (RFC 2865 §5.6).
    ServiceType(u32) {
        LOGIN = 1, "Login-User", "RFC 2865 §5.6";
        FRAMED = 2, "Framed-User", "RFC 2865 §5.6";
        CALLBACK_LOGIN = 3, "Callback-Login-User", "RFC 2865 §5.6";
        CALLBACK_FRAMED = 4, "Callback-Framed-User", "RFC 2865 §5.6";
        OUTBOUND = 5, "Outbound-User", "RFC 2865 §5.6";
        ADMINISTRATIVE = 6, "Administrative-User", "RFC 2865 §5.6";
        NAS_PROMPT = 7, "NAS-Prompt-User", "RFC 2865 §5.6";
        AUTHENTICATE_ONLY = 8, "Authenticate-Only", "RFC 2865 §5.6";
        CALLBACK_NAS_PROMPT = 9, "Callback-NAS-Prompt", "RFC 2865 §5.6";
        CALL_CHECK = 10, "Call-Check", "RFC 2865 §5.6";
        CALLBACK_ADMINISTRATIVE = 11, "Callback-Administrative", "RFC 2865 §5.6";
        AUTHORIZE_ONLY = 17, "Authorize-Only", "RFC 5176 §3.1";
    }
}

code_points! {
    /// The framing used for framed access (RFC 2865 §5.7).
    FramedProtocol(u32) {
        PPP = 1, "PPP", "RFC 2865 §5.7";
        SLIP = 2, "SLIP", "RFC 2865 §5.7";
        ARAP = 3, "ARAP", "RFC 2865 §5.7";
        GANDALF = 4, "Gandalf-SLML", "RFC 2865 §5.7";
        XYLOGICS = 5, "Xylogics-IPX-SLIP", "RFC 2865 §5.7";
        X75 = 6, "X.75-Synchronous", "RFC 2865 §5.7";
    }
}

code_points! {
    /// Why a session ended (RFC 2866 §5.10).
    TerminateCause(u32) {
        USER_REQUEST = 1, "User-Request", "RFC 2866 §5.10";
        LOST_CARRIER = 2, "Lost-Carrier", "RFC 2866 §5.10";
        LOST_SERVICE = 3, "Lost-Service", "RFC 2866 §5.10";
        IDLE_TIMEOUT = 4, "Idle-Timeout", "RFC 2866 §5.10";
        SESSION_TIMEOUT = 5, "Session-Timeout", "RFC 2866 §5.10";
        ADMIN_RESET = 6, "Admin-Reset", "RFC 2866 §5.10";
        ADMIN_REBOOT = 7, "Admin-Reboot", "RFC 2866 §5.10";
        PORT_ERROR = 8, "Port-Error", "RFC 2866 §5.10";
        NAS_ERROR = 9, "NAS-Error", "RFC 2866 §5.10";
        NAS_REQUEST = 10, "NAS-Request", "RFC 2866 §5.10";
        NAS_REBOOT = 11, "NAS-Reboot", "RFC 2866 §5.10";
        PORT_UNNEEDED = 12, "Port-Unneeded", "RFC 2866 §5.10";
        PORT_PREEMPTED = 13, "Port-Preempted", "RFC 2866 §5.10";
        PORT_SUSPENDED = 14, "Port-Suspended", "RFC 2866 §5.10";
        SERVICE_UNAVAILABLE = 15, "Service-Unavailable", "RFC 2866 §5.10";
        CALLBACK = 16, "Callback", "RFC 2866 §5.10";
        USER_ERROR = 17, "User-Error", "RFC 2866 §5.10";
        HOST_REQUEST = 18, "Host-Request", "RFC 2866 §5.10";
        SUPPLICANT_RESTART = 19, "Supplicant-Restart", "RFC 3580 §2.2";
        REAUTHENTICATION_FAILURE = 20, "Reauthentication-Failure", "RFC 3580 §2.2";
        PORT_REINITIALIZED = 21, "Port-Reinit", "RFC 3580 §2.2";
        PORT_DISABLED = 22, "Port-Disabled", "RFC 3580 §2.2";
    }
}

code_points! {
    /// How the user was authenticated, as the NAS saw it (RFC 2866 §5.6).
    AcctAuthentic(u32) {
        RADIUS = 1, "RADIUS", "RFC 2866 §5.6";
        LOCAL = 2, "Local", "RFC 2866 §5.6";
        REMOTE = 3, "Remote", "RFC 2866 §5.6";
        DIAMETER = 4, "Diameter", "RFC 7155 §4.6";
    }
}

code_points! {
    /// What kind of port the user came in on (RFC 2865 §5.41).
    NasPortType(u32) {
        ASYNC = 0, "Async", "RFC 2865 §5.41";
        SYNC = 1, "Sync", "RFC 2865 §5.41";
        ISDN_SYNC = 2, "ISDN", "RFC 2865 §5.41";
        ISDN_ASYNC_V120 = 3, "ISDN-V120", "RFC 2865 §5.41";
        ISDN_ASYNC_V110 = 4, "ISDN-V110", "RFC 2865 §5.41";
        VIRTUAL = 5, "Virtual", "RFC 2865 §5.41";
        PIAFS = 6, "PIAFS", "RFC 2865 §5.41";
        HDLC_CLEAR_CHANNEL = 7, "HDLC-Clear-Channel", "RFC 2865 §5.41";
        X25 = 8, "X.25", "RFC 2865 §5.41";
        X75 = 9, "X.75", "RFC 2865 §5.41";
        G3_FAX = 10, "G.3-Fax", "RFC 2865 §5.41";
        SDSL = 11, "SDSL", "RFC 2865 §5.41";
        ADSL_CAP = 12, "ADSL-CAP", "RFC 2865 §5.41";
        ADSL_DMT = 13, "ADSL-DMT", "RFC 2865 §5.41";
        IDSL = 14, "IDSL", "RFC 2865 §5.41";
        ETHERNET = 15, "Ethernet", "RFC 2865 §5.41";
        XDSL = 16, "xDSL", "RFC 2865 §5.41";
        CABLE = 17, "Cable", "RFC 2865 §5.41";
        WIRELESS_OTHER = 18, "Wireless-Other", "RFC 2865 §5.41";
        WIRELESS_802_11 = 19, "Wireless-802.11", "RFC 2865 §5.41";
        PPPOA = 30, "PPPoA", "RFC 4603 §2";
        PPPOEOA = 31, "PPPoEoA", "RFC 4603 §2";
        PPPOEOE = 32, "PPPoEoE", "RFC 4603 §2";
        PPPOEOVLAN = 33, "PPPoEoVLAN", "RFC 4603 §2";
        PPPOEOQINQ = 34, "PPPoEoQinQ", "RFC 4603 §2";
    }
}

code_points! {
    /// Why a NAS refused, or did not quite do, what a CoA or Disconnect asked (RFC 5176 §3.5).
    ErrorCause(u32) {
        RESIDUAL_CONTEXT_REMOVED = 201, "Residual-Session-Context-Removed", "RFC 5176 §3.5";
        INVALID_EAP_PACKET = 202, "Invalid-EAP-Packet", "RFC 5176 §3.5";
        UNSUPPORTED_ATTRIBUTE = 401, "Unsupported-Attribute", "RFC 5176 §3.5";
        MISSING_ATTRIBUTE = 402, "Missing-Attribute", "RFC 5176 §3.5";
        NAS_IDENTIFICATION_MISMATCH = 403, "NAS-Identification-Mismatch", "RFC 5176 §3.5";
        INVALID_REQUEST = 404, "Invalid-Request", "RFC 5176 §3.5";
        UNSUPPORTED_SERVICE = 405, "Unsupported-Service", "RFC 5176 §3.5";
        UNSUPPORTED_EXTENSION = 406, "Unsupported-Extension", "RFC 5176 §3.5";
        INVALID_ATTRIBUTE_VALUE = 407, "Invalid-Attribute-Value", "RFC 5176 §3.5";
        ADMINISTRATIVELY_PROHIBITED = 501, "Administratively-Prohibited", "RFC 5176 §3.5";
        REQUEST_NOT_ROUTABLE = 502, "Request-Not-Routable", "RFC 5176 §3.5";
        SESSION_CONTEXT_NOT_FOUND = 503, "Session-Context-Not-Found", "RFC 5176 §3.5";
        SESSION_CONTEXT_NOT_REMOVABLE = 504, "Session-Context-Not-Removable", "RFC 5176 §3.5";
        PROXY_PROCESSING_ERROR = 505, "Other-Proxy-Processing-Error", "RFC 5176 §3.5";
        RESOURCES_UNAVAILABLE = 506, "Resources-Unavailable", "RFC 5176 §3.5";
        REQUEST_INITIATED = 507, "Request-Initiated", "RFC 5176 §3.5";
        MULTIPLE_SESSION_SELECTION = 508, "Multiple-Session-Selection-Unsupported", "RFC 5176 §3.5";
    }
}
