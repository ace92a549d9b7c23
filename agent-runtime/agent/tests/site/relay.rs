//! The site's relay, and certificates for TLS with it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mig_relay::{External, Listener, Password, Relay, RelayConfig, TlsFiles, User, topology};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{DEADLINE, Site};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(parameters, key),
            pem,
        }
    }

    /// Certificate and key, PEM.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.into()]).unwrap();
        let subject = &mut parameters.distinguished_name;
        subject.push(rcgen::DnType::CommonName, name);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

impl Site {
    pub async fn start_relay(&mut self) {
        self.start_relay_with(None).await;
    }

    /// With `tls` the relay listens on a second port, where it serves TLS.
    pub async fn start_relay_with(&mut self, tls: Option<&Authority>) {
        let mut config = RelayConfig::new(self.path("relay.db"));
        config.listeners.push(Listener::Plain(self.address));
        // Who waits for the answer to a login that was dropped waits for ever.
        config.limits.login_timeout = DEADLINE;
        if let Some(limit) = self.max_message {
            config.limits.max_message_bytes = limit;
        }
        if let Some(authority) = tls {
            let (certificate, key) = authority.issue("localhost");
            let files = TlsFiles {
                certificate: certificate.into(),
                key: key.into(),
                client_authority: authority.pem.clone().into(),
                revoked: None,
            };
            config
                .listeners
                .push(Listener::Tls(([127, 0, 0, 1], 0).into(), files));
        }
        for (name, password, permissions) in [
            (topology::AGENT_USER, "a", topology::agent_permissions()),
            (
                topology::SCHEDULER_USER,
                "s",
                topology::scheduler_permissions(),
            ),
        ] {
            config.users.push(User {
                name: name.into(),
                password: Password::parse(password).unwrap(),
                permissions,
            });
        }
        if !self.certificate_accounts.is_empty() {
            config.external = Some(External::default());
        }
        for name in &self.certificate_accounts {
            config.users.push(User {
                name: (*name).into(),
                password: Password::parse("never sent").unwrap(),
                permissions: topology::agent_permissions(),
            });
        }
        // The port of one that was stopped is not free while a program that another test
        // starts has a copy of its socket, which is until that is executed.
        let end = Instant::now() + DEADLINE;
        let relay = loop {
            match Relay::start(config.clone()).await {
                Ok(relay) => break relay,
                Err(error) => assert!(Instant::now() < end, "no relay: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        self.address = relay.addresses()[0];
        self.tls_port = relay.addresses().get(1).map(SocketAddr::port);
        self.relay = Some(relay);
    }

    /// Moves the site's relay to one with TLS, and returns the section of the
    /// agent's configuration with its certificates.
    pub async fn with_tls(&mut self, authority: &Authority) -> String {
        self.with_tls_as("agent", authority).await
    }

    /// The same with a certificate for another name.
    pub async fn with_tls_as(&mut self, name: &str, authority: &Authority) -> String {
        self.stop_relay().await;
        self.start_relay_with(Some(authority)).await;
        self.connect_scheduler().await;
        let (certificate, key) = authority.issue(name);
        for (name, pem) in [
            ("ca.crt", &authority.pem),
            ("agent.crt", &certificate),
            ("agent.key", &key),
        ] {
            std::fs::write(self.path(name), pem).unwrap();
        }
        format!(
            "[certs]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"",
            self.path("ca.crt").display(),
            self.path("agent.crt").display(),
            self.path("agent.key").display()
        )
    }

    pub async fn stop_relay(&mut self) {
        self.scheduler = None;
        self.relay.take().unwrap().shutdown().await.unwrap();
    }
}
