//! One HTTP request at a time, with limits on everything: heartbeats to the
//! API, the public address, cloud metadata, and questions to a running agent.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use mig_reach::Begin;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::proxy::{Proxy, TunnelError, open_tunnel, ways};

/// Longest answer taken.
const MAX_ANSWER: usize = 64 << 10;

/// Why a request failed.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The address makes no sense.
    #[error("`{0}` is not an http or https address")]
    Address(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The network said no.
    #[error("cannot reach {host}: {source}")]
    Network {
        /// `host:port`.
        host: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A proxy opens no tunnel.
    #[error("{0}")]
    Proxy(#[from] TunnelError),
    /// No certificates to check the server against.
    #[error("cannot check the server's certificate: {0}")]
    Trust(String),
    /// The other side does not speak HTTP as expected.
    #[error("bad answer: {0}")]
    Protocol(String),
}

/// What to ask.
pub struct Ask<'a> {
    /// Method.
    pub method: Method,
    /// Absolute address.
    pub url: &'a str,
    /// Extra header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// JSON document to send.
    pub json: Option<Vec<u8>>,
    /// Most time for connecting to one address.
    pub connect: Duration,
    /// Most time for all of it.
    pub total: Duration,
    /// A proxy to go through.
    pub proxy: Option<&'a Proxy>,
    /// Certificate authorities for https, beside the system's.
    pub extra_ca: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    /// A plain GET with customary limits.
    pub fn get(url: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: &[],
            json: None,
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            proxy: None,
            extra_ca: None,
        }
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// Any of [`HttpError`]; the status code of the answer is not judged.
    pub async fn send(self) -> Result<(StatusCode, Vec<u8>), HttpError> {
        let total = self.total;
        tokio::time::timeout(total, self.exchange())
            .await
            .unwrap_or(Err(HttpError::Timeout(total)))
    }

    async fn exchange(self) -> Result<(StatusCode, Vec<u8>), HttpError> {
        let bad_address = || HttpError::Address(self.url.to_owned());
        let uri: Uri = self.url.parse().map_err(|_| bad_address())?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad_address()),
        };
        let host = uri.host().ok_or_else(bad_address)?.to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let bare = host.trim_matches(['[', ']']).to_owned();
        let target = place(&bare, port);
        let first = self.proxy.map_or(target.as_str(), Proxy::place);
        let mut stream = connect(first, self.connect).await?;
        if let (Some(proxy), true) = (self.proxy, secure) {
            open_tunnel(&mut stream, proxy, &target).await?;
        }

        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or(host.as_str(), |part| part.as_str());
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        // What is in the clear anyway is handed to the proxy itself: many of
        // them open tunnels to the port of https only.
        let handed = self.proxy.filter(|_| !secure);
        let wanted = match handed {
            Some(_) => format!("http://{authority}{path}"),
            None => path.to_owned(),
        };
        let mut request = Request::builder()
            .method(self.method)
            .uri(wanted)
            .header(header::HOST, authority)
            .header(
                header::USER_AGENT,
                concat!("mig-agent/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(value) = handed.and_then(Proxy::authorization) {
            request = request.header(header::PROXY_AUTHORIZATION, value);
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        if self.json.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(self.json.unwrap_or_default())))
            .map_err(|error| HttpError::Protocol(error.to_string()))?;
        if !secure {
            return talk(stream, request).await;
        }
        let connector = TlsConnector::from(Arc::new(trust(self.extra_ca)?));
        let name =
            ServerName::try_from(bare).map_err(|_| HttpError::Address(self.url.to_owned()))?;
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|source| HttpError::Network { host, source })?;
        talk(stream, request).await
    }
}

/// The ways to an address: the configured proxies, that of the environment, and
/// the direct one. An address that makes no sense is left to [`Ask::send`].
pub(crate) fn ways_to(url: &str, configured: &[Proxy]) -> Vec<Option<Proxy>> {
    let uri: Uri = url.parse().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("http");
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(usual);
    ways(configured, scheme, uri.host().unwrap_or_default(), port)
}

/// `host:port` with brackets where they are needed.
fn place(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Connects to one of the addresses of a name, each of which has `limit` to answer.
async fn connect(place: &str, limit: Duration) -> Result<TcpStream, HttpError> {
    let begin = Begin::At(getrandom::u32().unwrap_or(0));
    mig_reach::connect(place, begin, limit)
        .await
        .map_err(|source| HttpError::Network {
            host: place.to_owned(),
            source,
        })
}

async fn talk<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Vec<u8>), HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let protocol = |error: hyper::Error| HttpError::Protocol(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(16 << 10)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(protocol)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| HttpError::Protocol(error.to_string()))?;
        Ok((status, body.to_bytes().to_vec()))
    };
    // The connection is driven only as long as the exchange lasts.
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut closed = false;
    loop {
        tokio::select! {
            biased;
            outcome = &mut exchange => return outcome,
            _ = &mut connection, if !closed => closed = true,
        }
    }
}

/// Where distributions keep the certificate authorities they trust.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Read for each request and dropped afterwards: a heartbeat every few minutes
/// does not justify holding every authority of the world in memory.
fn trust(extra: Option<&[u8]>) -> Result<ClientConfig, HttpError> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    let mut roots = rustls::RootCertStore::empty();
    let mut add = |pem: &[u8]| {
        let (added, _) = roots
            .add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
        added
    };
    let mut added = extra.map_or(0, &mut add);
    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    for path in named.into_iter().chain(SYSTEM_AUTHORITIES.map(Into::into)) {
        if let Ok(pem) = std::fs::read(&path) {
            added += add(&pem);
            break;
        }
    }
    if added == 0 {
        return Err(HttpError::Trust(
            "no certificate authorities found; install ca-certificates or set `ca` in [certs]"
                .into(),
        ));
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Trust(error.to_string()))
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_none_is_named() {
        for url in ["", "localhost:1", "ftp://x/", "http:///x"] {
            let error = Ask::get(url).send().await.unwrap_err();
            assert!(matches!(error, HttpError::Address(_)), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_an_error_and_not_a_hang() {
        let port = mig_testkit::free_port();
        let error = Ask::get(&format!("http://127.0.0.1:{port}/"))
            .send()
            .await
            .unwrap_err();
        assert!(matches!(error, HttpError::Network { .. }), "{error}");
    }

    /// Both the API and a proxy may be names with several addresses.
    #[tokio::test]
    async fn a_silent_address_of_a_name_is_passed_over() {
        if !mig_testkit::own_mounts() {
            return;
        }
        let port = mig_testkit::free_port();
        let _silent = mig_testkit::Silent::listen_at(([127, 0, 0, 2], port).into());
        mig_testkit::name(&[("api.test", [127, 0, 0, 2]), ("api.test", [127, 0, 0, 1])]);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .unwrap();
        let served = std::sync::atomic::AtomicU32::new(0);
        let serving = async {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
                served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        let url = format!("http://api.test:{port}/");
        let proxy = Proxy::parse(&format!("api.test:{port}")).unwrap();
        // Each begins with an address of its own choice; many of them with either.
        let asking = (0..24).map(|number| {
            let through = number % 2 == 0;
            let ask = Ask {
                proxy: through.then_some(&proxy),
                ..Ask::get(if through {
                    "http://elsewhere.test/"
                } else {
                    &url
                })
            };
            ask.send()
        });
        let outcomes = tokio::select! {
            () = serving => unreachable!("it listens for ever"),
            outcomes = futures_util::future::join_all(asking) => outcomes,
        };
        for outcome in outcomes {
            assert_eq!(outcome.unwrap().0, StatusCode::OK);
        }
        assert_eq!(served.into_inner(), 24);
    }
}
