//! The `pkg` module.

use crate::setup::{Machine, fed};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Headers as rpm writes them.
const TINY: &[u8] = include_bytes!("../../../plugins/pkg/tests/data/tiny.header");
const KEY: &[u8] = include_bytes!("../../../plugins/pkg/tests/data/gpg-pubkey.header");

const ALL: &str = ".";

fn everything() -> Value {
    json!({"pkgmatch": {"matches": [ALL]}, "vermatch": ""})
}

/// What dpkg says is installed here, as the module gives it.
fn dpkg_lists() -> Option<Vec<Value>> {
    let format = "${db:Status-Status}\t${binary:Package}\t${Version}\t${Architecture}\n";
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", format])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).expect("text");
    let packages = text.lines().filter_map(|line| {
        let [state, name, version, arch] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let installed = ["installed", "triggers-awaited", "triggers-pending"].contains(&state);
        installed.then(|| json!({"name": name, "version": version, "type": "dpkg", "arch": arch}))
    });
    Some(packages.collect())
}

fn of_dpkg(document: &Value) -> Vec<Value> {
    let packages = document["elements"]["packages"].as_array().expect("a list");
    packages
        .iter()
        .filter(|package| package["type"] == "dpkg")
        .cloned()
        .collect()
}

#[test]
fn the_worker_finds_what_dpkg_lists() {
    let Some(listed) = dpkg_lists() else {
        return mig_testkit::skip("dpkg is not installed");
    };
    let machine = Machine::new();
    let document = machine.run("pkg", &everything());
    assert_eq!(of_dpkg(&document), listed);
    assert_eq!(document["foundanything"], true);
    assert_eq!(document["success"], true);

    let first = &listed[0];
    let text = |field: &str| first[field].as_str().expect("text");
    let line = format!(
        "pkgmatch name={} version={} type=dpkg arch={}",
        text("name"),
        text("version"),
        text("arch")
    );
    let printed = machine.printed("pkg", &everything());
    assert!(printed.contains(&line), "{line} in {printed:?}");
    assert!(
        printed
            .last()
            .expect("a line")
            .starts_with("Statistics: runtime ")
    );

    let name = format!("^{}$", text("name").replace('+', "\\+"));
    let said = machine.mig(
        "pkg",
        &["-name", &name, "-name", "no such", "-version", "!^no such"],
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains(&line), "{said:?}");
    assert!(!said.stdout.contains("Statistics"), "{said:?}");
}

#[test]
fn privacy_mode_masks_what_packages_are_called() {
    if dpkg_lists().is_none() {
        return mig_testkit::skip("dpkg is not installed");
    }
    let open = Machine::new().run("pkg", &everything());
    let document = Machine::private().run("pkg", &everything());
    let (open, masked) = (of_dpkg(&open), of_dpkg(&document));
    assert_eq!(open.len(), masked.len());
    let expected = json!({"name": "masked", "version": "masked", "type": "dpkg", "arch": "masked"});
    assert!(
        masked.iter().all(|package| *package == expected),
        "{}",
        masked[0]
    );
}

#[test]
fn mistakes_are_named() {
    let machine = Machine::new();
    for (words, named) in [
        (&["-name", "("][..], "pkgmatch.matches"),
        (&["-version", "1"], "pkgmatch.matches"),
        (&["-nam", "a"], "-nam"),
    ] {
        let said = machine.mig("pkg", words);
        assert_ne!(said.code, 0, "{said:?}");
        assert!(said.stderr.contains(named), "{said:?}");
    }
}

/// Runs the module where this directory stands in for `/var/lib`; nothing when
/// the user may not arrange that.
fn run_with(machine: &Machine, var_lib: &Path) -> Option<Value> {
    if !mig_testkit::is_root() {
        mig_testkit::skip("only root may mount");
        return None;
    }
    let agent = machine.agent("pkg");
    let mut call = Command::new("unshare");
    call.args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg("mount --bind \"$0\" /var/lib && exec \"$@\"")
        .arg(var_lib)
        .arg(agent.get_program())
        .args(agent.get_args())
        .env("HOME", machine.directory());
    let message = json!({"class": "parameters", "parameters": everything()});
    let said = fed(&mut call, &message.to_string());
    assert_eq!(said.code, 0, "{said:?}");
    Some(serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

/// A database of rpm with these headers in its log only, copied while open.
fn rpm_database(directory: &Path, blobs: &[&[u8]]) {
    let made = directory.join("made");
    std::fs::create_dir_all(&made).expect("a directory");
    let database = Connection::open(made.join("rpmdb.sqlite")).expect("a database");
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);",
        )
        .expect("a table");
    for blob in blobs {
        database
            .execute("INSERT INTO Packages(blob) VALUES (?)", [blob])
            .expect("a row");
    }
    let rpm = directory.join("lib/rpm");
    std::fs::create_dir_all(&rpm).expect("a directory");
    for name in ["rpmdb.sqlite", "rpmdb.sqlite-wal"] {
        std::fs::copy(made.join(name), rpm.join(name)).expect("copied");
    }
}

#[test]
fn the_worker_reads_rpms_database_with_its_log_and_a_damaged_dpkg_beside_it() {
    let machine = Machine::new();
    let lib = machine.directory().join("lib");
    rpm_database(machine.directory(), &[TINY, KEY]);
    std::fs::create_dir_all(lib.join("dpkg")).expect("a directory");
    let status = "Package: held\nStatus: hold ok installed\nVersion: 1\nArchitecture: all\n\n\
        \0\0\0\0\n\nPackage: two\nlines\nStatus: install ok installed\nVersion: 1\u{1b}[31m\nArchitecture: all\n";
    std::fs::write(lib.join("dpkg/status"), status).expect("a status file");
    let Some(document) = run_with(&machine, &lib) else {
        return;
    };
    let package = |name: &str, version: &str, kind: &str, arch: &str| json!({"name": name, "version": version, "type": kind, "arch": arch});
    let expected = json!([
        package("tiny", "2:1.2~rc1-3", "rpm", "noarch"),
        package("gpg-pubkey", "27f61615-6b011be5", "rpm", "(none)"),
        package("held", "1", "dpkg", "all"),
        package("two", "1\u{1b}[31m", "dpkg", "all"),
    ]);
    assert_eq!(document["elements"]["packages"], expected, "{document}");
    assert_eq!(document["success"], true);
    let error = "/var/lib/dpkg/status: damaged: line 6 is no field (and 1 more problem)";
    assert_eq!(document["errors"], json!([error]));
}

#[test]
fn broken_databases_of_any_kind_leave_the_worker_alive() {
    let machine = Machine::new();
    let lib = machine.directory().join("lib");
    for (name, content) in [
        ("rpm/rpmdb.sqlite", &b"SQLite format 3\0\x10\0\x02\x02"[..]),
        ("rpm/Packages.db", b"RpmP\0\0\0\0\0\0\0\0\xff\xff\xff\xff"),
        ("rpm/Packages", &[0xff; 100]),
    ] {
        let path = lib.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(&path, content).expect("a file");
        let Some(document) = run_with(&machine, &lib) else {
            return;
        };
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(document["elements"], json!({"packages": []}), "{document}");
        let error = document["errors"][0].as_str().expect("an error");
        assert!(
            error.starts_with(&format!("/var/lib/{name}: damaged: ")),
            "{error}"
        );
    }
}

#[test]
fn a_host_without_any_manager_is_told_from_one_without_the_package() {
    let machine = Machine::new();
    let lib = machine.directory().join("lib");
    std::fs::create_dir_all(&lib).expect("a directory");
    let Some(document) = run_with(&machine, &lib) else {
        return;
    };
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["success"], true);
    let error = document["errors"][0].as_str().expect("an error");
    assert!(
        error.starts_with("no package manager database found (looked for /var/lib/rpm, "),
        "{error}"
    );
}
