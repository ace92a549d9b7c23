//! What `create` and `issue` make.

use crate::site::{RELAY, Site};

#[test]
fn openssl_finds_nothing_wrong_and_each_certificate_is_good_for_its_role_only() {
    let site = Site::created(&["--api", "api.example.com,192.0.2.9"]);
    for (file, server, client) in [
        ("rabbitmq.crt", true, false),
        ("api.crt", true, true),
        ("scheduler.crt", false, true),
        ("worker.crt", false, true),
        ("agent.crt", false, true),
    ] {
        let as_server = site.verify("ca.crt", "sslserver", file);
        let as_client = site.verify("ca.crt", "sslclient", file);
        assert_eq!(as_server.is_ok(), server, "{file}: {as_server:?}");
        assert_eq!(as_client.is_ok(), client, "{file}: {as_client:?}");
        let key = file.replace(".crt", ".key");
        assert_eq!(site.public_key(file), site.public_key(&key), "{file}");
    }
    let names = |file: &str| {
        site.openssl(&["x509", "-noout", "-ext", "subjectAltName", "-in", file])
            .expect("alternative names")
    };
    assert!(names("rabbitmq.crt").contains(&format!("DNS:{RELAY}")));
    assert!(names("api.crt").contains("DNS:api.example.com, IP Address:192.0.2.9"));
    let subject = |file: &str| {
        site.openssl(&["x509", "-noout", "-subject", "-in", file])
            .expect("a subject")
    };
    // The distinguished names of the original's script.
    assert!(
        subject("rabbitmq.crt").contains("O = MIG, OU = RabbitMQ Relay, CN = relay.example.com")
    );
    assert!(subject("worker.crt").contains("O = MIG, OU = worker, CN = worker.site.example"));
    assert_eq!(site.read("ca.crt"), site.read("ca/ca.crt"));
}

#[test]
fn the_extensions_are_those_that_strict_verifiers_ask_for() {
    let site = Site::created(&[]);
    let shown = |file: &str| {
        site.openssl(&["x509", "-noout", "-text", "-in", file])
            .expect("a certificate")
    };
    let authority = shown("ca.crt");
    for part in [
        "Version: 3",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(authority.contains(part), "{part}: {authority}");
    }
    let leaf = shown("agent.crt");
    for part in [
        "Version: 3",
        "ecdsa-with-SHA256",
        "NIST CURVE: P-256",
        "X509v3 Basic Constraints: critical",
        "CA:FALSE",
        "X509v3 Key Usage: critical",
        "Digital Signature",
        "TLS Web Client Authentication",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "DNS:agent.site.example",
    ] {
        assert!(leaf.contains(part), "{part}: {leaf}");
    }
}

#[test]
fn lifetimes_are_as_told_and_no_certificate_outlives_the_authority() {
    let site = Site::empty();
    site.ok(&["authority", "--ca-days", "100"]);
    let alive_after = |file: &str, days: u32| {
        let seconds = (days * 86_400).to_string();
        site.openssl(&["x509", "-noout", "-checkend", &seconds, "-in", file])
            .is_ok()
    };
    assert!(alive_after("ca.crt", 99) && !alive_after("ca.crt", 101));
    let said = site.refused(&["issue", "scheduler"]);
    assert!(said.contains("would outlive the authority") && said.contains("renew ca"));
    site.ok(&["issue", "scheduler", "--days", "30"]);
    assert!(alive_after("scheduler.crt", 29) && !alive_after("scheduler.crt", 31));

    let listed = site.ok(&["list"]);
    assert!(listed.contains("authority") && listed.contains("scheduler"));
    assert_eq!(site.ok(&["expiring", "20"]), "");
    let soon = site.call(&["expiring", "40"]).output().expect("the script");
    assert_eq!(soon.status.code(), Some(1));
    let soon = String::from_utf8_lossy(&soon.stdout).into_owned();
    assert!(
        soon.contains("scheduler") && !soon.contains("authority"),
        "{soon}"
    );
}

#[test]
fn every_agent_may_have_a_certificate_of_its_own() {
    let site = Site::with_authority();
    for name in ["linux.web1.example.com", "linux.odd_host-2.f4x"] {
        site.ok(&["issue", "agent", name]);
        let file = format!("agents/{name}.crt");
        site.verify("ca.crt", "sslclient", &file).expect("good");
        let subject = site
            .openssl(&["x509", "-noout", "-subject", "-in", &file])
            .expect("a subject");
        assert!(
            subject.trim().ends_with(&format!("CN = {name}")),
            "{subject}"
        );
    }
}

#[test]
fn an_authority_of_the_originals_script_goes_on_being_used() {
    let site = Site::empty();
    std::fs::create_dir_all(site.path("ca/certs")).expect("directories");
    // As the original made it.
    site.openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-noenc",
        "-days",
        "3650",
        "-keyout",
        "ca/ca.key",
        "-out",
        "ca/ca.crt",
        "-subj",
        "/C=US/ST=Florida/L=Gator Town/O=MIG/OU=CA/CN=old.example.com",
        "-addext",
        "basicConstraints=critical,CA:true,pathlen:1",
        "-addext",
        "keyUsage=keyCertSign,cRLSign",
    ])
    .expect("an authority");
    std::fs::write(site.path("ca/index"), "").expect("write");
    std::fs::write(site.path("ca/serial"), "1000\n").expect("write");
    site.ok(&["issue", "relay", "--dns", RELAY]);
    site.ok(&["issue", "agent"]);
    site.verify("ca/ca.crt", "sslserver", "rabbitmq.crt")
        .expect("good");
    site.ok(&["renew", "ca"]);
    let subject = site
        .openssl(&["x509", "-noout", "-subject", "-in", "ca.crt"])
        .expect("a subject");
    assert!(subject.contains("old.example.com"), "{subject}");
    for authority in ["ca.crt", "ca/ca.crt"] {
        site.verify(authority, "sslclient", "agent.crt")
            .expect("good");
    }
}
