//! A relay elsewhere is reached over TLS with certificates on both sides.

mod site;

use std::time::Duration;

use mig_relay::{Listener, TlsFiles, topology};
use mig_scheduler::RelayTls;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use site::{Site, start_relay_on};

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

    // A relay whose certificate another authority signed is not talked to, nor
    // one that is not asked over TLS although it wants that.
    let elsewhere = RelayTls {
        ca: Authority::new().certificate,
        ..tls
    };
    for tls in [Some(elsewhere), None] {
        let mut config = mig_scheduler::SchedulerConfig::new(mig_scheduler::RelayAccess {
            host: "localhost".into(),
            port: site.address.port(),
            vhost: topology::VHOST.into(),
            user: topology::SCHEDULER_USER.into(),
            password: "secret".into(),
            tls,
            heartbeat: Duration::ZERO,
            timeout: site::DEADLINE,
        });
        config.sole = false;
        let scheduler = mig_scheduler::Scheduler::start(
            config,
            site.store.clone(),
            site.wake.clone(),
            site.changes.clone(),
        );
        assert!(!scheduler.connected(Duration::from_secs(1)).await);
        scheduler.stop().await;
    }
}
