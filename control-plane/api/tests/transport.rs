//! The listener: TLS, limits and what is not there.

mod site;

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::Permissions;
use site::{DEADLINE, Site, exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let site = Site::start().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1/nothing"),
        ("DELETE", "/api/v1/action"),
        ("POST", "/api/v1/dashboard"),
        ("GET", "/api/v1/../v1/ip"),
    ] {
        let reply = site.request(method, path, "", b"").await;
        assert_eq!(reply.status, 404, "{method} {path}");
        assert_eq!(reply.body, "404 page not found\n");
    }
    for path in ["/api/v1/ip", "/api/v1//ip", "/api/v1/ip/"] {
        let reply = site.request("GET", path, "", b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "127.0.0.1"));
    }
}

#[tokio::test]
async fn a_body_is_limited_and_read_only_for_those_let_in() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let large = vec![b'x'; 103_000];
    let reply = site.request("POST", "/api/v1/heartbeat", "", &large).await;
    assert_eq!(reply.status, 413);
    let huge = vec![b'x'; 11 << 20];
    let path = "/api/v1/action/create/";
    let reply = site.request("POST", path, &ada.key_header(), &huge).await;
    assert_eq!(reply.status, 413);
    let reply = site.request("POST", path, "", &large).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_client_that_dawdles_is_dropped() {
    let site = Site::start_with(|config| {
        config.head_timeout = Duration::from_millis(100);
        config.connections = 1;
    })
    .await;
    let half_a_head = b"GET /api/v1/ip HTTP/1.1\r\nHo";
    let mut silent = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    silent.write_all(half_a_head).await.expect("half a head");
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, silent.read_to_end(&mut rest))
        .await
        .expect("the connection ends")
        .ok();

    // The only place is taken until the first client has been dropped.
    let site = Site::start_with(|config| config.connections = 1).await;
    let mut silent = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    silent.write_all(half_a_head).await.expect("half a head");
    let reply = site.request("GET", "/api/v1/ip", "", b"").await;
    assert_eq!(reply.status, 200);
    tokio::time::timeout(DEADLINE, silent.read_to_end(&mut rest))
        .await
        .expect("the connection ends")
        .ok();

    // Of its own: a head that comes late must not be what ends the connection.
    let site = Site::start_with(|config| config.body_timeout = Duration::from_millis(100)).await;
    let mut slow = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    slow.write_all(b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        .await
        .expect("half a body");
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, slow.read_to_end(&mut answer))
        .await
        .expect("the connection ends")
        .ok();
    assert!(
        answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn https_is_served_with_the_given_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key =
        rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a server");
    let site = Site::start_with(|config| {
        config.tls = Some(Arc::new(server));
        config.host = None;
    })
    .await;
    assert!(site.api.url().starts_with("https://127.0.0.1:"));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    let name = rustls_pki_types::ServerName::try_from("localhost").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .expect("a handshake");
    let reply = exchange(stream, "GET", "/api/v1/ip", "", b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "127.0.0.1"));

    // Plain HTTP gets no answer there, and harms nobody.
    let mut plain = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("a request");
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, plain.read_to_end(&mut answer))
        .await
        .expect("the connection ends")
        .ok();
    assert!(!answer.starts_with(b"HTTP"));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let site = Site::start().await;
    let address = site.api.address();
    let config = mig_api::ApiConfig::new(address);
    let error = mig_api::Api::start(
        config,
        Arc::clone(&site.store),
        site.wake.clone(),
        site.changes.clone(),
    )
    .await
    .err()
    .expect("the port is taken")
    .to_string();
    assert!(
        error.starts_with(&format!("the API cannot listen on {address}: ")),
        "{error}"
    );
}

/// So many places for connections, each taken by somebody who says nothing.
#[tokio::test]
async fn strangers_that_say_nothing_keep_no_investigator_out() {
    const PLACES: usize = 64;
    let site = Site::start_with(|config| config.connections = PLACES).await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    let mut strangers = Vec::new();
    for _ in 0..2 * PLACES {
        let stranger = TcpStream::connect(site.api.address()).await;
        strangers.push(stranger.expect("a connection"));
    }
    let reply = site.get("/dashboard", &ada).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    // The oldest made room for it.
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, strangers[0].read_to_end(&mut rest))
        .await
        .expect("the connection ends")
        .ok();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn who_asks_for_nothing_in_time_is_let_go() {
    let site = Site::start_with(|config| config.silence = Duration::from_millis(100)).await;
    let mut silent = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, silent.read_to_end(&mut rest))
        .await
        .expect("the connection ends")
        .ok();
    assert!(rest.is_empty());
}

/// Reads one answer with a body of its `Content-Length`; what follows is left.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = async {
        loop {
            text.push(stream.read_u8().await.expect("an answer"));
            if text.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8(text).expect("UTF-8").to_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                let mut body = vec![0; length.expect("a length")];
                stream.read_exact(&mut body).await.expect("a body");
                return head;
            }
        }
    };
    tokio::time::timeout(DEADLINE, reading)
        .await
        .expect("an answer in time")
}

/// Agents of the original open a connection for each heartbeat and never close one.
#[tokio::test]
async fn connections_are_kept_for_investigators_only() {
    let site = Site::start().await;
    let ada = site.person("Ada", Permissions::DEFAULT).await;
    for (request, headers, status) in [
        ("GET /api/v1/ip", "", 200),
        ("POST /api/v1/heartbeat", "", 400),
        ("GET /api/v1/dashboard", "", 401),
        ("GET /api/v1/dashboard", "X-MIGAPIKEY: wrong\r\n", 401),
        ("GET /nothing", "", 404),
    ] {
        let mut stream = TcpStream::connect(site.api.address())
            .await
            .expect("a connection");
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut text = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text))
            .await
            .expect("the connection ends")
            .expect("an answer");
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
    let mut stream = TcpStream::connect(site.api.address())
        .await
        .expect("a connection");
    for _ in 0..3 {
        let key = ada.key_header();
        let head = format!("GET /api/v1/dashboard HTTP/1.1\r\nHost: x\r\n{key}\r\n");
        stream.write_all(head.as_bytes()).await.expect("a request");
        let head = answer(&mut stream).await;
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(!head.contains("connection: close"), "{head}");
    }
}
