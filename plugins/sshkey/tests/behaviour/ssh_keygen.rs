//! Against `ssh-keygen` itself, with keys that it makes on the spot.

use crate::support::{Home, keys, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = "ssh-keygen";

fn is_there() -> bool {
    // Without a question it complains, but it runs.
    Command::new(PROGRAM).arg("-?").output().is_ok()
}

fn call(arguments: &[&str]) -> Option<String> {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .output()
        .expect(PROGRAM);
    let text = String::from_utf8(output.stdout).expect("text");
    output.status.success().then_some(text)
}

/// Fingerprints as `ssh-keygen -l` prints them, one for each key of a file.
fn listed(path: &Path, digest: &str) -> Vec<String> {
    let path = path.to_str().expect("text");
    call(&["-l", "-E", digest, "-f", path])
        .expect("fingerprints")
        .lines()
        .map(|line| line.split(' ').nth(1).expect("a fingerprint").to_owned())
        .map(|print| print.strip_prefix("MD5:").unwrap_or(&print).to_owned())
        .collect()
}

/// What the module says of each file.
fn found(home: &Home) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for key in keys(&run(json!({"paths": [home.path()]}))) {
        let path = key["path"].as_str().expect("a path").to_owned();
        found.entry(path).or_default().push(key);
    }
    found
}

/// Kinds that this `ssh-keygen` can make: newer ones refuse DSA.
const KINDS: [(&str, &str); 7] = [
    ("rsa", "2048"),
    ("rsa", "3072"),
    ("dsa", "1024"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("ed25519", "256"),
];

#[test]
fn fingerprints_agree_with_ssh_keygen_for_every_kind_and_format() {
    if !is_there() {
        return mig_testkit::skip("ssh-keygen is not installed");
    }
    let home = Home::new();
    let mut made = 0;
    for (kind, bits) in KINDS {
        for format in ["RFC4716", "PEM", "PKCS8"] {
            for passphrase in ["", "secret"] {
                let name = format!("{kind}-{bits}-{format}-{passphrase}");
                let path = home.text(&name);
                let words = ["-q", "-t", kind, "-b", bits, "-m", format, "-N", passphrase];
                let words = [&words[..], &["-C", "a comment", "-f", &path]].concat();
                made += usize::from(call(&words).is_some());
            }
        }
    }
    assert!(made >= 6, "{made} keys could be made");
    let found = found(&home);
    assert_eq!(found.len(), 2 * made, "a private and a public file each");
    for (path, keys) in &found {
        let key = &keys[0];
        let is_public = path.ends_with(".pub");
        assert_eq!(keys.len(), 1, "{path}");
        assert_eq!(key["type"], if is_public { "public" } else { "private" });
        let encrypted = path.ends_with("-secret");
        assert_eq!(key["encrypted"], encrypted && !is_public, "{path}");
        // ssh-keygen reads the public file beside a private one.
        let (md5, sha256) = (
            listed(Path::new(path), "md5"),
            listed(Path::new(path), "sha256"),
        );
        if key["fingerprint_md5"] == "" {
            let text = std::fs::read_to_string(path).expect("a key");
            let hidden = encrypted && !text.contains("OPENSSH");
            let lost = path.contains("dsa-1024-PKCS8");
            assert!(hidden || lost, "{path}");
        } else {
            assert_eq!(key["fingerprint_md5"], md5[0], "{path}");
            assert_eq!(key["fingerprint_sha256"], sha256[0], "{path}");
        }
    }
}

#[test]
fn authorized_keys_and_certificates_agree_with_ssh_keygen() {
    if !is_there() {
        return mig_testkit::skip("ssh-keygen is not installed");
    }
    let home = Home::new();
    let ca = home.text("ca");
    call(&["-q", "-t", "ed25519", "-N", "", "-f", &ca]).expect("a key");
    let mut lines = String::from("# who may log in\n\n");
    for (kind, bits) in [
        ("ecdsa", "256"),
        ("ecdsa", "521"),
        ("rsa", "2048"),
        ("ed25519", "256"),
    ] {
        let path = home.text(&format!("{kind}{bits}"));
        call(&["-q", "-t", kind, "-b", bits, "-N", "", "-f", &path]).expect("a key");
        let public = format!("{path}.pub");
        let words = [
            "-q",
            "-s",
            &ca,
            "-I",
            "id",
            "-n",
            "a,b",
            "-O",
            "force-command=x y",
            &public,
        ];
        call(&words).expect("a certificate");
        let line = std::fs::read_to_string(&public).expect("a key");
        lines.push_str(&format!(
            "from=\"a b\",command=\"x \\\"y\\\" z\" {line}{line}"
        ));
        lines.push_str(&std::fs::read_to_string(format!("{path}-cert.pub")).expect("a key"));
    }
    let file = home.file("authorized_keys", &lines);
    let found = found(&home);
    for (path, keys) in &found {
        for (digest, name) in [("md5", "fingerprint_md5"), ("sha256", "fingerprint_sha256")] {
            let ours: Vec<&Value> = keys.iter().map(|key| &key[name]).collect();
            assert_eq!(
                ours,
                listed(Path::new(path), digest).iter().collect::<Vec<_>>(),
                "{path}"
            );
        }
    }
    assert_eq!(found[file.to_str().expect("text")].len(), 12);
    assert_eq!(
        found
            .iter()
            .filter(|(path, _)| path.ends_with("-cert.pub"))
            .count(),
        4
    );
}

#[test]
fn the_public_half_agrees_where_it_must_be_computed() {
    if !is_there() {
        return mig_testkit::skip("ssh-keygen is not installed");
    }
    // What `-y` computes from the private half, against what we do: the
    // fixtures without a public half have a public file that proves it.
    let home = Home::new();
    for curve in ["256", "384", "521"] {
        let fixture = format!("ecdsa{curve}.PEM-without-public");
        let text =
            std::fs::read(crate::support::fixture_directory().join(&fixture)).expect("a key");
        let path = home.file(&fixture, text);
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        let public = call(&["-y", "-f", path.to_str().expect("text")]).expect("a public key");
        let expected = home.file(format!("{fixture}.pub"), public);
        let wanted = listed(&expected, "sha256");
        let found = found(&home);
        let key = &found[path.to_str().expect("text")][0];
        assert_eq!(key["fingerprint_sha256"], wanted[0]);
    }
}
