//! Who can read what, also while it is being made.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::site::{Site, refused, succeeded};

fn mode(path: &Path) -> u32 {
    let meta = std::fs::metadata(path).expect("a file");
    meta.permissions().mode() & 0o7777
}

fn holds_a_key(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains("PRIVATE KEY"))
}

/// A stand-in that is called instead of openssl, and calls it.
fn wrap_openssl(site: &Site, text: &str) -> String {
    let folder = site.path("stand-in");
    std::fs::create_dir(&folder).expect("a folder");
    let (written, path) = (folder.join("written"), folder.join("openssl"));
    std::fs::write(&written, text).expect("write");
    mig_testkit::install(&written, &path, 0o755);
    let rest = std::env::var("PATH").unwrap_or_default();
    format!("{}:{rest}", folder.display())
}

#[test]
fn keys_are_never_readable_by_others_not_even_while_they_are_made() {
    let site = Site::empty();
    let tools = Site::empty();
    // Looks at everything there is before and after each call of openssl.
    let path = wrap_openssl(
        &tools,
        "#!/bin/sh\n\
         look() { grep -rl 'PRIVATE KEY' . 2>/dev/null | while read -r f; do\n\
         find \"$f\" -perm /077 >>\"$LOG\"; echo looked >>\"$LOG.looks\"; done; }\n\
         umask >>\"$LOG.umask\"; look\n\
         PATH=${PATH#*:} openssl \"$@\"; status=$?\n\
         look; exit $status\n",
    );
    let log = tools.path("readable");
    // The caller's own mask would let everybody read.
    let script = crate::site::script("mig-pki");
    let mut call = site.call(&[]);
    let mut open = std::process::Command::new("sh");
    open.args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(script)
        .args(["create", "--relay", "relay.example.com", "--yes"])
        .current_dir(site.path(""))
        .env("LOG", &log)
        .env("PATH", path)
        .env("MIG_PKI_DOMAIN", "site.example");
    succeeded(&mut open);
    succeeded(call.arg("list"));
    let umasks = tools.read("readable.umask");
    assert!(
        umasks.lines().count() > 10 && umasks.lines().all(|mask| mask == "0077"),
        "{umasks}"
    );
    assert!(tools.read("readable.looks").lines().count() > 20);
    let readable = tools.path("readable");
    assert!(!readable.exists() || tools.read("readable").is_empty());
    for path in site.files() {
        let expected = if holds_a_key(&path) {
            0o600
        } else if path.extension().is_some_and(|ending| ending == "crt") {
            0o644
        } else {
            0o600
        };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
    assert_eq!(mode(&site.path("ca")), 0o700);
    assert!(holds_a_key(&site.path("ca/ca.key")));
}

#[test]
fn the_authoritys_key_is_in_its_directory_only() {
    let site = Site::created(&[]);
    site.ok(&["renew", "ca"]);
    let key = site.read("ca/ca.key");
    let copies: Vec<_> = site
        .files()
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&key)))
        .collect();
    assert_eq!(copies, [site.path("ca/ca.key")]);
}

#[test]
fn an_openssl_that_fails_leaves_nothing_behind() {
    for failing in ["genpkey", "req", "ca"] {
        let site = Site::empty();
        let tools = Site::empty();
        let path = wrap_openssl(
            &tools,
            &format!(
                "#!/bin/sh\nif [ \"$1\" = {failing} ]; then echo 'no space left' >&2; exit 1; fi\n\
                 PATH=${{PATH#*:}} exec openssl \"$@\"\n"
            ),
        );
        let mut call = site.call(&["authority"]);
        let said = refused(call.env("PATH", path));
        assert!(said.contains("no space left"), "{said}");
        assert_eq!(site.files(), Vec::<std::path::PathBuf>::new(), "{failing}");
        site.ok(&["authority"]);
    }
}

#[test]
fn a_passphrase_encrypts_the_authoritys_key_and_opens_it() {
    let site = Site::empty();
    let with = |arguments: &[&str]| {
        let mut call = site.call(arguments);
        call.env("MIG_PKI_PASSPHRASE", "correct horse");
        call
    };
    succeeded(&mut with(&[
        "create",
        "--relay",
        "relay.example.com",
        "--yes",
    ]));
    assert!(site.read("ca/ca.key").contains("ENCRYPTED"));
    assert!(!site.read("agent.key").contains("ENCRYPTED"));
    let said = site.refused(&["issue", "agent", "linux.one"]);
    assert!(said.contains("set MIG_PKI_PASSPHRASE"), "{said}");
    let mut wrong = site.call(&["issue", "agent", "linux.one"]);
    refused(wrong.env("MIG_PKI_PASSPHRASE", "wrong"));
    assert!(!site.path("agents/linux.one.key").exists());
    succeeded(&mut with(&["issue", "agent", "linux.one"]));
    succeeded(&mut with(&["renew", "ca"]));
    succeeded(&mut with(&["revoke", "agent"]));
    site.verify("ca.crt", "sslclient", "agents/linux.one.crt")
        .expect("good");
}
