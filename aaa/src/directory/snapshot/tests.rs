//! Snapshots: round trips, and everything that must be refused.

use std::{fs, path::Path, sync::Arc};

use base::{DatabaseId, Timestamp, seal::Sealer};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::directory::{
    Change, Directory, DirectoryWriter, HashKey,
    entry::{IsolirProfile, Subscriber},
    testing::{self, octets},
};

const DATABASE: DatabaseId = DatabaseId::from_bytes([9; 16]);
const TAKEN_AT: Timestamp = Timestamp::from_millis(2_000);
const AS_OF: Timestamp = Timestamp::from_millis(1_000);

fn sealer() -> Sealer {
    Sealer::new([(1, [7; 32])]).unwrap()
}

fn create() -> (Arc<Directory>, DirectoryWriter) {
    Directory::create(HashKey::new([5; 16]))
}

/// Writes a snapshot of `subscribers` and of one of every other entry.
fn written(folder: &Path, subscribers: &[Subscriber]) -> PathBuf {
    let (_, mut writer) = create();
    let mut tenant = testing::tenant(1);
    tenant.realm = Some("isp.example".into());
    tenant.stopped = true;
    tenant.isolir = IsolirProfile {
        rate_limit: Some("64k/64k".into()),
        address_list: Some("isolir".into()),
        group: Some("isolir".into()),
        filter: Some("wall".into()),
        pool: Some("isolir".into()),
        session_timeout: Some(3_600),
        kept_attributes: [(0, 85), (14_988, 8)].into(),
    };
    writer.apply(Change::Tenant(tenant)).unwrap();
    writer.apply(Change::Tenant(testing::tenant(2))).unwrap();
    let mut offset = testing::tenant(3);
    offset.zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    writer.apply(Change::Tenant(offset)).unwrap();
    let mut utc = testing::tenant(4);
    utc.zone = jiff::tz::TimeZone::UTC;
    writer.apply(Change::Tenant(utc)).unwrap();
    writer.apply(Change::Plan(testing::plan(1))).unwrap();
    writer.apply(Change::Router(testing::router(1, &["10.0.0.1", "2001:db8::1"]))).unwrap();
    let mut plain = testing::router(2, &["10.0.0.1"]);
    plain.dynauth_address = None;
    writer.apply(Change::Router(plain)).unwrap();
    for subscriber in subscribers {
        writer.apply(Change::Subscriber(subscriber.clone())).unwrap();
    }
    writer.advance(Position { tenant: TenantId::from_bytes(octets(1)), sequence: 41 });
    writer.advance(Position { tenant: TenantId::from_bytes(octets(2)), sequence: u64::MAX });
    writer.caught_up(AS_OF);
    let path = folder.join("directory.snapshot");
    writer.freeze().unwrap().write(&path, DATABASE, TAKEN_AT, &sealer()).unwrap();
    path
}

fn load_from(path: &Path) -> Result<(Arc<Directory>, DirectoryWriter, About), LoadError> {
    let (directory, mut writer) = create();
    let about = writer.load_snapshot(path, DATABASE, &sealer())?;
    Ok((directory, writer, about))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_snapshot_holds_everything(subscribers in vec(testing::any_subscriber(), 0..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), &subscribers);
        let (directory, writer, about) = load_from(&path).unwrap();
        prop_assert_eq!(about, About { taken_at: TAKEN_AT, as_of: AS_OF });
        prop_assert_eq!(directory.as_of(), Some(AS_OF));
        let positions: Vec<_> = writer.positions().map(|at| at.sequence).collect();
        prop_assert_eq!(positions, [41, u64::MAX]);
        let (original, mut first) = create();
        for subscriber in &subscribers {
            first.apply(Change::Subscriber(subscriber.clone())).unwrap();
        }
        prop_assert_eq!(directory.counts().subscribers, original.counts().subscribers);
        for subscriber in &subscribers {
            let (found, expected) = (directory.subscriber_by_id(subscriber.id), original.subscriber_by_id(subscriber.id));
            prop_assert_eq!(found.map(|found| found.view().unpack()), expected.map(|known| known.view().unpack()));
        }
    }
}

#[test]
fn tenants_plans_and_routers_come_back_with_every_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &[]);
    let (directory, _, _) = load_from(&path).unwrap();
    let one = directory.tenant(testing::tenant(1).id).unwrap();
    assert_eq!((one.realm.as_deref(), one.stopped), (Some("isp.example"), true));
    assert_eq!(one.zone.iana_name(), Some("Asia/Jakarta"));
    assert_eq!(one.isolir.session_timeout, Some(3_600));
    assert_eq!(*one.isolir.kept_attributes, [(0, 85), (14_988, 8)]);
    assert_eq!(one.isolir.pool.as_deref(), Some("isolir"));
    assert_eq!(*directory.tenant(testing::tenant(2).id).unwrap(), testing::tenant(2));
    let offset = directory.tenant(testing::tenant(3).id).unwrap();
    assert_eq!(offset.zone, jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    assert_eq!(directory.tenant(testing::tenant(4).id).unwrap().zone, jiff::tz::TimeZone::UTC);
    assert_eq!(*directory.plan(testing::plan(1).id).unwrap(), testing::plan(1));
    let router = testing::router(1, &["10.0.0.1", "2001:db8::1"]);
    assert_eq!(*directory.router(router.id).unwrap(), router);
    assert_eq!(directory.router(testing::router(2, &[]).id).unwrap().dynauth_address, None);
    assert_eq!(directory.routers_at("10.0.0.1".parse().unwrap()).unwrap().len(), 2);
}

/// Many subscribers take several chunks.
fn many() -> Vec<Subscriber> {
    (0..12_000).map(|number| testing::subscriber(number, &format!("subscriber-{number:09}"))).collect()
}

#[test]
fn nothing_secret_stands_in_the_file_and_it_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &many());
    let octets = fs::read(&path).unwrap();
    assert!(octets.len() > CHUNK_OCTETS);
    for text in [&b"secret"[..], b"subscriber-"] {
        assert!(!octets.windows(text.len()).any(|window| window == text));
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn any_altered_or_missing_octet_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &many());
    let whole = fs::read(&path).unwrap();
    let (directory, mut writer) = create();
    writer.apply(Change::Subscriber(testing::subscriber(1, "kept"))).unwrap();
    let mut refused = |octets: &[u8], what: &str| {
        fs::write(&path, octets).unwrap();
        let error = writer.load_snapshot(&path, DATABASE, &sealer()).expect_err(what);
        assert_eq!((directory.ready(), directory.counts().subscribers), (false, 1), "{what}");
        error
    };
    // Every octet of the header and of the first frame, then some of the rest.
    for at in (0..HEADER_OCTETS + 60).chain((HEADER_OCTETS + 60..whole.len()).step_by(99_991)) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        refused(&altered, &format!("octet {at} altered"));
    }
    for length in (0..HEADER_OCTETS + 60).chain((HEADER_OCTETS + 60..whole.len()).step_by(99_991)) {
        let error = refused(&whole[..length], &format!("cut at {length}"));
        let expected = if length < MAGIC.len() {
            matches!(error, LoadError::NotASnapshot)
        } else {
            matches!(error, LoadError::Truncated(_))
        };
        assert!(expected, "cut at {length}: {error:?}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(refused(&longer, "longer"), LoadError::Altered(_)));
}

#[test]
fn chunks_cannot_be_left_out_or_taken_from_an_older_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &many());
    let (new, old) = (fs::read(&path).unwrap(), fs::read(written(folder.path(), &many())).unwrap());
    let length = u32::from_be_bytes(new[HEADER_OCTETS..HEADER_OCTETS + 4].try_into().unwrap()) as usize;
    let second = HEADER_OCTETS + 4 + length;
    let without_first = [&new[..HEADER_OCTETS], &new[second..]].concat();
    // The two have the same header, and their chunks the same lengths.
    let spliced = [&new[..second], &old[second..]].concat();
    // Cut behind the first chunk, which then says that it is the last.
    let mut ended = new[..second].to_vec();
    ended[HEADER_OCTETS] |= 0x80;
    for (octets, chunk) in [(without_first, 0), (spliced, 1), (ended, 0)] {
        fs::write(&path, octets).unwrap();
        let error = load_from(&path).unwrap_err();
        assert!(matches!(error, LoadError::Sealed { chunk: at, .. } if at == chunk), "{error:?}");
    }
}

#[test]
fn foreign_older_and_missing_ones_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &[]);
    let (_, mut writer) = create();
    let other = DatabaseId::from_bytes([8; 16]);
    let foreign = writer.load_snapshot(&path, other, &sealer()).unwrap_err();
    assert!(matches!(foreign, LoadError::Foreign(found) if found == DATABASE), "{foreign:?}");
    let other_key = Sealer::new([(2, [7; 32])]).unwrap();
    let locked = writer.load_snapshot(&path, DATABASE, &other_key).unwrap_err();
    assert!(matches!(locked, LoadError::Sealed { chunk: 0, source: OpenError::UnknownKey(1) }), "{locked:?}");
    let mut later = fs::read(&path).unwrap();
    later[9] = 2;
    fs::write(&path, later).unwrap();
    assert!(matches!(load_from(&path), Err(LoadError::Version(2))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(load_from(&path), Err(LoadError::Missing(_))));
}

#[test]
fn a_failed_write_leaves_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &[]);
    let before = fs::read(&path).unwrap();
    let (_, mut writer) = create();
    let mut plan = testing::plan(1);
    plan.attributes = vec![0; CHUNK_OCTETS].into();
    writer.apply(Change::Plan(plan)).unwrap();
    writer.caught_up(AS_OF);
    let error = writer.freeze().unwrap().write(&path, DATABASE, TAKEN_AT, &sealer()).unwrap_err();
    assert!(matches!(error, WriteError::EntryTooLong(_)), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = folder.path().join("absent").join("directory.snapshot");
    let error = writer.freeze().unwrap().write(&nowhere, DATABASE, TAKEN_AT, &sealer()).unwrap_err();
    assert!(matches!(error, WriteError::Io { .. }), "{error:?}");
}

#[test]
fn a_frozen_directory_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.snapshot");
    let (_, mut writer) = create();
    writer.apply(Change::Subscriber(testing::subscriber(1, "before"))).unwrap();
    writer.advance(Position { tenant: TenantId::from_bytes(octets(1)), sequence: 1 });
    writer.caught_up(AS_OF);
    let frozen = writer.freeze().unwrap();
    writer.apply(Change::Subscriber(testing::subscriber(1, "after"))).unwrap();
    writer.advance(Position { tenant: TenantId::from_bytes(octets(1)), sequence: 2 });
    frozen.write(&path, DATABASE, TAKEN_AT, &sealer()).unwrap();
    let (directory, writer, _) = load_from(&path).unwrap();
    assert!(directory.subscriber(TenantId::from_bytes(octets(1)), b"before").is_some());
    assert!(directory.subscriber(TenantId::from_bytes(octets(1)), b"after").is_none());
    assert_eq!(writer.position(TenantId::from_bytes(octets(1))), 1);
}
