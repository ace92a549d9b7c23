//! Requests to the API as somebody sends them who keeps to no client's rules.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_acceptance::Site;
use mig_protocol::openpgp::KeyFileSigner;
use mig_protocol::token::create_token;
use mig_protocol::{Id, Time};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::stage::INVESTIGATOR;

type Wire = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// A connection that is made again when the server has ended it.
pub struct Https {
    config: Arc<ClientConfig>,
    port: u16,
    token: String,
    made: Instant,
    signer: KeyFileSigner,
    ahead: i64,
    wire: Option<Wire>,
}

/// Status and body of an answer.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    /// The values of the items of one type.
    pub fn values(&self, name: &str) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let items = body["collection"]["items"].as_array().cloned();
        let data = items
            .into_iter()
            .flatten()
            .map(|item| item["data"][0].clone());
        let data = data.filter(|data| data["name"] == name);
        data.map(|data| data["value"].clone()).collect()
    }

    /// The value of the first item, of whatever type.
    pub fn first(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["collection"]["items"][0]["data"][0]["value"].clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Https {
    /// Somebody who may ask for everything.
    pub fn to(site: &Site) -> Self {
        Self::at(site, 0)
    }

    /// The same with a token that is so many seconds ahead.
    pub fn at(site: &Site, ahead: i64) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(site.path("ca.crt")).expect("a file") {
            roots.add(certificate.expect("PEM")).expect("a certificate");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = site.path(&format!("{INVESTIGATOR}.key"));
        let signer = KeyFileSigner::from_file(&key, None).expect("a secret key");
        let now = Time::from_unix(Time::now().unix_seconds() + ahead);
        Self {
            config: Arc::new(config),
            port: site.ports().api,
            token: create_token(&signer, now, Id(1)).expect("a token"),
            made: Instant::now(),
            signer,
            ahead,
            wire: None,
        }
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.request("GET", path, "", b"")
    }

    pub fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> Reply {
        self.request("POST", path, content_type, body)
    }

    /// Posts something; `None` when the server ends the connection instead of
    /// reading all of it.
    pub fn post_if_let(&mut self, path: &str, content_type: &str, body: &[u8]) -> Option<Reply> {
        self.attempt("POST", path, content_type, body).ok()
    }

    fn request(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Reply {
        self.attempt(method, path, content_type, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn attempt(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> std::io::Result<Reply> {
        // Tokens are good for ten minutes, and there are tests of thousands of requests.
        if self.made.elapsed() > Duration::from_secs(120) {
            let now = Time::from_unix(Time::now().unix_seconds() + self.ahead);
            self.token = create_token(&self.signer, now, Id(1)).expect("a token");
            self.made = Instant::now();
        }
        let mut request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n\
             X-PGPAUTHORIZATION: {}\r\nContent-Length: {}\r\n",
            self.token,
            body.len()
        );
        if !content_type.is_empty() {
            request += &format!("Content-Type: {content_type}\r\n");
        }
        request += "\r\n";
        let mut failure = None;
        for _ in 0..3 {
            match self.exchange(request.as_bytes(), body) {
                Ok(reply) => return Ok(reply),
                // The server may end a connection between two requests, and one
                // whose body it does not want in the middle.
                Err(error) => failure = Some(error),
            }
            self.wire = None;
        }
        Err(failure.unwrap_or_else(|| std::io::ErrorKind::NotConnected.into()))
    }

    fn exchange(&mut self, head: &[u8], body: &[u8]) -> std::io::Result<Reply> {
        let wire = match self.wire.take() {
            Some(wire) => wire,
            None => self.connect()?,
        };
        let wire = self.wire.insert(wire);
        wire.get_mut().write_all(head)?;
        let sent = wire.get_mut().write_all(body);
        let reply = read(wire);
        // What it says counts, also if it did not want to hear all.
        reply.or_else(|error| sent.and(Err(error)))
    }

    fn connect(&self) -> std::io::Result<Wire> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::clone(&self.config), name);
        let tls = tls.map_err(std::io::Error::other)?;
        Ok(BufReader::new(StreamOwned::new(tls, stream)))
    }
}

fn read(wire: &mut Wire) -> std::io::Result<Reply> {
    let mut line = String::new();
    if wire.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("`{line}`")))?;
    let mut length = 0;
    loop {
        line.clear();
        wire.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    wire.read_exact(&mut body)?;
    Ok(Reply { status, body })
}

/// A query of names and values, with everything escaped that is not a letter or a
/// digit.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        });
        bytes.collect::<String>()
    };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    pairs.join("&")
}
