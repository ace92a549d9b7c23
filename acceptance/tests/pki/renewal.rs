//! Renewing keeps trust.

use rustls::version::TLS13;

use crate::handshake::Parties;
use crate::site::Site;

#[test]
fn a_renewed_certificate_keeps_names_and_key_or_gets_a_new_key() {
    let site = Site::created(&[]);
    let details = |file: &str| {
        site.openssl(&[
            "x509",
            "-noout",
            "-subject",
            "-ext",
            "subjectAltName,extendedKeyUsage",
            "-in",
            file,
        ])
        .expect("details")
    };
    let key = site.read("rabbitmq.key");
    let (before, serial) = (details("rabbitmq.crt"), site.serial("rabbitmq.crt"));
    site.ok(&["renew", "rabbitmq", "--days", "365"]);
    assert_eq!(site.read("rabbitmq.key"), key);
    assert_eq!(
        site.public_key("rabbitmq.crt"),
        site.public_key("rabbitmq.key")
    );
    assert_eq!(details("rabbitmq.crt"), before);
    assert_ne!(site.serial("rabbitmq.crt"), serial);
    Parties::of(&site).shake_in_both_versions().expect("trust");

    site.ok(&["renew", "rabbitmq", "--new-key", "--key", "ec384"]);
    assert_ne!(site.read("rabbitmq.key"), key);
    assert_eq!(
        site.public_key("rabbitmq.crt"),
        site.public_key("rabbitmq.key")
    );
    assert_eq!(details("rabbitmq.crt"), before);
    Parties::of(&site).shake_in_both_versions().expect("trust");
    // Again without a word about the key: the last one stays.
    let key = site.read("rabbitmq.key");
    site.ok(&["renew", "rabbitmq"]);
    assert_eq!(site.read("rabbitmq.key"), key);
    Parties::of(&site).shake(&TLS13).expect("trust");
}

#[test]
fn after_the_authority_is_renewed_old_and_new_go_together() {
    let site = Site::created(&[]);
    std::fs::copy(site.path("ca.crt"), site.path("old.crt")).expect("a copy");
    let (key, serial) = (site.read("ca/ca.key"), site.serial("ca.crt"));
    site.ok(&["renew", "ca", "--ca-days", "5000"]);
    assert_eq!(site.read("ca/ca.key"), key);
    assert_ne!(site.serial("ca.crt"), serial);
    site.ok(&["issue", "agent", "linux.new"]);
    for client in ["agent", "agents/linux.new"] {
        for relay_trusts in ["ca.crt", "old.crt"] {
            for client_trusts in ["ca.crt", "old.crt"] {
                let mut parties = Parties::of(&site);
                parties.client.1 = client;
                parties.relay_trusts.1 = relay_trusts;
                parties.client_trusts.1 = client_trusts;
                parties.shake_in_both_versions().unwrap_or_else(|error| {
                    panic!("{client}, {relay_trusts}, {client_trusts}: {error}")
                });
            }
        }
    }
}
