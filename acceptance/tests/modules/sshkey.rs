//! `sshkey` on keys of every format.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::setup::{Machine, fed};

const ED25519_MD5: &str = "14:7d:27:99:f0:74:27:cc:9f:90:43:ea:cb:1f:45:f6";
const ED25519_SHA256: &str = "SHA256:uXllke5wr33ZMiR/My/KIxseXm44HP7Mmu3L7Z1/f/0";

/// Keys and what `ssh-keygen` said of them belong to the module's own tests.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sshkey/tests/data")
}

/// A directory with a few of them, as people have it.
fn home(machine: &Machine) -> PathBuf {
    let home = machine.directory().join("home/.ssh");
    std::fs::create_dir_all(&home).expect("a directory");
    for (fixture, name) in [
        ("ed25519.openssh-encrypted", "id_ed25519"),
        ("rsa.PEM-encrypted", "id_rsa"),
        ("ed25519.pub", "id_ed25519.pub"),
    ] {
        std::fs::copy(fixtures().join("keys").join(fixture), home.join(name)).expect("a copy");
    }
    let line = std::fs::read_to_string(fixtures().join("keys/ed25519.pub")).expect("a key");
    let lines = format!("# me\n\ncommand=\"a b\",no-pty {line}garbage\n");
    std::fs::write(home.join("authorized_keys"), lines).expect("a file");
    home
}

#[test]
fn every_format_is_found_by_the_jailed_worker() {
    let directory = fixtures().join("keys").canonicalize().expect("fixtures");
    let document = Machine::new().run("sshkey", &json!({"paths": [directory]}));
    assert_eq!(document["success"], true, "{document}");
    let keys = document["elements"]["keys"].as_array().expect("keys");
    let listed = std::fs::read_to_string(fixtures().join("keys.txt")).expect("a list");
    assert_eq!(keys.len(), listed.lines().count());
    for line in listed.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let path = directory.join(fields[0]);
        let print = if fields[4] == "-" { "" } else { fields[4] };
        let key = keys.iter().find(|key| key["path"] == json!(path));
        let key = key.unwrap_or_else(|| panic!("{} was not found", fields[0]));
        assert_eq!(key["type"], fields[1]);
        assert_eq!(key["encrypted"].to_string(), fields[2]);
        assert_eq!(key["fingerprint_sha256"], print, "{}", fields[0]);
    }
}

#[test]
fn people_read_one_line_for_each_key() {
    let machine = Machine::new();
    let home = home(&machine);
    let home = home.to_str().expect("text");
    let keys = [
        format!(
            "{home}/authorized_keys [authorizedkeys] md5fp={ED25519_MD5} sha256fp={ED25519_SHA256}"
        ),
        format!(
            "{home}/id_ed25519 [private] encrypted=true md5fp={ED25519_MD5} sha256fp={ED25519_SHA256}"
        ),
        format!("{home}/id_ed25519.pub [public] md5fp={ED25519_MD5} sha256fp={ED25519_SHA256}"),
        format!("{home}/id_rsa [private] encrypted=true md5fp=unknown sha256fp=unknown"),
    ];
    let error = format!("{home}/authorized_keys contained unparsable data");
    let lines = machine.printed("sshkey", &json!({"paths": [home]}));
    assert_eq!(lines, [&keys[..], &[error]].concat());
    let said = machine.mig("sshkey", &["-path", home, "-maxdepth=1"]);
    assert_eq!(said.code, 0, "{said:?}");
    let shown: Vec<&str> = said
        .stdout
        .lines()
        .filter(|line| line.contains(home))
        .collect();
    assert_eq!(shown, keys, "{said:?}");
}

#[test]
fn privacy_leaves_only_kinds_and_counts() {
    let machine = Machine::private();
    let home = home(&machine);
    let document = machine.run("sshkey", &json!({"paths": [home]}));
    let key = |kind: &str, encrypted: bool, print: &str| {
        json!({"fingerprint_md5": print, "fingerprint_sha256": print, "path": "masked",
            "encrypted": encrypted, "type": kind})
    };
    let wanted = json!([
        key("authorizedkeys", false, "masked"),
        key("private", true, "masked"),
        key("public", false, "masked"),
        key("private", true, ""),
    ]);
    assert_eq!(document["elements"]["keys"], wanted);
    assert_eq!(document["errors"], json!(["masked"]));
    assert!(!document.to_string().contains(".ssh"));
}

#[test]
fn mistakes_name_the_field_or_option() {
    let machine = Machine::new();
    let parameters = json!({"class": "parameters", "parameters": {"maxdepth": 1001}});
    let said = fed(&mut machine.agent("sshkey"), &parameters.to_string());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("maxdepth"), "{said:?}");
    let said = machine.mig("sshkey", &["-depth", "3"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("-depth"), "{said:?}");
}
