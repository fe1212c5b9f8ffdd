//! The policy without sockets: what one request costs, at ten thousand and at a million subscribers, and what one live
//! session weighs.
//!
//! `cargo bench -p rrnetd-aaa --bench policy [-- SUBSCRIBERS]`. Each size runs in a process of its own. The floor is the
//! same packets parsed, verified and answered with a signed reply, and nobody looked up.

#![expect(clippy::print_stdout, reason = "a bench reports on the terminal")]

use std::{error::Error, fs, hint::black_box, net::SocketAddr, process::Command, sync::Arc, time::Duration};

use aaa::{
    directory::{
        Directory, HashKey,
        entry::{
            ChangeWay, IsolirProfile, MacLock, MessageAuthenticatorPolicy, OctetDirection, OverlayReasons,
            Password, Plan, Router, ServiceType, Standing, Subscriber, Tenant,
        },
    },
    live::Live,
    policy::{Action, ClassKey, Datagram, Policy, Port, Scratch, Settings},
};
use base::{Clock, MacAddress, Now, PlanId, RouterId, SecretBytes, SubscriberId, TenantId, Timestamp};
use radius::{
    attribute::{AttributeType, FramedProtocol, NasPortType, ServiceType as RadiusService},
    authenticator::verify_request,
    code::Code,
    compose::Composer,
    credential::{
        chap,
        mschap::{NtHash, v2},
    },
    index::Index,
    secret::SharedSecret,
    vendor::microsoft,
};

type Outcome = Result<(), Box<dyn Error>>;

const SMALL: u32 = 10_000;
const LARGE: u32 = 1_000_000;
const REQUESTS: u32 = 200_000;
const ROUNDS: usize = 5;
const SECRET: &[u8] = b"a shared secret of 32 octets ...";
const AUTHENTICATOR: [u8; 16] = [0x5a; 16];

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let parts: Vec<_> = arguments.iter().map(String::as_str).collect();
    let sizes = match parts[..] {
        ["measure", subscribers] => return measure(subscribers.parse()?),
        [] => [SMALL, LARGE],
        [subscribers] => [SMALL, subscribers.parse()?],
        _ => return Err("arguments: [SUBSCRIBERS]".into()),
    };
    for subscribers in sizes {
        let me = std::env::current_exe()?;
        let status = Command::new(me).args(["measure", &subscribers.to_string()]).status()?;
        if !status.success() {
            return Err(format!("{subscribers} subscribers: {status}").into());
        }
    }
    Ok(())
}

fn measure(subscribers: u32) -> Outcome {
    println!("{subscribers} subscribers");
    let world = World::new(subscribers)?;
    let users: Vec<u32> =
        (0..REQUESTS).map(|number| number.wrapping_mul(2_654_435_761) % subscribers).collect();
    let packets = |make: &dyn Fn(u32) -> Vec<u8>| users.iter().map(|user| make(*user)).collect::<Vec<_>>();
    let pap = packets(&|user| pap(user));
    world.report("floor: verified and signed", &pap, |packet, out, _| floor(packet, out));
    world.report("PAP accept", &pap, |packet, out, scratch| world.access(packet, out, scratch));
    world.report("  of which identified", &pap, |packet, _, scratch| {
        world
            .policy
            .identify(scratch, &datagram(packet))
            .is_ok_and(|request| black_box(request.key()) == request.key())
    });
    let chaps = packets(&|user| access(user, chap));
    world.report("CHAP accept", &chaps, |packet, out, scratch| world.access(packet, out, scratch));
    let mschap = packets(&|user| access(user, |packet| ms_chap2(packet, user)));
    world.report("MS-CHAPv2 accept with MPPE keys", &mschap, |packet, out, scratch| {
        world.access(packet, out, scratch)
    });
    world.report("from an unknown address", &pap, |packet, out, scratch| {
        let datagram = Datagram { peer: SocketAddr::from(([198, 51, 100, 9], 1)), ..datagram(packet) };
        let _ = black_box((world.policy.identify(scratch, &datagram), &out));
        true
    });
    two_at_once(&world, &pap);

    let starts: Vec<_> = (0..subscribers).map(|user| world.accounting(user, 1)).collect();
    let held = resident()?;
    let mut scratch = Scratch::new();
    let started = processor_time();
    for packet in &starts {
        world.account(packet, &mut [0; 4096], &mut scratch);
    }
    let each = (processor_time() - started) / u64::from(subscribers);
    let octets = resident()?.saturating_sub(held) / u64::from(subscribers);
    println!("  Start of each, opened:                 {each:>6} ns, {octets} octets resident a session");
    let interims: Vec<_> = users.iter().map(|user| world.accounting(*user, 3)).collect();
    world.report("Interim, without the journal", &interims, |packet, out, scratch| {
        world.account(packet, out, scratch)
    });
    Ok(())
}

struct World {
    policy: Policy,
    live: Arc<Live>,
    now: Now,
}

impl World {
    fn new(subscribers: u32) -> Result<Self, Box<dyn Error>> {
        let (directory, mut writer) = Directory::create(HashKey::new([1; 16]));
        let mut loader = writer.loader(subscribers as usize);
        loader.tenant(tenant());
        loader.plan(plan());
        loader.router(router()?);
        for number in 0..subscribers {
            loader.subscriber(&subscriber(number))?;
        }
        let now = Clock::system().now();
        writer.replace(loader, now.wall);
        let live = Arc::new(Live::new([2; 16]));
        let settings = Settings {
            class_key: ClassKey::new([3; 16]),
            chargeable_user_identity: false,
            throttle_key: [4; 16],
        };
        Ok(Self { policy: Policy::new(directory, Arc::clone(&live), settings), live, now })
    }

    fn access(&self, packet: &[u8], out: &mut [u8], scratch: &mut Scratch) -> bool {
        let Ok(request) = self.policy.identify(scratch, &datagram(packet)) else { return false };
        black_box(request.key());
        let is_reply = matches!(self.policy.answer(self.now, &request, scratch, out), Action::Reply { .. });
        is_reply && out[0] == Code::ACCESS_ACCEPT.0
    }

    fn account(&self, packet: &[u8], out: &mut [u8], scratch: &mut Scratch) -> bool {
        let datagram = Datagram { port: Port::Accounting, ..datagram(packet) };
        let Ok(request) = self.policy.identify(scratch, &datagram) else { return false };
        black_box(request.key());
        let is_record = matches!(self.policy.answer(self.now, &request, scratch, out), Action::Record { .. });
        self.policy.recorded(self.now, &request, scratch);
        is_record
    }

    /// An accounting packet with the cookie that an Accept would have given.
    fn accounting(&self, user: u32, status: u32) -> Vec<u8> {
        let cookie = aaa::live::Cookie {
            subscriber: subscriber_id(user),
            session: base::SessionId::from_bytes(id(9, user)),
            overlay_generation: 1,
        };
        let class = aaa::policy::class::compose(&cookie, tenant().id, self.policy.class_key());
        let mut buffer = [0; 4096];
        let packet = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 1);
        let length = packet.and_then(|mut packet| {
            packet.u32(AttributeType::ACCT_STATUS_TYPE, status)?;
            pppoe(&mut packet, user)?
                .text(AttributeType::ACCT_SESSION_ID, &format!("81{user:06x}"))?
                .ipv4(AttributeType::FRAMED_IP_ADDRESS, (0x0a00_0001 + user).into())?
                .octets(AttributeType::CLASS, &class)?
                .u32(AttributeType::ACCT_SESSION_TIME, 300)?
                .u32(AttributeType::ACCT_INPUT_OCTETS, user)?
                .u32(AttributeType::ACCT_OUTPUT_OCTETS, user)?
                .u32(AttributeType::ACCT_INPUT_GIGAWORDS, 1)?
                .u32(AttributeType::ACCT_OUTPUT_GIGAWORDS, 1)?
                .u32(AttributeType::ACCT_DELAY_TIME, 0)?;
            Ok(packet.finish(&secret()))
        });
        buffer[..length.unwrap_or(0)].to_vec()
    }

    /// The median of some rounds over all packets.
    fn report(
        &self,
        what: &str,
        packets: &[Vec<u8>],
        mut handle: impl FnMut(&[u8], &mut [u8], &mut Scratch) -> bool,
    ) {
        let (mut out, mut scratch) = ([0; 4096], Scratch::new());
        let mut rounds: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let started = processor_time();
                let good = packets.iter().filter(|packet| handle(packet, &mut out, &mut scratch)).count();
                assert_eq!(good, packets.len(), "{what}");
                (processor_time() - started) / packets.len() as u64
            })
            .collect();
        rounds.sort_unstable();
        println!("  {what:<38} {:>6} ns, best {:>6}", rounds[ROUNDS / 2], rounds[0]);
        assert!(self.live.stats().refused == 0);
    }
}

/// The same on two threads: how much they hinder one another.
fn two_at_once(world: &World, packets: &[Vec<u8>]) {
    let spent: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = packets
            .chunks(packets.len() / 2)
            .map(|half| {
                scope.spawn(move || {
                    let (mut out, mut scratch) = ([0; 4096], Scratch::new());
                    let started = processor_time();
                    for packet in std::iter::repeat_n(half, ROUNDS).flatten() {
                        assert!(world.access(packet, &mut out, &mut scratch));
                    }
                    processor_time() - started
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    });
    println!("  PAP accept, two threads                {:>6} ns", spent / (packets.len() * ROUNDS) as u64);
}

/// Nanoseconds that this thread has spent on a processor: what others do on the machine counts little.
fn processor_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// The least that any server must do: parse, verify, compose a signed reply of a usual length.
fn floor(packet: &[u8], out: &mut [u8]) -> bool {
    let secret = secret_kept();
    let Ok(index) = Index::parse(packet) else { return false };
    let is_good = verify_request(&index, secret).is_ok();
    let length = Composer::reply(out, Code::ACCESS_ACCEPT, &index).and_then(|mut reply| {
        reply.octets(AttributeType::CLASS, &[7; 47])?.octets(AttributeType::REPLY_MESSAGE, &[b'x'; 60])?;
        Ok(reply.finish(secret))
    });
    is_good && length.is_ok()
}

fn datagram(bytes: &[u8]) -> Datagram<'_> {
    Datagram {
        bytes,
        peer: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        local: [192, 0, 2, 53].into(),
        port: Port::Authentication,
    }
}

fn id(kind: u8, number: u32) -> [u8; 16] {
    // As random as ids are in their last octets.
    let mixed = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut octets = [kind; 16];
    octets[8..].copy_from_slice(&mixed);
    octets
}

fn subscriber_id(number: u32) -> SubscriberId {
    SubscriberId::from_bytes(id(1, number))
}

fn name(number: u32) -> String {
    format!("customer-{number:06}@isp")
}

fn mac(number: u32) -> MacAddress {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddress::from_octets([2, 0, a, b, c, d])
}

fn tenant() -> Tenant {
    Tenant {
        id: TenantId::from_bytes(id(2, 0)),
        zone: jiff::tz::TimeZone::UTC,
        realm: None,
        isolir: IsolirProfile::default(),
        stopped: false,
    }
}

fn plan() -> Plan {
    Plan {
        id: PlanId::from_bytes(id(3, 0)),
        tenant: tenant().id,
        rate_limit: Some("10M/20M 20M/40M 8M/16M 10/10".into()),
        pool: Some("pool-a".into()),
        ipv6_pool: None,
        delegated_ipv6_pool: None,
        group: None,
        address_list: Some("customers".into()),
        filter: None,
        session_timeout: Some(86_400),
        idle_timeout: None,
        interim_interval: 300,
        simultaneous: 0,
        hours: [].into(),
        attributes: [].into(),
    }
}

fn router() -> Result<Router, Box<dyn Error>> {
    Ok(Router {
        id: RouterId::from_bytes(id(4, 0)),
        tenant: tenant().id,
        name: "edge".into(),
        addresses: [[192, 0, 2, 1].into()].into(),
        secret: SharedSecret::new(SECRET)?,
        message_authenticator: MessageAuthenticatorPolicy::Required,
        reject_delay: Duration::ZERO,
        octets: OctetDirection::InputIsUpload,
        change_way: ChangeWay::CoaThenDisconnect,
        dynauth_address: None,
        dynauth_port: 3_799,
        dynauth_event_timestamp: false,
    })
}

fn subscriber(number: u32) -> Subscriber {
    let (static_address, mac_lock) = match number % 10 {
        0 | 1 => (Some((0x0a00_0001 + number).into()), MacLock::Off),
        2..=4 => (None, MacLock::To([mac(number)].into())),
        _ => (None, MacLock::Off),
    };
    Subscriber {
        id: subscriber_id(number),
        tenant: tenant().id,
        plan: plan().id,
        username: name(number).into_bytes().into(),
        password: Password::Clear(SecretBytes::new(b"twelve octet".to_vec())),
        standing: Standing::Active,
        expires_at: Some(Timestamp::from_millis(4_000_000_000_000)),
        overlay: OverlayReasons::default(),
        overlay_generation: 1,
        service: ServiceType::Any,
        mac_lock,
        router: None,
        static_address,
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: [].into(),
        simultaneous: None,
        attributes: [].into(),
    }
}

fn secret() -> SharedSecret {
    secret_kept().clone()
}

fn secret_kept() -> &'static SharedSecret {
    static KEPT: std::sync::OnceLock<SharedSecret> = std::sync::OnceLock::new();
    KEPT.get_or_init(|| SharedSecret::new(SECRET).expect("it is not empty"))
}

type Filled<'c, 'b> = Result<&'c mut Composer<'b>, radius::compose::ComposeError>;

fn pppoe<'c, 'b>(packet: &'c mut Composer<'b>, user: u32) -> Filled<'c, 'b> {
    packet
        .u32(AttributeType::SERVICE_TYPE, RadiusService::FRAMED.0)?
        .u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0)?
        .u32(AttributeType::NAS_PORT, 15_728_640 + user)?
        .u32(AttributeType::NAS_PORT_TYPE, NasPortType::ETHERNET.0)?
        .text(AttributeType::USER_NAME, &name(user))?
        .text(AttributeType::CALLING_STATION_ID, &mac(user).to_string())?
        .text(AttributeType::CALLED_STATION_ID, "service1")?
        .text(AttributeType::NAS_PORT_ID, "ether2")?
        .text(AttributeType::NAS_IDENTIFIER, "edge-1")?
        .ipv4(AttributeType::NAS_IP_ADDRESS, [192, 0, 2, 1].into())
}

fn access(user: u32, fill: impl for<'c, 'b> Fn(&'c mut Composer<'b>) -> Filled<'c, 'b>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let packet = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR);
    let length = packet.and_then(|mut packet| {
        pppoe(&mut packet, user)?;
        fill(&mut packet)?;
        packet.message_authenticator()?;
        Ok(packet.finish(&secret()))
    });
    buffer[..length.unwrap_or(0)].to_vec()
}

fn pap(user: u32) -> Vec<u8> {
    access(user, |packet| packet.user_password(b"twelve octet", &secret()))
}

fn chap<'c, 'b>(packet: &'c mut Composer<'b>) -> Filled<'c, 'b> {
    let response = chap::respond(1, b"twelve octet", &[9; 16]);
    packet
        .octets(AttributeType::CHAP_CHALLENGE, &[9; 16])?
        .octets(AttributeType::CHAP_PASSWORD, &[&[1][..], &response].concat())
}

fn ms_chap2<'c, 'b>(packet: &'c mut Composer<'b>, user: u32) -> Filled<'c, 'b> {
    let hash = NtHash::of_password("twelve octet");
    let response = v2::compose(1, name(user).as_bytes(), &hash, &[1; 16], &[2; 16]);
    packet.vendor(microsoft::MS_CHAP_CHALLENGE, &[1; 16])?.vendor(microsoft::MS_CHAP2_RESPONSE, &response)
}

/// Octets of memory that are resident.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("VmRSS without a number")?.parse()?;
    Ok(kilobytes * 1_024)
}
