//! What is revoked is refused, and nothing else.

use crate::handshake::Parties;
use crate::site::Site;

/// Whether the relay accepts the client when it looks at the list.
fn accepted(site: &Site, client: &str) -> Result<(), String> {
    let mut parties = Parties::of(site);
    parties.client.1 = client;
    parties.revocation = true;
    parties.shake_in_both_versions()
}

#[test]
fn a_revoked_agent_is_refused_with_all_its_certificates_and_others_stay() {
    let site = Site::created(&[]);
    for name in ["linux.lost", "linux.kept"] {
        site.ok(&["issue", "agent", name]);
    }
    // The thief has the certificate from before the renewal.
    for ending in ["crt", "key"] {
        let from = site.path(&format!("agents/linux.lost.{ending}"));
        std::fs::copy(from, site.path(&format!("stolen.{ending}"))).expect("a copy");
    }
    site.ok(&["renew", "linux.lost"]);
    site.ok(&["crl"]);
    for client in ["stolen", "agents/linux.lost", "agents/linux.kept"] {
        accepted(&site, client).expect(client);
    }
    site.ok(&["revoke", "linux.lost", "--reason", "keyCompromise"]);
    let said = accepted(&site, "stolen").expect_err("revoked");
    assert!(said.contains("Revoked"), "{said}");
    accepted(&site, "agents/linux.kept").expect("another agent");
    assert!(!site.path("agents/linux.lost.crt").exists());
    assert!(site.path("agents/linux.lost.key.revoked").exists());
    let list = site.ok(&["list"]);
    assert!(
        !list.contains("linux.lost") && list.contains("linux.kept"),
        "{list}"
    );

    // The name may be used again, with another key.
    site.ok(&["issue", "agent", "linux.lost"]);
    site.ok(&["crl"]);
    accepted(&site, "agents/linux.lost").expect("the new one");
    accepted(&site, "stolen").expect_err("the old one");
    let checked = site.openssl(&[
        "verify",
        "-x509_strict",
        "-crl_check",
        "-CAfile",
        "ca.crt",
        "-CRLfile",
        "ca.crl",
        "agents/linux.lost.crt",
    ]);
    checked.expect("openssl agrees");
}
