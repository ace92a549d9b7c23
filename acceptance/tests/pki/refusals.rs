//! Wrong input: one line, and nothing made.

use std::path::PathBuf;

use crate::site::{Site, refused};

#[test]
fn bad_words_get_one_line_and_make_nothing() {
    let site = Site::empty();
    let long = format!("{}.example", "a".repeat(64));
    let long_name = "b".repeat(65);
    for (arguments, complaint) in [
        (&["frobnicate"][..], "there is no command `frobnicate`"),
        (&["create", "--frob"], "there is no option `--frob`"),
        (&["create", "--relay"], "--relay needs a value"),
        (&["create", "extra"], "`extra` is one word too many"),
        (
            &["create", "--relay", "a b", "--yes"],
            "`a b` is not a host name",
        ),
        (
            &["create", "--relay", "-x", "--yes"],
            "`-x` is not a host name",
        ),
        (
            &["create", "--relay", "a..b", "--yes"],
            "`a..b` is not a host name",
        ),
        (
            &["create", "--relay", "a\nb", "--yes"],
            "`a?b` is not a host name",
        ),
        (&["create", "--relay", &long, "--yes"], "is not a host name"),
        (
            &["create", "--relay", "192.0.2.256", "--yes"],
            "`192.0.2.256` is not an IP address",
        ),
        (
            &["create", "--relay", "r,DNS:evil", "--yes"],
            "`DNS:evil` is not an IP address",
        ),
        (
            &["create", "--relay", "r", "--api", "a/b", "--yes"],
            "`a/b` is not a host name",
        ),
        (
            &["create", "--relay", "r", "--domain", "$(id)", "--yes"],
            "give --domain",
        ),
        (
            &["create", "--relay", "r", "--key", "dsa", "--yes"],
            "take ec, ec384, rsa or rsa4096",
        ),
        (
            &["create", "--relay", "r", "--days", "0", "--yes"],
            "between 1 and 99999",
        ),
        (
            &["create", "--relay", "r", "--days", "ten", "--yes"],
            "between 1 and 99999",
        ),
        (
            &["create", "--relay", "r", "--ca-days", "9", "--yes"],
            "would outlive an authority of 9 days",
        ),
        (&["issue"], "issue needs a role"),
        (&["issue", "boss"], "there is no role `boss`"),
        (&["issue", "relay"], "needs --dns NAME or --ip ADDRESS"),
        (
            &["issue", "agent", "../escape"],
            "`../escape` cannot be a name",
        ),
        (
            &["issue", "agent", "a/CN=admin"],
            "`a/CN=admin` cannot be a name",
        ),
        (
            &["issue", "worker", "ca"],
            "is taken by the authority's own files",
        ),
        (
            &["issue", "agent", "scheduler"],
            "no agent is called `scheduler`",
        ),
        (
            &["issue", "agent", &long_name],
            "longer than the 64 characters",
        ),
        (
            &["issue", "agent", "one", "two"],
            "`two` is one word too many",
        ),
        (
            &["issue", "agent", "--csr", "absent.csr"],
            "there is no request absent.csr",
        ),
        (&["issue", "agent"], "there is no authority in"),
        (&["renew"], "needs the name of one certificate"),
        (&["renew", "agent"], "there is no authority in"),
        (
            &["revoke", "agent", "--reason", "dislike"],
            "there is no reason `dislike`",
        ),
        (&["expiring", "soon"], "between 1 and 99999"),
        (&["list"], "there is no authority in"),
    ] {
        let said = site.refused(arguments);
        assert!(said.contains(complaint), "{arguments:?}: {said}");
        assert_eq!(site.files(), Vec::<PathBuf>::new(), "{arguments:?}");
    }
    let mut elsewhere = site.call(&["-d", "absent", "list"]);
    assert!(refused(&mut elsewhere).contains("absent is not a directory"));
}

#[test]
fn what_exists_is_never_overwritten() {
    let site = Site::created(&[]);
    site.ok(&["issue", "agent", "linux.one"]);
    let before: Vec<(PathBuf, Vec<u8>)> = contents(&site);
    for (arguments, complaint) in [
        (
            &["create", "--relay", "r", "--yes"][..],
            "ca exists already",
        ),
        (&["authority"], "ca exists already"),
        (&["issue", "scheduler"], "Use `mig-pki renew scheduler`"),
        (
            &["issue", "agent", "linux.one"],
            "agents/linux.one.key exists already",
        ),
        (
            &["issue", "relay", "--dns", "r"],
            "rabbitmq.key exists already",
        ),
        (
            &["issue", "worker", "linux.one"],
            "ca/issued/linux.one exists already",
        ),
        (
            &["renew", "ca", "--new-key"],
            "make it in another directory",
        ),
        (&["renew", "nobody"], "there is no certificate `nobody`"),
        (&["revoke", "nobody"], "there is no certificate `nobody`"),
    ] {
        let said = site.refused(arguments);
        assert!(said.contains(complaint), "{arguments:?}: {said}");
        assert_eq!(contents(&site), before, "{arguments:?}");
    }
}

fn contents(site: &Site) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a file");
        (path, bytes)
    };
    site.files().into_iter().map(read).collect()
}

#[test]
fn keys_of_others_in_the_way_stay_and_no_half_a_site_comes_to_be() {
    let site = Site::empty();
    std::fs::write(site.path("worker.key"), "precious").expect("write");
    let said = site.refused(&["create", "--relay", "r", "--yes"]);
    assert!(said.contains("worker.key exists already"), "{said}");
    assert_eq!(site.files(), [site.path("worker.key")]);
    assert_eq!(site.read("worker.key"), "precious");
}

#[test]
fn two_calls_at_once_do_not_mix() {
    let site = Site::with_authority();
    std::fs::create_dir(site.path("ca/lock")).expect("a lock");
    let said = site.refused(&["issue", "agent"]);
    assert!(said.contains("another mig-pki is at work"), "{said}");
    assert!(site.path("ca/lock").exists());
    std::fs::remove_dir(site.path("ca/lock")).expect("unlock");
    site.ok(&["issue", "agent"]);
    assert!(!site.path("ca/lock").exists());
}
