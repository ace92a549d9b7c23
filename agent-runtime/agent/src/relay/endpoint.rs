//! Where the relay is and how to get there: URL, certificates, proxies.

use std::sync::Arc;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use thiserror::Error;
use url::{Host, Url};

use crate::proxy::{Proxy, ways};

/// Largest AMQP frame asked for. The library keeps two buffers of 32 frames, so
/// this decides what an idle agent weighs; a broker may insist on 8 KiB.
const FRAME_MAX: u32 = 8192;
/// Longest AMQP heartbeat asked for: a dead relay should be noticed in minutes.
const MAX_HEARTBEAT: u64 = 120;

/// Why the relay's address cannot be used.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// Not a URL of a relay. The URL is not shown, it holds a password.
    #[error(
        "`relay` in [agent] is not an address such as amqps://user:password@host:5671/vhost, or \
         several of them separated by commas: {0}"
    )]
    Url(String),
    /// TLS without certificates.
    #[error("`relay` in [agent] is amqps, which needs `ca`, `cert` and `key` in [certs]")]
    Certificates,
    /// A login by certificate without TLS.
    #[error("`relayauth` in [agent] is certificate, which needs an amqps address in `relay`")]
    PlainLogin,
    /// Certificates that are none.
    #[error("`{key}` in [certs] cannot be used: {reason}")]
    Certificate {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The relay.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) uri: AMQPUri,
    /// Where TLS is spoken: with what, and to whom.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The ways to try, in order; `None` is the direct one.
    pub(super) ways: Vec<Option<Proxy>>,
}

/// PEM texts for a connection over TLS.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// Authorities the relay's certificate is checked against.
    pub ca: Vec<u8>,
    /// The agent's certificate.
    pub cert: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
}

impl Certificates {
    /// TLS that trusts this authority only and shows this certificate.
    fn client_config(&self) -> Result<ClientConfig, EndpointError> {
        let wrong =
            |key: &'static str| move |reason: String| EndpointError::Certificate { key, reason };
        let list = |pem: &[u8], key: &'static str| {
            let list: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|error| wrong(key)(error.to_string()))?;
            if list.is_empty() {
                return Err(wrong(key)("it holds no PEM certificate".into()));
            }
            Ok(list)
        };
        let mut roots = RootCertStore::empty();
        for certificate in list(&self.ca, "ca")? {
            roots
                .add(certificate)
                .map_err(|error| wrong("ca")(error.to_string()))?;
        }
        let chain = list(&self.cert, "cert")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong("key")(error.to_string()))?;
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("ca")(error.to_string()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| wrong("key")(error.to_string()))
    }
}

/// The addresses in the value of `relay`: one, or several separated by commas. A
/// comma within an address, as in a password, separates nothing.
pub fn addresses(relay: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(relay);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.match_indices(',').map(|(at, _)| at).find(|at| {
            let next = text[at + 1..].trim_start();
            next.starts_with("amqp://") || next.starts_with("amqps://")
        });
        rest = end.map(|at| &text[at + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim())
    })
}

impl Endpoint {
    /// Understands each of the [`addresses`] in `relay`, as [`Endpoint::new`]
    /// does one.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn all(
        relay: &str,
        certificates: Option<&Certificates>,
        proxies: &[Proxy],
        heartbeat: u64,
    ) -> Result<Vec<Self>, EndpointError> {
        addresses(relay)
            .map(|address| Self::new(address, certificates.cloned(), proxies, heartbeat))
            .collect()
    }

    /// Understands the settings. `heartbeat` is the agent's period in seconds.
    ///
    /// # Errors
    /// The URL is none, or it asks for TLS and there are no certificates.
    pub fn new(
        relay: &str,
        certificates: Option<Certificates>,
        proxies: &[Proxy],
        heartbeat: u64,
    ) -> Result<Self, EndpointError> {
        let url = Url::parse(relay).map_err(|error| EndpointError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(EndpointError::Url(format!(
                "unknown scheme `{}`",
                url.scheme()
            )));
        }
        let host = url
            .host()
            .ok_or_else(|| EndpointError::Url("it names no host".into()))?;
        // The library's own message would repeat the password.
        let mut uri: AMQPUri = relay
            .parse()
            .map_err(|_| EndpointError::Url("it cannot be understood".into()))?;
        if let Host::Ipv6(address) = host {
            uri.authority.host = address.to_string();
        }
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        uri.query.frame_max = Some(FRAME_MAX);
        uri.query.heartbeat =
            Some(u16::try_from((2 * heartbeat).clamp(1, MAX_HEARTBEAT)).unwrap_or(60));
        uri.query.auth_mechanism = None;

        let tls = match uri.scheme {
            AMQPScheme::AMQP => None,
            AMQPScheme::AMQPS => {
                let certificates = certificates.ok_or(EndpointError::Certificates)?;
                let name = ServerName::try_from(uri.authority.host.clone())
                    .map_err(|error| EndpointError::Url(error.to_string()))?;
                Some((Arc::new(certificates.client_config()?), name))
            }
        };
        // Also for amqps the environment is asked as for http, as it always was.
        let ways = ways(proxies, "http", &uri.authority.host, uri.authority.port);
        Ok(Self { uri, tls, ways })
    }

    /// Has the agent show its certificate alone, without user and password: the
    /// relay takes the account from the certificate's name (SASL EXTERNAL).
    ///
    /// # Errors
    /// The connection has no certificate to show.
    pub fn with_certificate_login(mut self) -> Result<Self, EndpointError> {
        if self.tls.is_none() {
            return Err(EndpointError::PlainLogin);
        }
        self.uri.query.auth_mechanism = Some(SASLMechanism::External);
        Ok(self)
    }

    /// `host:port`, for people.
    pub fn place(&self) -> String {
        place(&self.uri.authority.host, self.uri.authority.port)
    }
}

/// `host:port` with brackets where they are needed.
pub(super) fn place(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(url, None, &[], 300)
    }

    #[test]
    fn the_url_is_read_as_the_original_reads_it() {
        for (url, host, port, vhost, user, password) in [
            ("amqp://u:p%40@h/", "h", 5672, "/", "u", "p@"),
            ("amqp://h", "h", 5672, "/", "guest", "guest"),
            (
                "amqp://u:p@127.0.0.1:99/a%2fb",
                "127.0.0.1",
                99,
                "a/b",
                "u",
                "p",
            ),
            ("amqp://u:p@[::1]:99/mig", "::1", 99, "mig", "u", "p"),
        ] {
            let uri = endpoint(url).unwrap().uri;
            assert_eq!(uri.authority.host, host, "{url}");
            assert_eq!(
                (uri.authority.port, uri.vhost.as_str()),
                (port, vhost),
                "{url}"
            );
            assert_eq!(uri.authority.userinfo.username, user, "{url}");
            assert_eq!(uri.authority.userinfo.password, password, "{url}");
            assert_eq!(uri.query.frame_max, Some(FRAME_MAX), "{url}");
            assert_eq!(uri.query.heartbeat, Some(120), "{url}");
        }
    }

    #[test]
    fn a_bad_address_is_refused_without_its_password() {
        for url in [
            "",
            "http://u:hunter2@h/",
            "amqp://u:hunter2@",
            "amqp://u:hunter2@h:port/",
        ] {
            let message = endpoint(url).err().unwrap().to_string();
            assert!(
                message.contains("relay") && !message.contains("hunter2"),
                "{message}"
            );
        }
    }

    #[test]
    fn several_addresses_are_told_apart_and_commas_within_one_are_left_alone() {
        for (relay, expected) in [
            ("amqp://u:p@h/", vec!["amqp://u:p@h/"]),
            ("amqp://u:a,b@h/", vec!["amqp://u:a,b@h/"]),
            (
                " amqp://u:p@a:1/m ,\tamqps://u:p,@b:2/m,amqp://c",
                vec!["amqp://u:p@a:1/m", "amqps://u:p,@b:2/m", "amqp://c"],
            ),
            ("", vec![""]),
        ] {
            assert_eq!(addresses(relay).collect::<Vec<_>>(), expected, "{relay}");
        }
        let places = |relay| -> Result<Vec<_>, _> {
            let all = Endpoint::all(relay, None, &[], 300)?;
            Ok::<_, EndpointError>(all.iter().map(Endpoint::place).collect())
        };
        assert_eq!(
            places("amqp://a:1/m, amqp://b/m").unwrap(),
            ["a:1", "b:5672"]
        );
        assert!(places("amqp://a/m, amqps://b/m").is_err());
    }

    #[test]
    fn a_login_by_certificate_needs_tls() {
        let plain = endpoint("amqp://h/mig").unwrap().with_certificate_login();
        let message = plain.err().unwrap().to_string();
        assert!(message.starts_with("`relayauth` in [agent]"), "{message}");
    }

    #[test]
    fn tls_needs_certificates() {
        let with = |certificates| Endpoint::new("amqps://u:p@h/mig", certificates, &[], 300);
        assert!(matches!(with(None), Err(EndpointError::Certificates)));
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(vec!["h".into()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let good = Certificates {
            ca: cert.pem().into(),
            cert: cert.pem().into(),
            key: key.serialize_pem().into(),
        };
        let endpoint = with(Some(good.clone())).unwrap();
        assert!(endpoint.tls.is_some());
        assert_eq!(endpoint.uri.query.auth_mechanism, None);
        let external = endpoint.clone().with_certificate_login().unwrap();
        let mechanism = external.uri.query.auth_mechanism;
        assert_eq!(mechanism, Some(SASLMechanism::External));
        assert_eq!(endpoint.place(), "h:5671");
        for (key, spoil) in [
            (
                "ca",
                (|all: &mut Certificates| all.ca = b"none".to_vec()) as fn(&mut Certificates),
            ),
            ("cert", |all| all.cert.clear()),
            ("key", |all| all.key = all.cert.clone()),
        ] {
            let mut bad = good.clone();
            spoil(&mut bad);
            let message = with(Some(bad)).err().unwrap().to_string();
            assert!(
                message.starts_with(&format!("`{key}` in [certs] cannot be used: ")),
                "{message}"
            );
        }
    }
}
