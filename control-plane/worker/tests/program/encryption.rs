//! A webhook over HTTPS.

use std::sync::Arc;

use mig_relay::topology;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use crate::receiver::Webhook;
use crate::site::{DEADLINE, PASSWORD, Publisher, Worker, consuming, embedded};

/// A server's configuration for `localhost`, and the authority that vouches for
/// it, PEM.
fn server() -> (Arc<rustls::ServerConfig>, String) {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = authority.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|leaf| leaf.signed_by(&key, &issuer))
        .expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("a configuration");
    (Arc::new(config), pem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_nobody_trusted_vouches_for_gets_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    let uri = |user: &str| format!("amqp://{user}:{PASSWORD}@{address}/{}", topology::VHOST);
    let publisher = Publisher::connect(&uri(topology::SCHEDULER_USER)).await;
    publisher.declare().await;
    let (config, authority) = server();
    let webhook = Webhook::over_tls(config);
    let (right, wrong) = (
        directory.path().join("right.crt"),
        directory.path().join("wrong.crt"),
    );
    std::fs::write(&right, authority).expect("write");
    std::fs::write(&wrong, server().1).expect("write");
    let worker = |authority: &std::path::Path| {
        let more = format!(
            "[webhook]\nurl = https://localhost:{}/mig\ncafile = \"{}\"",
            webhook.port,
            authority.display()
        );
        Worker::on(address, &more)
    };

    let mistaken = worker(&wrong);
    let running = mistaken.start();
    consuming(&uri(topology::WORKER_USER), "migevent.worker.webhook").await;
    publisher.publish("agent.new", "one", b"{}").await;
    mig_testkit::wait_until("a word about the certificate", DEADLINE, || {
        mistaken.log().contains("set [webhook] cafile")
    });
    running.stop();
    assert!(webhook.is_quiet());

    // Its configuration is read after the start.
    let corrected = worker(&right);
    let running = corrected.start();
    assert_eq!(webhook.next().document["id"], "one");
    running.stop();
    relay.shutdown().await.expect("a clean stop");
}
