//! Very many files, files that never end, links that go in circles: what
//! searches for files comes to its end within its time, with what it found.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mig_acceptance::Configuration;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::setup::{Machine, fed};

/// Files of the large tree. A million takes a test too long to make; the bench
/// `cargo xtask bench tree` makes that many.
const FILES: usize = 100_000;
const IN_EACH: usize = 500;
/// Far more than any of this takes, far less than for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// A public key nobody has the other half of.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEs0uYLyJ4mJ9w8yJvY8kZt3n4dQ5o1qS6pO2u7cX9aB test\n";

/// A directory in memory where there is one: making the tree is most of the time.
fn directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("mig-scale-");
    let in_memory = builder.tempdir_in("/dev/shm");
    in_memory
        .or_else(|_| builder.tempdir())
        .expect("a directory")
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "{}",
        path.display()
    );
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of this test").to_owned()
}

/// Links that lead to each other, to themselves, to what contains them, and
/// nowhere; FIFOs under names that everybody looks for.
fn snares(at: &Path) {
    fs::create_dir_all(at.join("deep/deeper")).expect("directories");
    for (target, link) in [
        ("ping", "pong"),
        ("pong", "ping"),
        ("self", "self"),
        (".", "here"),
        ("..", "deep/deeper/up"),
        ("../../..", "deep/deeper/far-up"),
        ("/nonexistent/target", "nowhere"),
    ] {
        symlink(target, at.join(link)).expect("a link");
    }
    for name in ["id_rsa", "authorized_keys", "needle", "deep/needle.conf"] {
        fifo(&at.join(name));
    }
}

/// Runs a module and checks that it kept to the time.
#[track_caller]
fn timely(machine: &Machine, module: &str, parameters: &Value) -> Value {
    let start = Instant::now();
    let result = machine.run(module, parameters);
    assert!(
        start.elapsed() < PATIENCE,
        "{module}: {:?}",
        start.elapsed()
    );
    result
}

#[test]
fn a_hundred_thousand_files_are_all_looked_at() {
    let (machine, tree) = (Machine::new(), directory());
    for number in 0..FILES {
        let folder = tree.path().join(format!("d{:03}", number / IN_EACH));
        if number % IN_EACH == 0 {
            fs::create_dir(&folder).expect("a directory");
        }
        File::create(folder.join(format!("f{number}"))).expect("a file");
    }
    snares(&tree.path().join("d007"));
    fs::write(tree.path().join("d100/needle"), "the needle\n").expect("a file");
    let root = text(tree.path());

    let result = timely(
        &machine,
        "file",
        &json!({"searches": {
            "needles": {"paths": [root], "names": ["^needle$"], "contents": ["needle"],
                "options": {"matchall": true}},
            "all": {"paths": [root], "names": ["^f[0-9]+$"], "options": {"matchall": true, "matchlimit": 7}},
        }}),
    );
    let found = result["elements"]["needles"].as_array().expect("findings");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["file"], format!("{root}/d100/needle"));
    assert_eq!(result["elements"]["all"].as_array().map(Vec::len), Some(7));
    let seen = result["statistics"]["filescount"]
        .as_u64()
        .expect("a count");
    assert!(seen >= FILES as u64, "{}", result["statistics"]);

    fs::write(tree.path().join("d100/id_test.pub"), KEY).expect("a file");
    let result = timely(&machine, "sshkey", &json!({"paths": [root]}));
    let keys = result["elements"]["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(keys[0]["path"], format!("{root}/d100/id_test.pub"));

    let document = json!({
        "objects": [
            {"object": "needle", "filecontent": {"path": root, "file": "^needle$", "expression": "^the (\\w+)$"}},
            {"object": "names", "filename": {"path": root, "file": "^f(9999[0-9])$"}},
            {"object": "none", "hasline": {"path": root, "file": "^no-such-name$", "expression": "x"}}],
        "tests": [
            {"test": "content", "object": "needle", "exactmatch": {"value": "needle"}},
            {"test": "ten", "object": "names", "regexp": {"value": "^9999"}},
            {"test": "nothing", "object": "none", "exactmatch": {"value": "true"}}]});
    let result = timely(&machine, "scribe", &json!({"scribedoc": document}));
    let results = result["elements"]["results"].as_array().expect("results");
    let outcomes: Vec<&Value> = results
        .iter()
        .map(|result| &result["masterresult"])
        .collect();
    assert_eq!(outcomes, [true, true, false], "{result}");
    assert_eq!(
        results[1]["results"].as_array().map(Vec::len),
        Some(10),
        "{result}"
    );
}

#[test]
fn links_in_circles_and_fifos_hold_nobody_up() {
    let (machine, tree) = (Machine::new(), directory());
    snares(tree.path());
    fs::write(tree.path().join("deep/deeper/needle"), "needle").expect("a file");
    let root = text(tree.path());
    let result = timely(
        &machine,
        "file",
        &json!({"searches": {
        "s1": {"paths": [root], "names": ["needle"], "contents": ["needle"],
            "options": {"matchall": true}}}}),
    );
    let found = result["elements"]["s1"].as_array().expect("findings");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["file"], format!("{root}/deep/deeper/needle"));
    // Each link that leads nowhere is named, once.
    let errors = result["errors"].to_string();
    for name in ["ping", "pong", "self", "nowhere"] {
        assert_eq!(
            errors.matches(&format!("{root}/{name}")).count(),
            1,
            "{errors}"
        );
    }

    let result = timely(&machine, "sshkey", &json!({"paths": [root]}));
    assert_eq!(result["foundanything"], false, "{result}");
    assert_eq!(result["success"], true, "{result}");
    let result = timely(
        &machine,
        "scribe",
        &json!({"scribedoc": {
        "objects": [{"object": "o", "filecontent": {"path": root, "file": "needle|id_rsa|ping",
            "expression": "^(needle)$"}}],
        "tests": [{"test": "t", "object": "o", "exactmatch": {"value": "needle"}}]}}),
    );
    let found = &result["elements"]["results"][0]["results"];
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{result}");
    assert_eq!(found[0]["identifier"], format!("{root}/deep/deeper/needle"));
}

#[test]
fn a_file_without_end_costs_its_time_and_nothing_that_was_found_before() {
    let tree = directory();
    for number in 0..50 {
        fs::write(tree.path().join(format!("found-{number:02}")), "needle").expect("a file");
    }
    // A hole of four tebibytes, which cannot be read in the time there is. That is
    // enough for all the others on a machine that is busy.
    let endless = tree.path().join("zz-endless");
    let made = File::create(&endless).and_then(|file| file.set_len(1 << 42));
    assert!(made.is_ok(), "{made:?}");
    let configuration = Configuration::default()
        .set("agent", "extraprivacymode", "off")
        .set("agent", "moduletimeout", "15s");
    let machine = Machine::with(configuration);
    let parameters = json!({"searches": {"s1": {"paths": [text(tree.path())],
        "contents": ["needle"], "options": {"matchall": true}}}});
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let start = Instant::now();
    let said = fed(&mut machine.agent("file"), &message);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    let result: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(result["success"], false, "{said:?}");
    assert_eq!(result["foundanything"], true, "{said:?}");
    let found = result["elements"]["s1"].as_array().expect("findings");
    assert_eq!(found.len(), 50, "{said:?}");
    assert!(
        result["errors"].to_string().contains("time limit of 15 s"),
        "{said:?}"
    );
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_an_end() {
    let (machine, tree) = (Machine::new(), directory());
    let path = tree.path().join("growing.log");
    fs::write(&path, "needle\n").expect("a file");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = File::options().append(true).open(&path).expect("the file");
            let lines = "more and more\n".repeat(5000);
            // Bounded, so that a test that fails does not fill the machine.
            while !done.load(Ordering::Relaxed) && file.metadata().is_ok_and(|m| m.len() < 1 << 30)
            {
                file.write_all(lines.as_bytes()).expect("to grow");
            }
        });
        let result = timely(
            &machine,
            "file",
            &json!({"searches": {
                "hit": {"paths": [text(&path)], "contents": ["^needle$"], "options": {"matchall": true}},
                "miss": {"paths": [text(&path)], "contents": ["never"], "options": {"matchall": true}},
            }}),
        );
        done.store(true, Ordering::Relaxed);
        assert_eq!(
            result["elements"]["hit"].as_array().map(Vec::len),
            Some(1),
            "{result}"
        );
        assert_eq!(result["success"], true, "{result}");
    });
}
