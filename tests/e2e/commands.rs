//! The commands beside the daemon, where they were started in a wrong folder or without one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    harness::{Daemon, PROGRAM, PostgresDatabase, listing},
    quickstart::{done, home, path, refused},
};

#[test]
fn no_command_makes_a_database_in_a_wrong_folder() {
    let (home, _) = home();
    let commands: [&[&str]; 6] = [
        &["audit", "verify"],
        &["admin", "create", "admin"],
        &["admin", "reset-password", "admin"],
        &["admin", "reset-second-factor", "admin"],
        &["journal", "apply", "rescued"],
        &["migrate"],
    ];
    let looked = home.path().canonicalize().unwrap().join("rrnetd.db");
    for command in commands {
        let words = [&format!("there is no database at {}: ", path(&looked)), "with --data", "with --config"];
        refused(Ok(run_in(home.path(), command)), &words);
        assert_eq!(listing(home.path()), Vec::<PathBuf>::new(), "{command:?}");
    }
}

#[test]
fn a_database_that_is_not_ours_is_named() {
    let (home, _) = home();
    let file = home.path().canonicalize().unwrap().join("rrnetd.db");
    fs::write(&file, b"").unwrap();
    let name = format!("sqlite:{} is no database of rrnetd's", path(&file));
    refused(Ok(run_in(home.path(), &["audit", "verify"])), &[&name, "with --data"]);
    assert_eq!(fs::read(&file).unwrap(), b"", "read and no more");
    refused(Ok(run_in(home.path(), &["admin", "create", "admin"])), &[&name, "with --data"]);
}

#[test]
fn migrating_says_which_database() {
    let (_home, folder) = home();
    assert!(Daemon::quickstart(&folder, &[]).terminate().success());
    let verified = done(run_in(&folder, &["audit", "verify", "--config", "rrnetd.toml"]));
    assert!(verified.starts_with("holds "), "{verified}");
    let said = done(run_in(&folder, &["migrate", "--config", "rrnetd.toml"]));
    let database = folder.join("rrnetd.db");
    assert!(said.contains(&format!(" at sqlite:{}: 0 migrations applied", path(&database))), "{said}");

    fs::rename(&database, folder.join("away.db")).unwrap();
    let files = listing(&folder);
    let migrated = run_in(&folder, &["migrate", "--config", "rrnetd.toml"]);
    refused(Ok(migrated), &["there is no database at ", path(&database)]);
    assert_eq!(listing(&folder), files);
}

#[test]
fn a_server_s_password_is_not_shown_when_it_is_migrated() {
    let Some(postgres) = PostgresDatabase::create() else { return };
    let (home, _) = home();
    let setting = postgres.setting();
    let (_, name) = setting.rsplit_once('/').unwrap();
    let said = done(run_in(home.path(), &["migrate", "--set", &setting]));
    assert!(said.contains(" at postgres") && said.contains(&format!("/{name}: ")), "{said}");
    let password = setting.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    if let Some((_, password)) = password.and_then(|(login, _)| login.split_once(':')) {
        assert!(said.contains(":***@") && !said.contains(&format!(":{password}@")), "{said}");
    }
    let nothing = run_in(home.path(), &["audit", "verify", "--set", &setting]);
    assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains("nothing was verified"), "{said}");
}

#[test]
fn a_read_only_copy_is_verified() {
    let (home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    // While the daemon writes, and holds its log open.
    let holds = done(run_in(&folder, &["audit", "verify", "--config", "rrnetd.toml"]));
    assert!(holds.starts_with("holds "), "{holds}");
    let log = fs::metadata(folder.join("rrnetd.db-wal")).unwrap().len();
    assert!(log > 0);
    let copy = home.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for name in ["rrnetd.db", "rrnetd.db-wal"] {
        fs::copy(folder.join(name), copy.join(name)).unwrap();
    }
    let said = refused_in_a_read_only_folder(&copy);
    assert!(said.contains("has a log beside it"), "{said}");

    assert!(daemon.terminate().success());
    fs::remove_file(copy.join("rrnetd.db-wal")).unwrap();
    fs::copy(folder.join("rrnetd.db"), copy.join("rrnetd.db")).unwrap();
    let files = listing(&copy);
    let verified = done(verify_read_only(&copy));
    assert_eq!(verified, holds);
    assert_eq!(listing(&copy), files);
}

fn refused_in_a_read_only_folder(copy: &Path) -> String {
    let output = verify_read_only(copy);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// On a file system of its own that takes no writing, which only the command sees: root could write anywhere else.
fn verify_read_only(copy: &Path) -> Output {
    let setting = format!("database.url=sqlite:{}", path(&copy.join("rrnetd.db")));
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh"]).arg(copy);
    command.args([PROGRAM, "audit", "verify", "--set", &setting]).env_remove("RRNETD_CONFIG");
    command.output().unwrap()
}

/// Puts what is in the folder ($1) on a file system that takes no writing, and becomes the rest.
const READ_ONLY: &str = r#"
    set -e
    folder=$1; shift
    mount -t tmpfs tmpfs /mnt
    cp -a "$folder/." /mnt/
    mount --bind /mnt "$folder"
    mount -o remount,ro,bind "$folder"
    exec "$@"
"#;

#[test]
fn each_mistake_in_the_configuration_is_said_at_once() {
    let (home, _) = home();
    let file = home.path().join("nov.toml");
    let text = "version = 1\n[radius]\nworkerz = 3\nduplicate-lifetime-ms = 5\ndictionaries = [\"nowhere\"]\n\
                [log]\nfilter = \"a=b=c\"\n";
    fs::write(&file, text).unwrap();
    let output = run_in(home.path(), &["check-config", "--config", "nov.toml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let keys =
        ["radius.workerz: ", "radius.duplicate-lifetime-ms: ", "log.filter: ", "radius.dictionaries: "];
    for key in keys {
        assert!(
            said.lines().any(|line| line.starts_with("rrnetd: ") && line.contains(key)),
            "{key} in {said}"
        );
    }
    assert_eq!(said.lines().count(), keys.len(), "{said}");
}

#[test]
fn a_configuration_file_is_named_without_its_folder() {
    let (home, _) = home();
    fs::write(home.path().join("nov.toml"), "version = 1\n").unwrap();
    let checked = done(run_in(home.path(), &["check-config", "--config", "nov.toml"]));
    assert!(checked.contains("the configuration is right"), "{checked}");
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_remove("RRNETD_CONFIG").output().unwrap()
}
