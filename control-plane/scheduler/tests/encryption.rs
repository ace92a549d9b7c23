//! A relay elsewhere is reached over TLS with certificates on both sides.

mod site;

use mig_logging::causes;
use mig_relay::{Listener, TlsFiles};
use mig_scheduler::{LastGood, RelayTls, connect_to_relay};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use site::{Site, eventually, start_relay_on};

struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Authority {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (
            certificate.pem().into_bytes(),
            key.serialize_pem().into_bytes(),
        )
    }
}

#[tokio::test]
async fn the_scheduler_proves_itself_and_checks_the_relay() {
    let mut site = Site::without_scheduler().await;
    site.stop_relay().await;
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let files = TlsFiles {
        certificate,
        key,
        client_authority: authority.certificate.clone().into_bytes(),
        revoked: None,
    };
    let listener = Listener::Tls(([127, 0, 0, 1], 0).into(), files);
    let relay = start_relay_on(site.directory.path(), listener).await;
    site.address = relay.addresses()[0];
    site.relay = Some(relay);

    let tls = RelayTls {
        ca: authority.certificate.clone(),
        identity: Some(authority.issue("scheduler")),
    };
    site.start_scheduler(|config| {
        config.relay.host = "localhost".into();
        config.relay.tls = Some(tls.clone());
    })
    .await;
    site.scheduler.take().expect("a scheduler").stop().await;

    // A relay whose certificate another authority signed is not talked to. It does not
    // talk to somebody without a certificate either, and says so in TLS to whoever
    // comes without that.
    let elsewhere = RelayTls {
        ca: Authority::new().certificate,
        ..tls.clone()
    };
    let nobody = RelayTls {
        identity: None,
        ..tls
    };
    for (tls, reason) in [
        (Some(elsewhere), "invalid peer certificate"),
        (Some(nobody), "CertificateRequired"),
        (None, "failed to parse"),
    ] {
        let mut access = site.config().relay;
        access.host = "localhost".into();
        access.tls = tls;
        // A busy machine may lose the reason with the connection.
        eventually(reason, || async {
            let attempt = connect_to_relay(&access, &LastGood::default(), "test").await;
            let refused = causes(&attempt.expect_err("no connection"));
            println!("{refused}");
            refused.contains(reason).then_some(())
        })
        .await;
    }
}
