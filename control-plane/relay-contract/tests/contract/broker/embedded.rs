//! The embedded relay, in this process.

use std::net::SocketAddr;
use std::time::Duration;

use mig_relay::{
    External, Grant, Listener, Password, PermissionPatterns, Relay, RelayConfig, RelayHandle,
    TlsFiles, User,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::{DOCUMENTED, Identity, SECRET, SINGLE};

pub const VHOST: &str = "mig";
pub const OTHER_VHOST: &str = "other";

pub struct Embedded {
    relay: RelayHandle,
    authority: Authority,
    _directory: TempDir,
}

impl Embedded {
    pub async fn start() -> Embedded {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::new();
        let (certificate, key) = authority.issue("localhost");
        let mut config = RelayConfig::new(directory.path().join("relay.db"));
        config.listeners = vec![
            Listener::Plain(([127, 0, 0, 1], 0).into()),
            Listener::Tls(
                ([127, 0, 0, 1], 0).into(),
                TlsFiles {
                    certificate: certificate.into(),
                    key: key.into(),
                    client_authority: authority.pem.clone().into(),
                    revoked: None,
                },
            ),
        ];
        config.users.push(User {
            name: "guest".into(),
            password: Password::Plain("guest".into()),
            permissions: PermissionPatterns::all(),
        });
        let accounts = directory.path().join("accounts");
        std::fs::write(&accounts, format!("{SINGLE} agent linux.one {SECRET}\n")).expect("written");
        config.accounts = Some(accounts);
        let by_patterns = DOCUMENTED.into_iter().filter(|(name, _)| *name != SINGLE);
        for (name, [configure, write, read]) in by_patterns {
            config.users.push(User {
                name: name.into(),
                password: Password::Plain(SECRET.into()),
                permissions: PermissionPatterns {
                    configure: configure.into(),
                    write: write.into(),
                    read: read.into(),
                },
            });
        }
        config.vhosts.push(OTHER_VHOST.into());
        config.grants.push(Grant {
            user: "guest".into(),
            vhost: OTHER_VHOST.into(),
            permissions: PermissionPatterns::all(),
        });
        config.external = Some(External::default());
        config.limits.refused_login_delay = Duration::from_millis(1);
        // A busy machine is no reason to drop anybody.
        config.limits.login_timeout = Duration::from_secs(120);
        let relay = Relay::start(config).await.expect("a relay");
        Embedded {
            relay,
            authority,
            _directory: directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.relay.addresses()[0]
    }

    pub fn tls_address(&self) -> SocketAddr {
        self.relay.addresses()[1]
    }

    pub fn identity(&self, name: &str) -> Identity {
        Identity {
            authority: self.authority.pem.clone(),
            own: Some(self.authority.issue(name)),
        }
    }
}

/// An authority for one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Certificate and key with this common name.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.into()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}
