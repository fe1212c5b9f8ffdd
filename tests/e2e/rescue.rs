//! The database's disk is gone, its backup is old, and the journal's folder was saved: `rrnetd journal apply` brings the
//! records back, once.

use std::{fs, net::Ipv4Addr, path::Path};

use radius::attribute::AcctStatusType;

use crate::{
    api::Api,
    harness::{Daemon, eventually, run},
    quickstart::{done, home, path, refused},
    wire::Nas,
};

/// Sessions that the backup knows nothing of.
const SESSIONS: usize = 5;

#[test]
fn a_rescued_journal_is_applied_once() {
    let (home, folder) = home();
    let first = Daemon::quickstart(&folder, &[]);
    let _changed = Api::first(&first);
    assert!(first.terminate().success());
    let backup = home.path().join("backup");
    copy(&folder, &backup, "rrnetd.db");

    let daemon = Daemon::quickstart(&folder, &[]);
    let nas = Nas::new(Ipv4Addr::LOCALHOST.into(), &daemon.secret());
    for number in 0..SESSIONS {
        let session = format!("8110{number:04}");
        assert!(nas.account(daemon.ready.accounting[0], "budi001", &session, AcctStatusType::START, None));
    }
    let rescued = home.path().join("rescued");
    let config = folder.join("rrnetd.toml");
    let apply = |rescued: &Path| run(&["journal", "apply", path(rescued), "--config", path(&config)]);
    refused(Ok(apply(&rescued)), &["a daemon runs on the data folder", path(&folder), "stop it"]);
    assert!(daemon.terminate().success());

    // The disk is gone: what is left is the journal, and yesterday's copy of the database.
    fs::rename(folder.join("journal"), &rescued).unwrap();
    for name in names(&folder, "rrnetd.db") {
        fs::remove_file(folder.join(name)).unwrap();
    }
    copy(&backup, &folder, "rrnetd.db");
    refused(Ok(apply(&home.path().join("nowhere"))), &["nowhere", "cannot be"]);
    refused(Ok(apply(&backup)), &["holds no journal"]);
    let files = names(&rescued, "");
    let said = done(apply(&rescued));
    assert!(said.contains(&format!("\n{SESSIONS} applied, 0 were there already, 0 set aside")), "{said}");
    let said = done(apply(&rescued));
    assert!(said.contains(&format!("\n0 applied, {SESSIONS} were there already, 0 set aside")), "{said}");
    assert_eq!(names(&rescued, ""), files, "the rescued folder stays as it is");

    let daemon = Daemon::quickstart(&folder, &[]);
    let api = Api::again(&daemon);
    eventually("the sessions are online again", || {
        let rows = api.get("/sessions?state=history").0["rows"].clone();
        (rows.as_array().map(Vec::len) == Some(SESSIONS)).then_some(())
    });
}

#[test]
fn a_journal_of_another_installation_is_refused() {
    let (_one, folder) = home();
    let (_other, foreign) = home();
    for folder in [&folder, &foreign] {
        let daemon = Daemon::quickstart(folder, &[]);
        let nas = Nas::new(Ipv4Addr::LOCALHOST.into(), &daemon.secret());
        let accounting = daemon.ready.accounting[0];
        assert!(nas.account(accounting, "budi001", "81100001", AcctStatusType::START, None));
        assert!(daemon.terminate().success());
    }
    let (config, journal) = (folder.join("rrnetd.toml"), foreign.join("journal"));
    let applied = run(&["journal", "apply", path(&journal), "--config", path(&config)]);
    refused(Ok(applied), &["would mix two installations"]);
    let nowhere = folder.join("nowhere");
    let setting = format!("data.folder={}", nowhere.display());
    let applied = run(&["journal", "apply", path(&journal), "--set", &setting]);
    refused(Ok(applied), &["there is no data folder", "--config"]);
    assert!(!nowhere.exists());
}

/// The files that belong to a database: it may have others beside it.
fn names(folder: &Path, start: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path, start: &str) {
    fs::create_dir_all(to).unwrap();
    for name in names(from, start) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
