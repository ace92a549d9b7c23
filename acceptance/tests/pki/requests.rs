//! Keys that stay where they were made: only a request is signed.

use crate::handshake::Parties;
use crate::site::Site;

#[test]
fn a_request_gets_its_key_signed_and_nothing_else_that_it_asks_for() {
    let site = Site::created(&[]);
    site.openssl(&[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-keyout",
        "far.key",
        "-out",
        "far.csr",
        "-subj",
        "/CN=admin",
        "-addext",
        "basicConstraints=critical,CA:true",
        "-addext",
        "subjectAltName=DNS:relay.example.com",
    ])
    .expect("a request");
    site.ok(&["issue", "agent", "linux.far", "--csr", "far.csr"]);
    assert!(!site.path("agents/linux.far.key").exists());
    let shown = site
        .openssl(&["x509", "-noout", "-text", "-in", "agents/linux.far.crt"])
        .expect("a certificate");
    assert!(
        shown.contains("CN = linux.far") && shown.contains("CA:FALSE"),
        "{shown}"
    );
    assert!(
        !shown.contains("admin") && !shown.contains("relay.example.com"),
        "{shown}"
    );
    std::fs::copy(site.path("agents/linux.far.crt"), site.path("far.crt")).expect("a copy");
    let mut parties = Parties::of(&site);
    parties.client.1 = "far";
    parties.shake_in_both_versions().expect("trust");

    // The same key can be renewed without being here; a new one cannot.
    site.ok(&["renew", "linux.far"]);
    assert_eq!(
        site.public_key("agents/linux.far.crt"),
        site.public_key("far.key")
    );
    let said = site.refused(&["renew", "linux.far", "--new-key"]);
    assert!(said.contains("is not here"), "{said}");
}

#[test]
fn what_is_no_request_gets_one_line_and_no_certificate() {
    let site = Site::with_authority();
    std::fs::write(site.path("bad.csr"), "nonsense").expect("write");
    let said = site.refused(&["issue", "agent", "linux.far", "--csr", "bad.csr"]);
    assert!(said.contains("cannot read the request"), "{said}");
    assert!(!site.path("agents/linux.far.crt").exists());
    assert!(!site.path("ca/issued/linux.far").exists());
}
