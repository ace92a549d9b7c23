//! An API that takes heartbeats and tells addresses.

use std::sync::{Arc, Mutex};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::Authority;
use super::proxy::head;

pub struct TestApi {
    pub port: u16,
    /// Heads and bodies of heartbeats.
    pub heartbeats: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    /// What `ip` answers.
    pub address: Arc<Mutex<String>>,
}

impl TestApi {
    /// Answers heartbeats with this status.
    pub async fn start(status: &'static str) -> Self {
        Self::start_with(status, None).await
    }

    /// The same over TLS, as `localhost`.
    pub async fn start_with(status: &'static str, authority: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heartbeats) = mpsc::unbounded_channel();
        let address = Arc::new(Mutex::new("198.51.100.9".to_owned()));
        let acceptor = authority.map(acceptor);
        let told = Arc::clone(&address);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, told) = (sender.clone(), Arc::clone(&told));
                match acceptor.clone() {
                    None => drop(tokio::spawn(answer(stream, status, sender, told))),
                    Some(acceptor) => drop(tokio::spawn(async move {
                        let stream = acceptor.accept(stream).await?;
                        answer(stream, status, sender, told).await
                    })),
                }
            }
        });
        Self {
            port,
            heartbeats,
            address,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1/", self.port)
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    status: &'static str,
    sender: mpsc::UnboundedSender<(String, Vec<u8>)>,
    told: Arc<Mutex<String>>,
) -> std::io::Result<()> {
    let head = head(&mut stream).await?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (status, text) = if head.starts_with("GET /api/v1/ip ") {
        ("200 OK", told.lock().unwrap().clone())
    } else {
        (status, r#"{"error":null}"#.to_owned())
    };
    let length = text.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    if head.starts_with("POST ") {
        let _ = sender.send((head, body));
    }
    Ok(())
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let (certificate, key) = authority.issue("localhost");
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
