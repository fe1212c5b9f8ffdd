//! On which service a request asks to log in, by what RouterOS and other NASes put into it.

use radius::{
    attribute::{AttributeType, NasPortType, ServiceType},
    index::Index,
    vendor::{Vendor, wispr},
};

base::text_enum! {
    /// The service of a request.
    pub enum Service {
        /// PPPoE and the other PPP services.
        Ppp = "ppp",
        /// Hotspot, or another service that knows its client by the hardware address.
        Hotspot = "hotspot",
        /// A login to the router itself (RouterOS service `login`). It never authenticates a subscriber: whoever knows a
        /// subscriber's password would get into the router with it.
        RouterLogin = "router_login",
        /// Nothing tells. It could be a login to a router, and is treated alike.
        Unrecognised = "unrecognised",
    }
}

impl Service {
    /// Tells the service of an Access-Request. PPP says so (Service-Type Framed, Framed-Protocol). A hotspot may say
    /// Service-Type Login, as a login to a router does, but it has a client with a hardware address, a port type and a
    /// server's name, or MikroTik's and WISPr's own attributes; a login to a router comes from an IP address.
    #[must_use]
    pub fn of(request: &Index<'_>) -> Self {
        let service_type = request.service_type();
        if request.has(AttributeType::FRAMED_PROTOCOL)
            || matches!(service_type, Some(ServiceType::FRAMED | ServiceType::CALLBACK_FRAMED))
        {
            return Self::Ppp;
        }
        if matches!(service_type, None | Some(ServiceType::LOGIN)) && is_hotspot(request) {
            return Self::Hotspot;
        }
        if service_type.is_some() { Self::RouterLogin } else { Self::Unrecognised }
    }
}

fn is_hotspot(request: &Index<'_>) -> bool {
    let from_hardware = request.calling_station_id().is_some_and(|id| base::MacAddress::parse(id).is_some());
    let at_port = matches!(
        request.nas_port_type(),
        Some(NasPortType::ETHERNET | NasPortType::CABLE | NasPortType::WIRELESS_802_11)
    );
    request.mikrotik_host_ip().is_some()
        || (from_hardware && at_port && request.called_station_id().is_some())
        || (from_hardware
            && request.packet().vendor_attributes(Vendor::WISPR).any(|attribute| {
                [wispr::LOCATION_ID, wispr::LOCATION_NAME, wispr::LOGOFF_URL].contains(&attribute.kind)
            }))
}
