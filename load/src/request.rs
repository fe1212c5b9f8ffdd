//! Requests as RouterOS sends them for PPPoE: attributes, their order, Message-Authenticator last.

use std::net::IpAddr;

use radius::{
    attribute::{
        AcctAuthentic, AcctStatusType, AttributeType, FramedProtocol, NasPortType, ServiceType,
        TerminateCause,
    },
    code::Code,
    compose::{ComposeError, Composer},
    credential::{
        chap,
        mschap::{NtHash, v2},
    },
    packet::Authenticator,
    secret::SharedSecret,
    vendor::microsoft,
};

use crate::{
    population::User,
    session::{Method, Step, Usage},
};

/// The router that asks.
#[derive(Clone, Debug)]
pub struct Nas {
    /// The address that its packets come from, and its NAS-IP-Address.
    pub address: IpAddr,
    /// NAS-Identifier.
    pub identity: String,
    /// The secret it shares with the server.
    pub secret: SharedSecret,
    /// Whether its accounting carries Message-Authenticator too; RouterOS's does not.
    pub signs_accounting: bool,
}

/// What the reply to a login must prove.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// Nothing beyond its signature.
    Plain,
    /// That the server knows the password, and the keys that follow from it.
    MsChap2 {
        /// MS-CHAP2-Response as sent.
        response: [u8; 50],
        /// MS-CHAP-Challenge as sent.
        challenge: [u8; 16],
    },
}

/// Random octets of one request.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The Request Authenticator of an Access-Request.
    pub authenticator: Authenticator,
    /// The challenge of CHAP or MS-CHAP.
    pub challenge: [u8; 16],
    /// The peer's own challenge in MS-CHAPv2.
    pub peer_challenge: [u8; 16],
}

/// Composes an Access-Request; answers its length and what the reply must prove.
///
/// # Errors
/// When a name or an identity is empty or too long for its attribute.
pub fn access(
    out: &mut [u8],
    identifier: u8,
    nas: &Nas,
    user: &User,
    session_id: &str,
    method: Method,
    noise: &Noise,
) -> Result<(usize, Proof), ComposeError> {
    let mut packet = Composer::request(out, Code::ACCESS_REQUEST, identifier, &noise.authenticator)?;
    place(&mut packet, user, session_id)?;
    let mut proof = Proof::Plain;
    match method {
        Method::Pap => {
            packet.user_password(user.password.as_bytes(), &nas.secret)?;
        }
        Method::Chap => {
            let [chap_identifier, ..] = noise.peer_challenge;
            let response = chap::respond(chap_identifier, user.password.as_bytes(), &noise.challenge);
            let mut value = [chap_identifier; 17];
            value[1..].copy_from_slice(&response);
            packet.octets(AttributeType::CHAP_CHALLENGE, &noise.challenge)?;
            packet.octets(AttributeType::CHAP_PASSWORD, &value)?;
        }
        Method::Mschap2 => {
            let hash = nt_hash(user);
            let (challenge, peer) = (noise.challenge, noise.peer_challenge);
            let response = v2::compose(identifier, user.name.as_bytes(), &hash, &challenge, &peer);
            packet.vendor(microsoft::MS_CHAP_CHALLENGE, &challenge)?;
            packet.vendor(microsoft::MS_CHAP2_RESPONSE, &response)?;
            proof = Proof::MsChap2 { response, challenge };
        }
    }
    sender(&mut packet, nas)?;
    packet.message_authenticator()?;
    Ok((packet.finish(&nas.secret), proof))
}

/// The NT hash of a user's password.
#[must_use]
pub fn nt_hash(user: &User) -> NtHash {
    NtHash::of_password(&String::from_utf8_lossy(user.password.as_bytes()))
}

/// What an Accounting-Request tells.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Start, interim or Stop.
    pub step: Step,
    /// Acct-Session-Id.
    pub session_id: &'a str,
    /// Class, as the Accept gave it.
    pub class: Option<&'a [u8]>,
    /// Acct-Session-Time.
    pub seconds: u32,
    /// Acct-Delay-Time.
    pub delay: u32,
    /// Octets and Gigawords.
    pub usage: Usage,
    /// Event-Timestamp, seconds since 1970.
    pub at: u32,
}

/// Composes an Accounting-Request; answers its length.
///
/// # Errors
/// When a name or an identity is empty or too long for its attribute.
pub fn accounting(
    out: &mut [u8],
    identifier: u8,
    nas: &Nas,
    user: &User,
    record: &Record<'_>,
) -> Result<usize, ComposeError> {
    let status = match record.step {
        Step::Start => AcctStatusType::START,
        Step::Stop => AcctStatusType::STOP,
        Step::Login(_) | Step::Interim => AcctStatusType::INTERIM_UPDATE,
    };
    let mut packet = Composer::signed_request(out, Code::ACCOUNTING_REQUEST, identifier)?;
    packet.u32(AttributeType::ACCT_STATUS_TYPE, status.0)?;
    if record.step == Step::Stop {
        packet.u32(AttributeType::ACCT_TERMINATE_CAUSE, TerminateCause::USER_REQUEST.0)?;
    }
    place(&mut packet, user, record.session_id)?;
    packet.u32(AttributeType::ACCT_AUTHENTIC, AcctAuthentic::RADIUS.0)?;
    if let Some(class) = record.class {
        packet.octets(AttributeType::CLASS, class)?;
    }
    packet.ipv4(AttributeType::FRAMED_IP_ADDRESS, user.address())?;
    packet.u32(AttributeType::EVENT_TIMESTAMP, record.at)?;
    if record.step != Step::Start {
        let Usage { input, output } = record.usage;
        packet
            .u32(AttributeType::ACCT_SESSION_TIME, record.seconds)?
            .u32(AttributeType::ACCT_INPUT_OCTETS, low(input))?
            .u32(AttributeType::ACCT_INPUT_GIGAWORDS, high(input))?
            .u32(AttributeType::ACCT_INPUT_PACKETS, low(input / 1_000))?
            .u32(AttributeType::ACCT_OUTPUT_OCTETS, low(output))?
            .u32(AttributeType::ACCT_OUTPUT_GIGAWORDS, high(output))?
            .u32(AttributeType::ACCT_OUTPUT_PACKETS, low(output / 1_000))?;
    }
    sender(&mut packet, nas)?;
    packet.u32(AttributeType::ACCT_DELAY_TIME, record.delay)?;
    if nas.signs_accounting {
        packet.message_authenticator()?;
    }
    Ok(packet.finish(&nas.secret))
}

/// Where the subscriber is: what a login and its accounting tell alike.
fn place(packet: &mut Composer<'_>, user: &User, session_id: &str) -> Result<(), ComposeError> {
    let mac = user.mac().to_string();
    packet
        .u32(AttributeType::SERVICE_TYPE, ServiceType::FRAMED.0)?
        .u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0)?
        .u32(AttributeType::NAS_PORT, 0x00f0_0000 | user.index)?
        .u32(AttributeType::NAS_PORT_TYPE, NasPortType::ETHERNET.0)?
        .octets(AttributeType::USER_NAME, user.name.as_bytes())?
        .text(AttributeType::CALLING_STATION_ID, &mac)?
        .text(AttributeType::CALLED_STATION_ID, "pppoe-service")?
        .text(AttributeType::NAS_PORT_ID, "vlan100-olt1")?
        .text(AttributeType::ACCT_SESSION_ID, session_id)?;
    Ok(())
}

/// Who sends: the last attributes before Message-Authenticator.
fn sender(packet: &mut Composer<'_>, nas: &Nas) -> Result<(), ComposeError> {
    packet.text(AttributeType::NAS_IDENTIFIER, &nas.identity)?;
    match nas.address {
        IpAddr::V4(address) => packet.ipv4(AttributeType::NAS_IP_ADDRESS, address)?,
        IpAddr::V6(address) => packet.ipv6(AttributeType::NAS_IPV6_ADDRESS, address)?,
    };
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half, as the attribute carries it")]
const fn low(octets: u64) -> u32 {
    octets as u32
}

const fn high(octets: u64) -> u32 {
    low(octets >> 32)
}
