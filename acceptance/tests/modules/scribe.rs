//! The `scribe` module.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::setup::{Machine, fed};

/// The entry of a test.
#[track_caller]
fn entry<'r>(result: &'r Value, test: &str) -> &'r Value {
    let entries = result["elements"]["results"].as_array().expect("entries");
    let mut mine = entries.iter().filter(|entry| entry["testid"] == test);
    mine.next()
        .unwrap_or_else(|| panic!("no entry for {test} in {result:#}"))
}

fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    std::fs::write(path, content).expect("a file");
}

/// A directory with a release, an application in two versions and a log-in
/// that is too open; and the document that finds it out.
fn stage(machine: &Machine) -> Value {
    let root = machine.directory().join("host");
    write(
        root.join("etc/os-release"),
        "NAME=\"x\"\nVERSION_ID=\"12\"\n",
    );
    write(
        root.join("etc/ssh/sshd_config"),
        "Port 22\nPermitRootLogin yes\n",
    );
    write(root.join("srv/old/build.info"), "release 7 patch 4\n");
    write(root.join("srv/old/level"), "fix 2\n");
    write(root.join("srv/new/build.info"), "release 7 patch 12\n");
    write(root.join("srv/new/level"), "fix 0\n");
    let at = |place: &str| root.join(place).display().to_string();
    json!({
        "variables": [{"key": "srv", "value": at("srv")}],
        "objects": [
            {"object": "release", "filecontent": {"path": at("etc"), "file": "^os-release$",
                "expression": "^VERSION_ID=\"(\\d+)\""}},
            {"object": "app", "filecontent": {"path": "${srv}", "file": "^build\\.info$",
                "expression": "^release (\\d+) patch (\\d+)$", "concat": ".", "import-chain": ["level"]}},
            {"object": "level", "filecontent": {"path": "${chain_root}", "file": "^level$",
                "expression": "^fix (\\d+)"}},
            {"object": "login", "hasline": {"path": at("etc/ssh"), "file": "^sshd_config$",
                "expression": "^PermitRootLogin no"}}],
        "tests": [
            {"test": "is-12", "object": "release", "exactmatch": {"value": "12"}},
            {"test": "app-old", "name": "application outdated", "object": "app",
                "evr": {"operation": "<", "value": "7.12"}, "if": ["is-12"],
                "tags": [{"key": "severity", "value": "high"}]},
            {"test": "login-closed", "object": "login", "exactmatch": {"value": "true"}}]})
}

#[test]
fn a_document_is_evaluated_in_the_worker_with_chains_and_dependencies() {
    let machine = Machine::new();
    let document = stage(&machine);
    let result = machine.run("scribe", &json!({"scribedoc": document}));
    assert_eq!(result["success"], true, "{result:#}");
    assert_eq!(entry(&result, "is-12")["masterresult"], true);
    let app = entry(&result, "app-old");
    assert_eq!(app["masterresult"], true);
    let old = machine.directory().join("host/srv/old/build.info");
    let new = machine.directory().join("host/srv/new/build.info");
    let wanted = json!([{"result": false, "identifier": new}, {"result": true, "identifier": old}]);
    assert_eq!(app["results"], wanted);
    assert_eq!(entry(&result, "login-closed")["masterresult"], false);
    assert_eq!(result["foundanything"], true);
    assert_eq!(result["errors"], Value::Null);
    assert_eq!(result["statistics"]["walks"], 2);
    assert_eq!(result["statistics"]["filesread"], 6);
    // What was read stays where it was.
    assert!(!result.to_string().contains("PermitRoot"), "{result}");

    let result = machine.run("scribe", &json!({"scribedoc": document, "onlytrue": true}));
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), 2, "{result:#}");
}

#[test]
fn the_client_sends_documents_from_files_and_prints_every_form() {
    let machine = Machine::new();
    let document = stage(&machine);
    let file = machine.directory().join("document.json");
    write(&file, format!("\n  {document}"));
    let path = file.to_str().expect("a UTF-8 path");
    let said = machine.mig("scribe", &["-path", path, "-onlytrue"]);
    assert_eq!(said.code, 0, "{said:?}");
    let old = machine.directory().join("host/srv/old/build.info");
    let wanted = format!(
        "sub [true] name:\"application outdated\" id:\"app-old\" identifier:\"{}\"",
        old.display()
    );
    assert!(said.stdout.lines().any(|line| line == wanted), "{said:?}");
    assert!(!said.stdout.contains("login-closed"), "{said:?}");

    let said = machine.mig("scribe", &["-path", path, "-human"]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let first = "result for \"application outdated\" (app-old)";
    let place = lines.iter().position(|line| *line == first).expect(first);
    let wanted = ["\tmaster result: true", "\ttag: severity: high"];
    assert_eq!(lines[place + 1..place + 3], wanted, "{said:?}");

    let said = machine.mig("scribe", &["-path", path, "-json"]);
    let entries: Vec<Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said:?}")))
        .collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[2]["testid"], "login-closed");

    let said = machine.mig("scribe", &["-path", "/nonexistent/document", "-json"]);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("/nonexistent/document"), "{said:?}");
    let said = machine.mig("scribe", &["-onlytrue"]);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("-path"), "{said:?}");
}

#[test]
fn documents_may_be_written_in_yaml() {
    let machine = Machine::new();
    write(machine.directory().join("data/version"), "v 1.10\n");
    let file = machine.directory().join("document.yaml");
    let text = format!(
        "# a document\nobjects:\n- object: o\n  filecontent:\n    path: {}\n    file: ^version$\n    \
         expression: ^v (.*)$\ntests:\n- test: t\n  object: o\n  exactmatch: {{value: 1.10}}\n",
        machine.directory().join("data").display()
    );
    write(&file, text);
    let said = machine.mig("scribe", &["-path", file.to_str().expect("a UTF-8 path")]);
    assert_eq!(said.code, 0, "{said:?}");
    let wanted = "master [true] name:\"t\" id:\"t\" hastrue:true error:\"\"";
    assert_eq!(said.stdout.lines().next(), Some(wanted), "{said:?}");
    // Mistakes are told before anything runs.
    write(&file, "objects: [{object: o}]\n");
    let said = machine.mig("scribe", &["-path", file.to_str().expect("a UTF-8 path")]);
    assert_ne!(said.code, 0);
    assert!(
        said.stderr.contains("o: no valid source interface"),
        "{said:?}"
    );
}

#[test]
fn the_agent_prints_lines_errors_and_statistics() {
    let machine = Machine::new();
    let raw =
        json!([{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "1-"}]}}]);
    let tests = json!([{"test": "t", "object": "o", "evr": {"operation": "<", "value": "1"}}]);
    let document = json!({"objects": raw, "tests": tests});
    let lines = machine.printed(
        "scribe",
        &json!({"scribedoc": document, "humanoutput": true}),
    );
    assert_eq!(
        lines[..3],
        [
            "result for \"t\"",
            "\tmaster result: false",
            "\t[error] error: evrExtract: ends in dash",
        ]
    );
    assert_eq!(lines[3], "Error: evrExtract: ends in dash in \"t\"");
    assert!(lines[4].starts_with("Statistics: runtime "), "{lines:?}");
}

#[test]
fn packages_of_this_host_are_what_its_own_tool_says() {
    let asked = Command::new("dpkg-query")
        .args([
            "-W",
            "-f",
            "${db:Status-Abbrev}\t${binary:Package}\t${Version}\n",
        ])
        .output();
    let Ok(listed) = asked else {
        return mig_testkit::skip("dpkg-query is not installed");
    };
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let packages: Vec<(&str, &str)> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("ii \t")?.split_once('\t'))
        .collect();
    assert!(!packages.is_empty(), "dpkg-query lists packages");
    let mut objects = Vec::new();
    let mut tests = Vec::new();
    for (name, version) in &packages {
        objects.push(json!({"object": name, "package": {"name": name}}));
        let test = |id: &str, operation: &str| {
            json!({"test": format!("{id} {name}"), "object": name,
                "evr": {"operation": operation, "value": version}})
        };
        tests.push(test("equal", "="));
        tests.push(test("below", "<"));
    }
    let document = json!({"objects": objects, "tests": tests});
    let result = Machine::new().run("scribe", &json!({"scribedoc": document, "onlytrue": true}));
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), packages.len(), "{result:#}");
    for (entry, (name, _)) in entries.iter().zip(&packages) {
        assert_eq!(entry["testid"], format!("equal {name}"));
        assert_eq!(
            entry["results"],
            json!([{"result": true, "identifier": name}])
        );
    }
    assert_eq!(result["statistics"]["walks"], 0);
}

#[test]
fn privacy_mode_masks_identifiers_and_leaves_what_the_document_says() {
    let machine = Machine::private();
    let mut document = stage(&machine);
    let raw =
        json!({"object": "fixed", "raw": {"identifiers": [{"identifier": "me", "value": "1-"}]}});
    document["objects"]
        .as_array_mut()
        .expect("objects")
        .push(raw);
    let test = json!({"test": "bad", "object": "fixed", "evr": {"operation": "<", "value": "1"}});
    document["tests"].as_array_mut().expect("tests").push(test);
    let result = machine.run("scribe", &json!({"scribedoc": document}));
    let app = entry(&result, "app-old");
    assert_eq!(app["name"], "application outdated");
    assert_eq!(app["tags"], json!([{"key": "severity", "value": "high"}]));
    let wanted = json!([{"result": false, "identifier": "masked"}, {"result": true, "identifier": "masked"}]);
    assert_eq!(app["results"], wanted);
    assert_eq!(entry(&result, "bad")["iserror"], true);
    assert_eq!(result["errors"], json!(["masked"]));
    assert!(!result.to_string().contains("build.info"), "{result}");
    let lines = machine.printed("scribe", &json!({"scribedoc": document}));
    assert!(
        lines.contains(
            &"master [true] name:\"is-12\" id:\"is-12\" hastrue:true error:\"\"".to_owned()
        ),
        "{lines:?}"
    );
}

#[test]
fn names_of_any_bytes_unreadable_places_and_fifos_do_no_harm() {
    let machine = Machine::new();
    let root = machine.directory().join("odd");
    let name = std::ffi::OsStr::from_bytes(b"a\xFF\nb\x1B[31m");
    write(root.join(name), "v 1\n");
    write(root.join("closed/f"), "v 2\n");
    std::os::unix::fs::symlink("..", root.join("closed/up")).expect("a link");
    std::os::unix::fs::symlink("self", root.join("self")).expect("a link");
    let made = Command::new("mkfifo").arg(root.join("fifo")).status();
    assert!(made.expect("mkfifo runs").success());
    let sparse = std::fs::File::create(root.join("sparse")).expect("a file");
    sparse.set_len(8 << 20).expect("a size");
    use std::os::unix::fs::PermissionsExt;
    let closed = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(root.join("closed"), permissions).expect("a mode");
    };
    closed(0o000);
    let document = json!({
        "objects": [{"object": "o", "filecontent": {"path": root, "file": ".", "expression": "^v (.)"}}],
        "tests": [{"test": "t", "object": "o", "exactmatch": {"value": "1"}}]});
    let result = machine.run("scribe", &json!({"scribedoc": document}));
    let said = {
        let file = machine.directory().join("document.json");
        write(&file, document.to_string());
        machine.mig("scribe", &["-path", file.to_str().expect("a UTF-8 path")])
    };
    closed(0o755);
    assert_eq!(result["success"], true, "{result:#}");
    let subs = entry(&result, "t")["results"].as_array().expect("results");
    let identifier = subs[0]["identifier"].as_str().expect("a text");
    assert!(
        identifier.ends_with("a\u{FFFD}\nb\u{1B}[31m"),
        "{identifier:?}"
    );
    assert!(subs[0]["rawpath"].is_string());
    // The name reaches the terminal as one line without orders.
    let line = said
        .stdout
        .lines()
        .find(|line| line.starts_with("sub "))
        .expect("a line");
    assert!(
        line.ends_with("[31m\"") && !line.contains('\u{1B}'),
        "{said:?}"
    );
}

#[test]
fn a_vulnerability_document_with_thousands_of_tests_takes_one_pass() {
    const COUNT: usize = 1500;
    let machine = Machine::new();
    let root = machine.directory().join("host");
    write(root.join("etc/os-release"), "VERSION_ID=\"12\"\n");
    let mut shared = String::new();
    for number in (0..COUNT).step_by(10) {
        let version = if number % 20 == 0 { "2.4" } else { "2.10" };
        let place = format!("opt/{}/component{number}.info", number % 100);
        write(root.join(place), format!("version {version}\n"));
        shared.push_str(&format!("component{number} {version}\n"));
    }
    write(root.join("etc/components"), shared);
    let opt = root.join("opt");
    let etc = root.join("etc");
    let mut objects = vec![
        json!({"object": "release", "filecontent": {"path": etc, "file": "^os-release$",
        "expression": "^VERSION_ID=\"(\\d+)\""}}),
    ];
    let mut tests =
        vec![json!({"test": "release", "object": "release", "exactmatch": {"value": "12"}})];
    for number in 0..COUNT {
        let (own, common) = (format!("own-{number}"), format!("common-{number}"));
        objects.push(json!({"object": own, "filecontent": {"path": opt,
            "file": format!("^component{number}\\.info$"), "expression": "^version (\\S+)"}}));
        objects.push(
            json!({"object": common, "filecontent": {"path": etc, "file": "^components$",
            "expression": format!("^component{number} (\\S+)$")}}),
        );
        for object in [&own, &common] {
            tests.push(json!({"test": format!("t-{object}"), "object": object, "if": ["release"],
                "evr": {"operation": "<", "value": "2.5"}, "tags": [{"key": "severity", "value": "high"}]}));
        }
    }
    let document = json!({"objects": objects, "tests": tests});
    let result = machine.run("scribe", &json!({"scribedoc": document, "onlytrue": true}));
    assert_eq!(result["success"], true, "{}", result["errors"]);
    assert_eq!(result["statistics"]["walks"], 1);
    assert_eq!(result["statistics"]["filesread"], 152);
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), 1 + 75 + 75);
}

#[test]
fn a_bad_document_is_refused_with_the_object_or_test_that_is_wrong() {
    let machine = Machine::new();
    let raw = json!({"identifiers": [{"identifier": "i", "value": "v"}]});
    let object = json!({"object": "twice", "raw": raw});
    let document = json!({"objects": [object, object], "tests": []});
    let message = json!({"class": "parameters", "parameters": {"scribedoc": document}}).to_string();
    let said = fed(&mut machine.agent("scribe"), &message);
    assert_ne!(said.code, 0, "{said:?}");
    let result: Value = serde_json::from_str(&said.stdout).expect("a result");
    assert_eq!(result["success"], false, "{result:#}");
    let wanted = "scribedoc.objects[1]: twice: another object has this identifier already";
    assert_eq!(result["errors"], json!([wanted]));
}
