//! The directory at ten thousand and at a million subscribers: memory, look-ups, changes, snapshot.
//!
//! `cargo bench -p rrnetd-aaa --bench directory [-- SUBSCRIBERS]`. Each size runs in a process of its own, so that its
//! memory is its own; the larger starts from the snapshot that another process has written.

#![expect(clippy::print_stdout, reason = "a bench reports on the terminal")]

use std::{
    error::Error, fs, hint::black_box, io::Write as _, net::Ipv4Addr, path::Path, process::Command,
    sync::Arc, time::Duration,
};

use aaa::directory::{
    Change, Directory, DirectoryWriter, HashKey, PasswordView,
    entry::{MacLock, OverlayReasons, Password, ServiceType, Standing, Subscriber},
};
use base::{
    Clock, DatabaseId, MacAddress, PlanId, SecretBytes, SubscriberId, TenantId, Timestamp, seal::Sealer,
};

type Outcome = Result<(), Box<dyn Error>>;

const SMALL: u32 = 10_000;
const LARGE: u32 = 1_000_000;
const LOOKUPS: u32 = 2_000_000;
const CHANGES: u32 = 20_000;
const ROUNDS: usize = 5;
const TENANTS: u32 = 100;
const DATABASE: DatabaseId = DatabaseId::from_bytes([1; 16]);

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let parts: Vec<_> = arguments.iter().map(String::as_str).collect();
    match parts[..] {
        ["write", subscribers, path] => write(subscribers.parse()?, Path::new(path)),
        ["measure", subscribers, path] => measure(subscribers.parse()?, Path::new(path)),
        [] => sizes(&[SMALL, LARGE]),
        [subscribers] => sizes(&[SMALL, subscribers.parse()?]),
        _ => Err("arguments: [SUBSCRIBERS]".into()),
    }
}

fn sizes(sizes: &[u32]) -> Outcome {
    let folder = tempfile::tempdir()?;
    for subscribers in sizes {
        let path = folder.path().join(format!("directory-{subscribers}.snapshot"));
        for step in ["write", "measure"] {
            let me = std::env::current_exe()?;
            let status = Command::new(me).arg(step).arg(subscribers.to_string()).arg(&path).status()?;
            if !status.success() {
                return Err(format!("{step} of {subscribers}: {status}").into());
            }
        }
    }
    Ok(())
}

/// Fills a directory as from a database, and writes its snapshot.
fn write(subscribers: u32, path: &Path) -> Outcome {
    println!("{subscribers} subscribers");
    let clock = Clock::system();
    let (_, mut writer) = create()?;
    let loaded = timed(&clock, || {
        let mut loader = writer.loader(subscribers as usize);
        for number in 0..subscribers {
            loader.subscriber(&subscriber(number))?;
        }
        writer.replace(loader, Timestamp::EPOCH);
        Ok(())
    })?;
    println!("  bulk load from entries      {:>10.3} s", loaded.as_secs_f64());
    let mut frozen = None;
    let freezing = timed(&clock, || {
        frozen = writer.freeze();
        Ok(())
    })?;
    println!("  freeze                      {:>10.3} ms", freezing.as_secs_f64() * 1e3);
    let frozen = frozen.ok_or("the directory is ready")?;
    let writing = timed(&clock, || Ok(frozen.write(path, DATABASE, Timestamp::EPOCH, &sealer()?)?))?;
    println!("  write the snapshot          {:>10.3} s", writing.as_secs_f64());
    println!("  its size                    {:>10.1} MB", fs::metadata(path)?.len() as f64 / 1e6);
    Ok(())
}

/// Starts from the snapshot, and measures what is then in memory.
fn measure(subscribers: u32, path: &Path) -> Outcome {
    let clock = Clock::system();
    // The shards themselves are there before the first subscriber.
    let (directory, mut writer) = create()?;
    let before = resident()?;
    let loading = timed(&clock, || {
        writer.load_snapshot(path, DATABASE, &sealer()?)?;
        Ok(())
    })?;
    println!("  load the snapshot           {:>10.3} s", loading.as_secs_f64());
    let octets = resident()?.saturating_sub(before) as f64 / f64::from(subscribers);
    println!("  resident per subscriber     {octets:>10.1} octets");
    println!("  peak of the process         {:>10.1} MB", peak()? as f64 / 1e6);
    if directory.counts().subscribers != subscribers as usize {
        return Err("subscribers are missing".into());
    }

    let mut rounds = [Duration::ZERO; ROUNDS];
    let mut idle = [Duration::ZERO; ROUNDS];
    for (round, idle) in rounds.iter_mut().zip(&mut idle) {
        *round = timed(&clock, || look_up(subscribers, |tenant, name| find(&directory, tenant, name)))?;
        *idle = timed(&clock, || look_up(subscribers, |_, name| !black_box(name).is_empty()))?;
    }
    let net = median(&mut rounds).saturating_sub(median(&mut idle));
    println!("  look-up by name             {:>10.0} ns", net.as_secs_f64() * 1e9 / f64::from(LOOKUPS));
    let by_id = timed(&clock, || {
        let mut random = Random(7);
        for _ in 0..LOOKUPS / 10 {
            let id = subscriber_id(random.below(subscribers));
            directory.subscriber_by_id(id).ok_or("an id is missing")?;
        }
        Ok(())
    })?;
    println!("  look-up by id               {:>10.0} ns", by_id.as_secs_f64() * 1e10 / f64::from(LOOKUPS));
    change(&clock, &mut writer, subscribers)?;
    let octets = resident()?.saturating_sub(before) as f64 / f64::from(subscribers);
    println!("  resident after the changes  {octets:>10.1} octets");
    Ok(())
}

/// Isolates and lifts random subscribers, one after the other.
fn change(clock: &Clock, writer: &mut DirectoryWriter, subscribers: u32) -> Outcome {
    let mut random = Random(11);
    let mut each = Vec::new();
    for generation in 0..CHANGES {
        let mut changed = subscriber(random.below(subscribers));
        changed.overlay = OverlayReasons(OverlayReasons::UNPAID);
        changed.overlay_generation = generation;
        each.push(timed(clock, || Ok(writer.apply(Change::Subscriber(changed))?))?);
    }
    each.sort_unstable();
    let [middle, late] = [each.len() / 2, each.len() * 99 / 100].map(|at| each[at].as_secs_f64() * 1e6);
    println!("  apply a change              {middle:>10.1} µs median, {late:.1} µs p99");
    Ok(())
}

/// Looks random names up; `find` tells whether one is there.
fn look_up(subscribers: u32, mut find: impl FnMut(TenantId, &[u8]) -> bool) -> Outcome {
    let mut random = Random(3);
    let mut name = *b"subscriber-000000000";
    for _ in 0..LOOKUPS {
        let number = random.below(subscribers);
        write!(&mut name[11..], "{number:09}")?;
        if !find(tenant_id(number), &name) {
            return Err("a subscriber is missing".into());
        }
    }
    Ok(())
}

/// What every request reads of a subscriber.
fn find(directory: &Directory, tenant: TenantId, name: &[u8]) -> bool {
    let Some(found) = directory.subscriber(tenant, name) else { return false };
    let view = found.view();
    black_box((view.plan(), view.standing(), view.overlay(), view.mac_lock(), view.static_address()));
    matches!(view.password(), PasswordView::Clear(password) if !black_box(password).is_empty())
}

fn create() -> Result<(Arc<Directory>, DirectoryWriter), Box<dyn Error>> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)?;
    Ok(Directory::create(HashKey::new(key)))
}

fn sealer() -> Result<Sealer, Box<dyn Error>> {
    Sealer::new([(1, [1; 32])]).ok_or_else(|| "there is a key".into())
}

/// 20-octet name, 12-octet password; 30 % have a MAC lock, 20 % a static address.
fn subscriber(number: u32) -> Subscriber {
    let [_, b, c, d] = number.to_be_bytes();
    Subscriber {
        id: subscriber_id(number),
        tenant: tenant_id(number),
        plan: PlanId::from_bytes(id_octets(number % 400)),
        username: format!("subscriber-{number:09}").into_bytes().into(),
        password: Password::Clear(SecretBytes::new(format!("pass{number:08}").into_bytes())),
        standing: Standing::Active,
        expires_at: None,
        overlay: OverlayReasons::default(),
        overlay_generation: 0,
        service: ServiceType::Ppp,
        mac_lock: if number % 10 < 3 {
            MacLock::To([MacAddress::from_octets([2, 0, 0, b, c, d])].into())
        } else {
            MacLock::Off
        },
        router: None,
        static_address: number.is_multiple_of(5).then(|| Ipv4Addr::new(10, b, c, d)),
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: [].into(),
        simultaneous: None,
        attributes: [].into(),
    }
}

fn subscriber_id(number: u32) -> SubscriberId {
    SubscriberId::from_bytes(id_octets(number))
}

fn tenant_id(number: u32) -> TenantId {
    TenantId::from_bytes(id_octets(number % TENANTS))
}

fn id_octets(number: u32) -> [u8; 16] {
    let mut octets = [0x5a; 16];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    octets
}

/// Marsaglia's xorshift: fast enough not to be measured.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).unwrap_or(0)
    }
}

fn timed(clock: &Clock, work: impl FnOnce() -> Outcome) -> Result<Duration, Box<dyn Error>> {
    let start = clock.now().monotonic;
    work()?;
    Ok(clock.now().monotonic.saturating_sub(start))
}

fn median(rounds: &mut [Duration]) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

/// Octets of this process in memory: the second field of statm, in pages.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split_whitespace().nth(1).ok_or("statm has a second field")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// The most octets that this process ever had in memory.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("status has VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
