//! The first minutes of an operator: command one, its printed lines, a second start, and each way in which a start can fail.

use std::{
    fs::{self, Permissions},
    io::Write as _,
    net::{TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    api::Api,
    harness::{Daemon, FREE_PORTS, PROGRAM, between, listing, quickstart, run},
};

#[test]
fn the_printed_lines_behave_as_printed() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    printed_lines(&daemon);
    // Whoever pastes them again, or after the next start, sees the same: the session of the last line is still open.
    printed_lines(&daemon);
    assert!(daemon.terminate().success());
    printed_lines(&Daemon::quickstart(&folder, &[]));
}

fn printed_lines(daemon: &Daemon) {
    let lines: Vec<&str> = daemon.greeting.lines().filter(|line| line.starts_with("echo ")).collect();
    let [accept, reject, isolated, accounting] = lines[..] else { panic!("four lines: {lines:?}") };

    let accept = shell(accept);
    assert!(accept.contains("Received Access-Accept"), "{accept}");
    assert!(accept.contains("Mikrotik-Rate-Limit = \"2500k/10M\""), "{accept}");
    assert!(accept.contains("Message-Authenticator = 0x"), "{accept}");
    assert!(!accept.contains("isolir"), "{accept}");

    let reject = shell(reject);
    assert!(reject.contains("Received Access-Reject"), "{reject}");
    assert!(!reject.contains("Reply-Message"), "the reason is never on the wire: {reject}");

    let isolated = shell(isolated);
    assert!(isolated.contains("Received Access-Accept"), "{isolated}");
    assert!(isolated.contains("Mikrotik-Rate-Limit = \"128k/128k\""), "{isolated}");
    assert!(isolated.contains("Mikrotik-Address-List = \"isolir\""), "{isolated}");

    let accounting = shell(accounting);
    assert!(accounting.contains("Received Accounting-Response"), "{accounting}");
}

#[test]
fn the_printed_password_is_replaced_as_printed() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    assert!(daemon.greeting.contains("403 password_expired"), "{}", daemon.greeting);
    let line = daemon.greeting.lines().find(|line| line.starts_with("read ")).unwrap();
    let said = shell(&format!("printf '%s\\n' '{}' | {{ {line}; }}", crate::api::PASSWORD));
    assert!(said.ends_with("replaced\n"), "{said:?}");
    assert!(Api::again(&daemon).tenants()[0]["id"].is_string(), "and nothing stands in the way any more");
}

/// A password may hold whatever means something to a shell, to radclient or to JSON.
#[test]
fn the_printed_lines_are_right_whatever_is_in_them() {
    const ODD: &str = r#"a"b$HOME\n\\c'd`e%{f}"#;
    let (home, _) = home();
    let folder = home.path().join("it's a $HOME");
    let daemon = Daemon::quickstart(&folder, &[]);
    let line = daemon.greeting.lines().find(|line| line.starts_with("read ")).unwrap();
    let mut read = Command::new("bash");
    let mut child = read.args(["-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{ODD}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.ends_with(b"replaced\n"), "{output:?}");
    assert!(Api::try_sign_in(&daemon, ODD).is_ok());

    let api = Api::with_password(&daemon, ODD);
    let first = |list: &str| api.get(list).0["rows"][0]["id"].as_str().unwrap().to_owned();
    for user in ["budi001", "sari002"] {
        let subscriber = first(&format!("/subscribers?usernamePrefix={user}"));
        api.put(&format!("/subscribers/{subscriber}/password"), "*", &json!({ "password": ODD }));
    }
    api.put(&format!("/routers/{}/secret", first("/routers")), "*", &json!({ "secret": ODD }));
    assert!(daemon.terminate().success());
    let daemon = Daemon::quickstart(&folder, &[]);
    // Whatever the shell makes of backslashes; one user each, because a second session may be refused.
    for (program, user) in [("bash", "budi001"), ("dash", "sari002")] {
        let start = format!("User-Name = \"{user}\", User-Password");
        let line = daemon.greeting.lines().find(|line| line.contains(&start)).unwrap();
        let output = Command::new(program).args(["-c", line]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Received Access-Accept"), "{program}: {line}: {said}");
    }
    assert!(daemon.greeting.contains(&format!("--config '{}", home.path().display())), "{}", daemon.greeting);
}

#[test]
fn a_second_start_reuses_everything() {
    let (_home, folder) = home();
    let first = Daemon::quickstart(&folder, &[]);
    let (secret, user, password) = (first.secret(), first.password_of("budi001"), first.password());
    let tenants = Api::first(&first).tenants();
    assert_eq!(mode(&folder.join("rrnetd.key")), 0o600);
    assert_eq!(mode(&folder), 0o700);
    assert!(first.terminate().success(), "SIGTERM drains");
    let files = listing(&folder);

    let second = Daemon::quickstart(&folder, &[]);
    assert_eq!((second.secret(), second.password_of("budi001")), (secret, user));
    assert!(!second.greeting.contains(&password), "a password is shown once");
    assert!(second.greeting.contains("rrnetd admin reset-password admin"), "{}", second.greeting);
    assert_eq!(Api::again(&second).tenants(), tenants);
    assert!(second.terminate().success());
    assert_eq!(listing(&folder), files);
}

#[test]
fn a_taken_port_is_one_sentence() {
    let (_home, folder) = home();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (udp, tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    for (setting, address) in [
        (format!("radius.authentication={udp}"), udp),
        (format!("radius.accounting={udp}"), udp),
        (format!("http.listen={tcp}"), tcp),
    ] {
        let mut settings = FREE_PORTS.to_vec();
        settings.push(&setting);
        refused(
            quickstart(&folder, &settings).output(),
            &[&address.to_string(), "an rrnetd that runs already"],
        );
        assert!(!folder.exists(), "nothing is made");
    }
}

#[test]
fn a_locked_folder_is_one_sentence() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let files = listing(&folder);
    refused(quickstart(&folder, &FREE_PORTS).output(), &[path(&folder), "in use by another rrnetd"]);
    assert_eq!(listing(&folder), files);
    assert!(daemon.terminate().success(), "the one that holds it goes on");
}

#[test]
fn a_second_start_is_told_of_the_first_before_its_ports() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let taken = format!("http.listen={}", daemon.ready.http);
    let settings = [FREE_PORTS[0], FREE_PORTS[1], &taken];
    refused(quickstart(&folder, &settings).output(), &[path(&folder), "in use by another rrnetd"]);
}

#[test]
fn a_first_start_that_fails_leaves_nothing_behind() {
    let (home, _) = home();
    let file = home.path().join("file");
    fs::write(&file, b"x").unwrap();
    let folder = home.path().join("a/b");
    let inside = |name: &str| path(&file).to_owned() + name;
    for (setting, word) in [
        (format!("data.key-file={}", inside("/key")), "key"),
        (format!("database.url=sqlite:{}", inside("/x.db")), "database"),
        ("database.url=postgres://nobody@127.0.0.1:1/nothing".to_owned(), "database"),
        (format!("journal.folder={}", inside("/journal")), "journal"),
        (format!("radius.dictionaries={}", inside("/dictionary")), "dictionaries"),
    ] {
        for place in [&folder, &folder.join("c")] {
            let mut settings = FREE_PORTS.to_vec();
            settings.push(&setting);
            refused(quickstart(place, &settings).output(), &[word]);
            assert_eq!(listing(home.path()), std::slice::from_ref(&file), "{setting}");
        }
    }
    // What was there stays: a folder, and a key that somebody put there.
    fs::create_dir_all(&folder).unwrap();
    let key = folder.join("rrnetd.key");
    fs::write(&key, format!("00000001 {}\n", "5".repeat(64))).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let files = listing(home.path());
    let setting = format!("journal.folder={}", inside("/journal"));
    refused(
        quickstart(&folder, &[FREE_PORTS[0], FREE_PORTS[1], FREE_PORTS[2], &setting]).output(),
        &["journal"],
    );
    assert_eq!(listing(home.path()), files);
    assert!(Daemon::quickstart(&folder, &[]).terminate().success(), "and the next start is a first one");
}

#[test]
fn an_unwritable_folder_is_one_sentence() {
    let (home, folder) = home();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    // Root may write everywhere: somebody else starts it, who need not reach the place that it was built in.
    let mut command = quickstart(&folder, &FREE_PORTS);
    if rustix::process::geteuid().is_root() {
        let program = home.path().join("program");
        fs::hard_link(PROGRAM, &program).or_else(|_| fs::copy(PROGRAM, &program).map(drop)).unwrap();
        let mut as_nobody = Command::new("setpriv");
        as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        as_nobody.args(command.get_args());
        command = as_nobody;
    }
    refused(command.output(), &[path(&folder), "not writable"]);
    assert_eq!(listing(&folder), Vec::<PathBuf>::new());
}

#[test]
fn a_broken_config_is_one_sentence() {
    let (_home, folder) = home();
    fs::create_dir(&folder).unwrap();
    let config = folder.join("rrnetd.toml");
    let mut parts = vec![("version = 1\n[radius]\nworkerz = 3\n", "workerz")];
    parts.push(("version = 1\n[radius]\nduplicate-lifetime-ms = 5\n", "give 1000 to 30000"));
    parts.push(("version = 1\n[notices]\nwebhook-url = \"http://hooks.example.net\"\n", "neither https://"));
    parts.push(("version = 1\n[notices]\nsmtp-url = \"mail.example.net\"\n", "neither smtps://"));
    for (text, word) in parts {
        fs::write(&config, text).unwrap();
        refused_whole(quickstart(&folder, &FREE_PORTS).output(), &[word]);
        refused_whole(Ok(run(&["check-config", "--config", path(&config)])), &[word]);
        assert_eq!(listing(&folder), std::slice::from_ref(&config));
    }
}

#[test]
fn a_missing_or_wrong_key_is_one_sentence() {
    let (_home, folder) = home();
    assert!(Daemon::quickstart(&folder, &[]).terminate().success());
    let files = listing(&folder);
    let key = folder.join("rrnetd.key");
    let right = fs::read(&key).unwrap();
    let digits = |digit: &str| digit.repeat(64);

    for wrong in [format!("{} {}\n", "0".repeat(8), digits("5")), format!("00000001 {}\n", digits("a"))] {
        fs::write(&key, wrong).unwrap();
        refused(quickstart(&folder, &FREE_PORTS).output(), &["key"]);
        assert_eq!(listing(&folder), files);
    }
    fs::write(&key, "not a key").unwrap();
    refused(quickstart(&folder, &FREE_PORTS).output(), &["rrnetd.key", "no key"]);
    fs::write(&key, &right).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    refused(quickstart(&folder, &FREE_PORTS).output(), &["rrnetd.key", "chmod 600"]);
    fs::remove_file(&key).unwrap();
    refused(quickstart(&folder, &FREE_PORTS).output(), &["rrnetd.key", "is missing"]);
    assert!(!key.exists(), "no new key is made over sealed secrets");

    fs::write(&key, &right).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert!(Daemon::quickstart(&folder, &[]).terminate().success(), "with the right one it starts again");
}

#[test]
fn the_other_commands_work_beside_a_running_daemon() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let config = folder.join("rrnetd.toml");
    let config = path(&config);

    let checked = done(run(&["check-config", "--config", config]));
    assert!(checked.contains("the configuration is right"), "{checked}");
    // The folder says the same as the file in it, but not both.
    let checked = done(run(&["check-config", "--data", path(&folder)]));
    assert!(checked.contains("the configuration is right"), "{checked}");
    let both = run(&["check-config", "--data", path(&folder), "--config", config]);
    assert_eq!(both.status.code(), Some(2));
    let migrated = done(run(&["migrate", "--data", path(&folder)]));
    assert!(migrated.contains("0 migrations applied"), "{migrated}");

    let old = daemon.password();
    let reset = done(run(&["admin", "reset-password", "admin", "--config", config]));
    let new = between(&reset, "the new password of admin is ", "\n").unwrap().to_owned();
    assert_eq!(Api::try_sign_in(&daemon, &old).err(), Some(401));
    assert!(Api::try_sign_in(&daemon, &new).is_ok());
    let created = done(run(&["admin", "create", "Second", "--config", config]));
    let second = between(&created, "the password of the super admin second is ", "\n").unwrap().to_owned();
    assert!(Api::try_sign_in_as(&daemon, "second", &second).is_ok());
    refused(Ok(run(&["admin", "create", "second", "--config", config])), &["login"]);
    let nobody = run(&["admin", "reset-password", "nobody", "--config", config]);
    refused(Ok(nobody), &["nobody"]);
}

/// The example of RFC 2865 §7.1.
#[test]
fn a_packet_is_decoded() {
    let packet = "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a8011005060000\
                  0003"
        .replace(' ', "");
    let decoded = done(run(&["radius", "decode", &packet, "--secret", "xyzzy5461"]));
    for line in ["User-Name = \"nemo\"", "NAS-IP-Address = 192.168.1.16", "NAS-Port = 3", "arctangent"] {
        assert!(decoded.contains(line), "{line} in {decoded}");
    }
    refused(Ok(run(&["radius", "decode", "0100zz"])), &[]);
    refused(Ok(run(&["radius", "decode", "01000038"])), &[]);
}

/// A folder to be made, in one that goes with the test.
pub(crate) fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    (home, folder)
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn shell(line: &str) -> String {
    let output = Command::new("bash").args(["-c", line]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it printed, when it did what it was asked.
pub(crate) fn done(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// It could not start: status 2, and one line that has these words.
pub(crate) fn refused(output: std::io::Result<Output>, words: &[&str]) {
    let said = refused_whole(output, words);
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
}

/// The same, where the parser's picture of the place may follow.
fn refused_whole(output: std::io::Result<Output>, words: &[&str]) -> String {
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("rrnetd: "), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in {said:?}");
    }
    assert!(!String::from_utf8(output.stdout).unwrap().contains("ready"));
    said
}
