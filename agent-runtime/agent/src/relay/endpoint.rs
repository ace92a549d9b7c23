//! Where the relay is and how to get there: URL, certificates, proxies.

use std::sync::Arc;

use lapin::uri::{AMQPScheme, AMQPUri};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use thiserror::Error;
use url::{Host, Url};

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
        "`relay` in [agent] is not an address such as amqps://user:password@host:5671/vhost: {0}"
    )]
    Url(String),
    /// TLS without certificates.
    #[error("`relay` in [agent] is amqps, which needs `ca`, `cert` and `key` in [certs]")]
    Certificates,
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
    /// `host:port` of proxies to try, in order, before going directly.
    pub(super) proxies: Vec<String>,
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

impl Endpoint {
    /// Understands the settings. `heartbeat` is the agent's period in seconds.
    ///
    /// # Errors
    /// The URL is none, or it asks for TLS and there are no certificates.
    pub fn new(
        relay: &str,
        certificates: Option<Certificates>,
        proxies: &[String],
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
        let environment = environment_proxy(&uri.authority.host, |name| std::env::var(name).ok());
        Ok(Self {
            uri,
            tls,
            proxies: proxies.iter().cloned().chain(environment).collect(),
        })
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

/// The proxy that the environment asks for, unless the host is local or
/// excepted by `NO_PROXY`.
fn environment_proxy(host: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let either = |upper: &str| {
        variable(upper)
            .or_else(|| variable(&upper.to_ascii_lowercase()))
            .filter(|value| !value.is_empty())
    };
    let local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    let excepted = either("NO_PROXY").is_some_and(|list| {
        list.split(',').map(str::trim).any(|entry| {
            let entry = entry.trim_start_matches('.');
            entry == "*"
                || (!entry.is_empty()
                    && (host == entry
                        || host
                            .strip_suffix(entry)
                            .is_some_and(|rest| rest.ends_with('.'))))
        })
    });
    if local || excepted {
        return None;
    }
    let proxy = either("HTTP_PROXY")?;
    let with_scheme = if proxy.contains("://") {
        proxy
    } else {
        format!("http://{proxy}")
    };
    let url = Url::parse(&with_scheme).ok()?;
    let name = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some(place(&name, url.port_or_known_default()?))
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

    #[test]
    fn the_environment_s_proxy_is_for_other_hosts() {
        let asked = |host: &str, no_proxy: &str| {
            environment_proxy(host, |name| match name {
                "http_proxy" => Some("http://proxy.example.net:3128/".into()),
                "NO_PROXY" => Some(no_proxy.into()),
                _ => None,
            })
        };
        assert_eq!(
            asked("relay.example.net", "").as_deref(),
            Some("proxy.example.net:3128")
        );
        for (host, excepted) in [
            ("localhost", ""),
            ("127.0.0.1", ""),
            ("::1", ""),
            ("relay.example.net", ".example.net"),
            ("relay.example.net", "a, relay.example.net"),
            ("relay.example.net", "*"),
        ] {
            assert_eq!(asked(host, excepted), None, "{host} {excepted}");
        }
        assert!(asked("badexample.net", "example.net").is_some());
    }
}
