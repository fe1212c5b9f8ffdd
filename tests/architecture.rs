//! Who may know whom, where `unsafe` and the clock are, and how long files get. Reads the sources as text.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Domains in the order of dependence: each may use those before it.
const DOMAINS: &[&str] = &[
    "values",
    "event",
    "tenant",
    "access",
    "addon",
    "nas",
    "plan",
    "subscriber",
    "session",
    "isolir",
    "billing",
    "notice",
];

/// Modules of the product in the order of dependence.
const MODULES: &[&str] = &["config", "telemetry", "domain", "http", "daemon", "demo", "cli"];

/// Modules that do not know each other although they stand in order.
const STRANGERS: &[(&str, &str)] =
    &[("domain", "config"), ("domain", "telemetry"), ("http", "config"), ("http", "telemetry")];

/// Wings, the crates of ours that each may use.
const WINGS: &[(&str, &[&str])] =
    &[("base", &[]), ("radius", &[]), ("aaa", &["base", "radius"]), ("foundation", &["base"])];

/// Lines of a file before its tests, beyond which it is to be split.
const LONG: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    assert!(!files.is_empty(), "no sources in {folder}");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The part of a file before its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs")
        || path.contains("/tests/")
        || path.contains("/testing")
        || path.contains("/benches/")
}

#[test]
fn wings_know_only_those_below_them() {
    for (wing, allowed) in WINGS {
        let manifest = fs::read_to_string(root().join(wing).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        let dependencies = dependencies.split("\n[").next().unwrap();
        for (other, _) in WINGS {
            let named = dependencies.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(*other));
            assert!(!named || allowed.contains(other), "{wing} must not depend on {other}");
        }
    }
}

/// The hot path knows no runtime and no database; the protocol knows neither clock nor socket.
#[test]
fn the_hot_path_is_free_of_runtime_and_database() {
    for wing in ["rrnetd-radius", "rrnetd-aaa"] {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "-p", wing, "-e", "normal", "--prefix", "none"])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).unwrap();
        assert!(tree.contains(wing));
        for forbidden in ["tokio ", "mio ", "sqlx ", "sqlx-core ", "axum ", "hyper "] {
            assert!(
                !tree.lines().any(|line| line.starts_with(forbidden)),
                "{wing} must not depend on {forbidden}"
            );
        }
    }
    for (path, text) in sources("radius/src").into_iter().filter(|(path, _)| !is_test(path)) {
        for forbidden in
            ["std::net::UdpSocket", "std::net::Tcp", "Instant::now", "SystemTime", "std::fs", "std::thread"]
        {
            assert!(!product(&text).contains(forbidden), "{path}: {forbidden} in the sans-IO protocol");
        }
    }
}

#[test]
fn domains_use_only_earlier_domains() {
    let place = |name: &str| DOMAINS.iter().position(|domain| *domain == name);
    for entry in fs::read_dir(root().join("src/domain")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let domain = name.trim_end_matches(".rs");
        if domain != "mod" {
            assert!(place(domain).is_some(), "the order of dependence does not know the domain {domain}");
        }
    }
    for (path, text) in sources("src/domain") {
        let Some(own) = path.split('/').nth(2).and_then(|domain| place(domain.trim_end_matches(".rs")))
        else {
            continue;
        };
        for (at, other) in DOMAINS.iter().enumerate() {
            let uses =
                [format!("domain::{other}::"), format!("domain::{other},"), format!("domain::{other};")];
            if at > own && !is_test(&path) {
                assert!(
                    !uses.iter().any(|needle| product(&text).contains(needle)),
                    "{path} must not use the later domain {other}"
                );
            }
        }
    }
}

#[test]
fn modules_use_only_earlier_modules() {
    for (at, module) in MODULES.iter().enumerate() {
        let folder = format!("src/{module}");
        let files = if root().join(&folder).is_dir() {
            sources(&folder)
        } else {
            let path = format!("{folder}.rs");
            vec![(path.clone(), fs::read_to_string(root().join(path)).unwrap())]
        };
        for (path, text) in files {
            if is_test(&path) {
                continue;
            }
            for (other_at, other) in MODULES.iter().enumerate() {
                let later = other_at > at || STRANGERS.contains(&(module, other));
                let uses = product(&text).contains(&format!("crate::{other}::"));
                assert!(!(later && uses), "{path} must not use {other}");
            }
        }
    }
    for (path, text) in sources("src/http") {
        for forbidden in ["sqlx::", ".query(\"", "aaa::net", "routeros::"] {
            assert!(
                !product(&text).contains(forbidden),
                "{path}: http calls services, it does not use {forbidden}"
            );
        }
    }
}

#[test]
fn counters_without_labels_stand_at_zero_from_the_start() {
    let telemetry = fs::read_to_string(root().join("src/telemetry.rs")).unwrap();
    let mut count = 0;
    for (path, text) in ["src", "foundation/src", "aaa/src"].into_iter().flat_map(sources) {
        for call in text.split("counter!(\"").skip(1) {
            let (name, rest) = call.split_once('"').unwrap();
            if rest.starts_with(')') {
                count += 1;
                assert!(
                    telemetry.contains(&format!("    \"{name}\",\n")),
                    "{path}: {name} is not in COUNTERS"
                );
            }
        }
    }
    assert!(count > 20, "{count} counters");
}

#[test]
fn unsafe_stands_in_the_socket_module_alone() {
    for folder in ["base/src", "radius/src", "aaa/src", "foundation/src", "src"] {
        for (path, text) in sources(folder) {
            let used = product(&text).lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe {") || code.contains("unsafe impl") || code.contains("unsafe fn")
            });
            assert!(!used || path.starts_with("aaa/src/net/socket/"), "{path}: unsafe");
        }
    }
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let mut lengths = BTreeMap::new();
    for folder in ["base/src", "radius/src", "aaa/src", "foundation/src", "src"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{path} does not open by saying what it is for");
            if !is_test(&path) {
                lengths.insert(path.clone(), product(&text).lines().count());
            }
        }
    }
    let mut sorted: Vec<usize> = lengths.values().copied().collect();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    println!("{} files, median {median} lines, longest {}", sorted.len(), sorted[sorted.len() - 1]);
    let long: Vec<_> = lengths.iter().filter(|(_, lines)| **lines > LONG).collect();
    assert!(long.is_empty(), "split these: {long:?}");
    assert!(median <= 200, "the median file has {median} lines");
}
