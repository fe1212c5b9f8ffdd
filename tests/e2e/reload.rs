//! SIGHUP: what can be replaced is in force, the rest is named, and a wrong file changes nothing.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    api::{Api, metric},
    api_radius::spec_of,
    harness::{Daemon, eventually},
    quickstart::home,
};

#[test]
fn what_can_be_is_reloaded_and_the_rest_is_named() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let api = Api::first(&daemon);
    let path = format!("/plans/{}", api.get("/plans").0["rows"][0]["id"].as_str().unwrap());
    let set_attribute = || {
        let (plan, tag) = api.get(&path);
        let mut spec = spec_of(&plan);
        spec["attributes"] = json!([{ "name": "Warga-Speed", "value": "fast" }]);
        api.try_put(&path, &tag, &spec)
    };
    assert_eq!(set_attribute(), 422, "nobody knows the attribute");

    daemon.hang_up();
    logged(&folder, "the configuration is reloaded\n");

    fs::write(folder.join("dictionary.warga"), DICTIONARY).unwrap();
    change(&folder, "# dictionaries = []", "dictionaries = [\"dictionary.warga\"]");
    change(&folder, "# connections = 8", "connections = 9");
    change(&folder, "# filter = \"info\"", "filter = \"debug\"");
    daemon.hang_up();
    logged(&folder, "needs another start settings=\"database.connections\"\n");
    assert_eq!(set_attribute(), 200);
    logged(&folder, " DEBUG ");

    change(&folder, "dictionary.warga", "dictionary.missing");
    daemon.hang_up();
    logged(&folder, "the old one goes on");
    assert_eq!(metric(&daemon, "rrnetd_reload_failures_total"), Some(1.0));
    assert_eq!(set_attribute(), 200, "what was in force stays");
    assert!(daemon.terminate().success());
}

const DICTIONARY: &str =
    "VENDOR Warga 99999\nBEGIN-VENDOR Warga\nATTRIBUTE Warga-Speed 1 string\nEND-VENDOR Warga\n";

fn change(folder: &Path, from: &str, to: &str) {
    let file = folder.join("rrnetd.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

/// Waits for a line of the log.
fn logged(folder: &Path, words: &str) {
    let log = folder.with_extension("log");
    eventually(words, || fs::read_to_string(&log).unwrap().contains(words).then_some(()));
}
