//! What the project promises of its own files, checked by tests.

use crate::building::root;

/// Libraries that must not come in, not even through others, and why.
const BANNED: &[(&str, &str)] = &[
    ("aws-lc-rs", "rustls runs on ring: 2 MB less in the agent"),
    ("aws-lc-sys", "rustls runs on ring: 2 MB less in the agent"),
    ("openssl-sys", "TLS is rustls everywhere"),
    ("serde_cbor", "archived (RUSTSEC-2021-0127)"),
    ("rustls-pemfile", "unmaintained"),
    ("bincode", "unmaintained"),
];

#[test]
fn no_banned_library_is_locked() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let found: Vec<String> = BANNED
        .iter()
        .filter(|(name, _)| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    assert!(found.is_empty(), "banned: {}", found.join(", "));
}

#[test]
fn every_library_of_the_workspace_is_explained() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let explained =
        std::fs::read_to_string(root().join("docs/dependencies.md")).expect("dependencies.md");
    let section = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .expect("the dependencies of the workspace");
    let missing: Vec<&str> = section
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .filter(|name| !name.starts_with("mig-") && !name.starts_with('#'))
        .filter(|name| !explained.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/dependencies.md lacks: {}",
        missing.join(", ")
    );
}
