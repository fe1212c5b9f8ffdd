//! The disk is full, or the journal's own is away, when the daemon starts: subscribers log in all the same, and once there is
//! room accounting is answered without another start.

use std::{fs, net::Ipv4Addr, path::Path, process::Command};

use radius::{attribute::AcctStatusType, code::Code};

use crate::{
    api::{Api, metric},
    harness::{Daemon, FREE_PORTS, PROGRAM, eventually},
    quickstart::home,
    wire::Nas,
};

const USER: &str = "budi001";

/// What fits on a small disk.
const SMALL_JOURNAL: [&str; 2] = ["journal.segment-octets=8388608", "journal.total-octets=67108864"];

/// What a first start leaves: a data folder, and what it printed.
struct Known {
    secret: String,
    password: String,
    others_password: String,
}

fn first_start(folder: &Path) -> Known {
    let daemon = Daemon::quickstart(folder, &[]);
    let _changed = Api::first(&daemon);
    let known = Known {
        secret: daemon.secret(),
        password: daemon.password_of(USER),
        others_password: daemon.password_of("sari002"),
    };
    assert!(daemon.terminate().success());
    known
}

/// Logins are answered, accounting is not, and the alarm says why.
fn logs_in_without_accounting(daemon: &Daemon, nas: &Nas, known: &Known, alarm: &str) {
    let login = nas.login(daemon.ready.authentication[0], USER, &known.password);
    assert_eq!(login.code, Code::ACCESS_ACCEPT);
    let accounting = daemon.ready.accounting[0];
    assert!(!nas.account_once(accounting, USER, "81200001", AcctStatusType::START));
    let name = format!("rrnetd_journal_alarm{{alarm=\"{alarm}\"}}");
    assert_eq!(metric(daemon, &name), Some(1.0), "{name}");
}

/// The disk is back: accounting is answered, stored, and the alarm is over.
fn recovers(daemon: &Daemon, nas: &Nas, alarm: &str) {
    let accounting = daemon.ready.accounting[0];
    eventually("accounting is answered", || {
        nas.account_once(accounting, USER, "81200002", AcctStatusType::START).then_some(())
    });
    let name = format!("rrnetd_journal_alarm{{alarm=\"{alarm}\"}}");
    assert_eq!(metric(daemon, &name), Some(0.0), "{name}");
    let api = Api::again(daemon);
    eventually("the session is stored", || {
        let sessions = api.get("/sessions?state=history").0;
        sessions["rows"].as_array().filter(|rows| !rows.is_empty()).map(|_| ())
    });
}

#[test]
fn a_journal_that_is_away_at_the_start_keeps_nobody_offline() {
    let (_home, folder) = home();
    let known = first_start(&folder);
    let (journal, away) = (folder.join("journal"), folder.join("away"));
    fs::rename(&journal, &away).unwrap();
    fs::write(&journal, b"no folder").unwrap();
    let daemon = Daemon::quickstart(&folder, &[]);
    let nas = Nas::new(Ipv4Addr::LOCALHOST.into(), &known.secret);
    logs_in_without_accounting(&daemon, &nas, &known, "write_failed");
    fs::remove_file(&journal).unwrap();
    fs::rename(&away, &journal).unwrap();
    recovers(&daemon, &nas, "write_failed");
    assert!(daemon.terminate().success());
}

#[test]
fn a_database_that_is_away_at_the_start_brings_its_sessions_back() {
    comes_back(|database| fs::create_dir(database).unwrap(), |database| fs::remove_dir(database).unwrap());
}

/// As where its disk is not mounted: the folder is there, and empty.
#[test]
fn a_database_that_is_missing_at_the_start_is_awaited_and_not_made() {
    comes_back(
        |_| {},
        |database| {
            for end in ["", "-wal", "-shm"] {
                let file = database.with_file_name(format!("rrnetd.db{end}"));
                assert!(!file.exists(), "{} was made", file.display());
            }
        },
    );
}

/// Starts without the database; `hinder` has its path before the start, `clear` before it is put back.
fn comes_back(hinder: impl FnOnce(&Path), clear: impl FnOnce(&Path)) {
    let (_home, folder) = home();
    let known = first_start(&folder);
    let nas = Nas::new(Ipv4Addr::LOCALHOST.into(), &known.secret);
    let daemon = Daemon::quickstart(&folder, &[]);
    assert!(nas.account(daemon.ready.accounting[0], USER, "81200003", AcctStatusType::START, None));
    assert!(daemon.terminate().success());
    let (database, away) = (folder.join("rrnetd.db"), folder.join("away.db"));
    fs::rename(&database, &away).unwrap();
    hinder(&database);
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--config"]).arg(folder.join("rrnetd.toml"));
    for setting in FREE_PORTS {
        command.args(["--set", setting]);
    }
    let daemon = Daemon::start(&mut command, &folder);
    let login = nas.login(daemon.ready.authentication[0], "sari002", &known.others_password);
    assert_eq!(login.code, Code::ACCESS_ACCEPT);
    assert_eq!(metric(&daemon, "rrnetd_live_sessions"), Some(0.0));
    clear(&database);
    fs::rename(&away, &database).unwrap();
    eventually("the session is known again", || {
        (metric(&daemon, "rrnetd_live_sessions") == Some(1.0)).then_some(())
    });
    assert!(daemon.terminate().success());
}

/// On a small file system of its own, which only the daemon sees: a full one, database and all.
#[test]
fn a_disk_that_is_full_at_the_start_keeps_nobody_offline() {
    let (home, folder) = home();
    let known = first_start(&folder);
    let room = home.path().join("room");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK, "sh"]);
    // As a service is started: the quickstart has nothing to print while the database cannot be read.
    command.arg(&folder).arg(&room).args([PROGRAM, "serve", "--config"]).arg(folder.join("rrnetd.toml"));
    for setting in FREE_PORTS.iter().chain(&SMALL_JOURNAL) {
        command.args(["--set", setting]);
    }
    let daemon = Daemon::start(&mut command, &folder);
    let nas = Nas::new(Ipv4Addr::LOCALHOST.into(), &known.secret);
    logs_in_without_accounting(&daemon, &nas, &known, "disk_full");
    fs::write(&room, b"").unwrap();
    recovers(&daemon, &nas, "disk_full");
    assert!(daemon.terminate().success());
}

/// Puts the data folder ($1) on a file system of 48 MiB, fills it, frees it when the file $2 is there, and becomes the rest.
const FULL_DISK: &str = r#"
    set -e
    folder=$1 room=$2; shift 2
    cp -a "$folder" "$folder.kept"
    mount -t tmpfs -o size=48m tmpfs "$folder"
    cp -a "$folder.kept/." "$folder/"
    cat /dev/zero >"$folder/filler" 2>/dev/null || true
    (for _ in $(seq 600); do [ -e "$room" ] && exec rm "$folder/filler"; sleep 0.1; done) >/dev/null 2>&1 &
    exec "$@"
"#;
