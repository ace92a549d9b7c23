//! HTTPS: whom the module believes.

use super::{record, settled, start};
use crate::server::Server;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use std::sync::Arc;

/// A server for `localhost`, and its certificate as PEM.
fn secure() -> (Server, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Server::secure(config), made.cert.pem())
}

#[test]
fn alerts_arrive_over_tls_at_a_server_that_cafile_vouches_for() {
    let directory = tempfile::tempdir().unwrap();
    let (server, pem) = secure();
    let cafile = directory.path().join("ca.pem");
    std::fs::write(&cafile, pem).unwrap();
    let spool = tempfile::tempdir().unwrap();
    let service = start(&server.url(), spool.path(), json!({"cafile": cafile}));
    for number in 0..3 {
        service.alert("audit", &number.to_string());
    }
    settled(&service, 3);
    assert_eq!(server.bodies(3), [record("0"), record("1"), record("2")]);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing_and_the_remedy_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _) = secure();
    let (_, other) = secure();
    let cafile = directory.path().join("ca.pem");
    std::fs::write(&cafile, other).unwrap();
    let spool = tempfile::tempdir().unwrap();
    let service = start(&server.url(), spool.path(), json!({"cafile": cafile}));
    service.alert("audit", "secret");
    let line = service.log_with("certificate");
    assert!(line.contains("set `cafile`"), "{line}");
    let status = service.status_with(|status| status["failing"] == true);
    assert_eq!(status["waiting"], 1);
    assert!(server.requests(0).is_empty());
}

#[test]
fn an_authority_file_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _) = secure();
    let cafile = directory.path().join("ca.pem");
    std::fs::write(&cafile, "nothing").unwrap();
    let spool = tempfile::tempdir().unwrap();
    let service = start(&server.url(), spool.path(), json!({"cafile": cafile}));
    service.alert("audit", "1");
    let line = service.log_with("holds no PEM certificate");
    assert!(line.contains("ca.pem"), "{line}");
}
