//! TLS with client certificates.

use crate::support::*;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::{Connection, ConnectionProperties};
use mig_relay::{Listener, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use tokio::time::timeout;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Writes a list of the certificates of these names, as an authority replaces
    /// it.
    fn revoke(&self, list: &std::path::Path, names: &[&str]) {
        let now = time::OffsetDateTime::now_utc();
        let revoked = names.iter().map(|name| rcgen::RevokedCertParams {
            serial_number: serial(name),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = rcgen::CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::hours(1),
            crl_number: rcgen::SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&self.issuer).expect("a list");
        let new = list.with_extension("new");
        std::fs::write(&new, signed.pem().expect("PEM")).expect("write");
        std::fs::rename(new, list).expect("rename");
    }

    /// Certificate and key.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.into()]).expect("parameters");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(serial(name));
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}

fn serial(name: &str) -> rcgen::SerialNumber {
    name.as_bytes().to_vec().into()
}

async fn tls_server(authority: &Authority) -> Server {
    tls_server_with(authority, |_| {}).await
}

pub async fn tls_server_with(
    authority: &Authority,
    adjust: impl FnOnce(&mut mig_relay::RelayConfig),
) -> Server {
    let (certificate, key) = authority.issue("localhost");
    Server::with(|config| {
        config.listeners = vec![Listener::Tls(
            ([127, 0, 0, 1], 0).into(),
            TlsFiles {
                certificate: certificate.into(),
                key: key.into(),
                client_authority: authority.pem.clone().into(),
                revoked: None,
            },
        )];
        adjust(config);
    })
    .await
}

async fn dial(
    server: &Server,
    trusted: &Authority,
    identity: Option<(String, String)>,
) -> lapin::Result<Connection> {
    let uri = format!(
        "amqps://guest:guest-secret@localhost:{}/mig",
        server.address().port()
    );
    dial_uri(&uri, trusted, identity).await
}

pub async fn dial_uri(
    uri: &str,
    trusted: &Authority,
    identity: Option<(String, String)>,
) -> lapin::Result<Connection> {
    let config = OwnedTLSConfig {
        identity: identity.map(|(certificate, key)| OwnedIdentity::PKCS8 {
            pem: certificate.into(),
            key: key.into(),
        }),
        cert_chain: Some(trusted.pem.clone()),
    };
    let runtime = lapin::runtime::default_runtime()?;
    timeout(
        PATIENCE,
        Connection::connect_with_config(uri, ConnectionProperties::default(), config, runtime),
    )
    .await
    .expect("an answer in time")
}

#[tokio::test]
async fn a_client_with_our_certificate_is_served() {
    let authority = Authority::new();
    let server = tls_server(&authority).await;
    let connection = dial(&server, &authority, Some(authority.issue("agent")))
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let body = vec![5; 1_000_000];
    assert!(
        publish_confirmed(&channel, "q", &body, persistent())
            .await
            .is_ack()
    );
    let mut consumer = consume(&channel, "q").await;
    let delivery = next(&mut consumer).await;
    assert!(delivery.data == body);
    ack(&delivery).await;
    server.until("acknowledged", |s| s.acknowledged == 1).await;
    connection.close(200, "done".into()).await.expect("closed");
    server.until("no connection", |s| s.connections == 0).await;
}

#[tokio::test]
async fn a_client_without_our_certificate_is_not() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let server = tls_server(&authority).await;
    for identity in [None, Some(stranger.issue("agent"))] {
        assert!(dial(&server, &authority, identity).await.is_err());
    }
    // Nor one that speaks no TLS.
    let uri = server.uri("guest");
    assert!(connect(&uri).await.is_err());
    assert_eq!(server.relay.stats().connections, 0);
    dial(&server, &authority, Some(authority.issue("agent")))
        .await
        .expect("others are served");
}

#[tokio::test]
async fn who_is_revoked_while_the_relay_runs_is_refused_from_then_on() {
    let authority = Authority::new();
    let (lost, kept) = (authority.issue("lost"), authority.issue("kept"));
    let directory = tempfile::tempdir().expect("a directory");
    let list = directory.path().join("ca.crl");
    authority.revoke(&list, &[]);
    let server = tls_server_with(&authority, |config| {
        for listener in &mut config.listeners {
            if let Listener::Tls(_, files) = listener {
                files.revoked = Some(list.clone());
            }
        }
    })
    .await;
    let standing = dial(&server, &authority, Some(lost.clone())).await;
    let standing = standing.expect("nobody is revoked yet");

    authority.revoke(&list, &["lost"]);
    dial(&server, &authority, Some(lost.clone()))
        .await
        .expect_err("revoked");
    dial(&server, &authority, Some(kept.clone()))
        .await
        .expect("another one");
    // What stands is not ended by it.
    standing.create_channel().await.expect("a channel");

    // A list that cannot be used changes nothing.
    std::fs::write(&list, "no list").expect("write");
    dial(&server, &authority, Some(lost))
        .await
        .expect_err("still revoked");
    dial(&server, &authority, Some(kept))
        .await
        .expect("still another one");
}

#[tokio::test]
async fn unusable_certificates_are_named_at_the_start() {
    let authority = Authority::new();
    let (certificate, _) = authority.issue("localhost");
    let (_, other_key) = authority.issue("localhost");
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = mig_relay::RelayConfig::new(directory.path().join("relay.db"));
    config.listeners.push(Listener::Tls(
        ([127, 0, 0, 1], 0).into(),
        TlsFiles {
            certificate: certificate.into(),
            key: other_key.into(),
            client_authority: authority.pem.clone().into(),
            revoked: None,
        },
    ));
    let error = mig_relay::Relay::start(config).await.expect_err("no relay");
    assert!(
        error
            .to_string()
            .contains("the certificate with its key is not usable"),
        "{error}"
    );
}
