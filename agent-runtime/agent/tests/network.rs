//! Ways to the relay and to the API.

mod site;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mig_protocol::CommandStatus;
use mig_protocol::json::parse_heartbeat;
use serde_json::json;
use site::{Authority, Site, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Reads up to an empty line.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A proxy that opens tunnels; counts them.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let request = head(&mut client).await?;
                let target = request
                    .strip_prefix("CONNECT ")
                    .unwrap()
                    .split(' ')
                    .next()
                    .unwrap();
                assert!(
                    request.contains(&format!("\r\nHost: {target}\r\n")),
                    "{request}"
                );
                let mut server = TcpStream::connect(target).await?;
                counter.fetch_add(1, Ordering::SeqCst);
                client
                    .write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
                    .await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, tunnels)
}

/// An API that takes heartbeats with the given status; what it got.
async fn api(status: &'static str) -> (String, mpsc::UnboundedReceiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Ok(head) = head(&mut stream).await else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                })
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0);
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).await.is_err() {
                continue;
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{{\"error\":null}}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = sender.send((head, body));
        }
    });
    (url, receiver)
}

async fn exchange(site: &mut Site) {
    let absent = site.signed("absent", json!({}));
    site.send(7, absent).await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Failed);
}

/// Moves the site's relay to one with TLS, and returns the agent's settings.
async fn with_tls(site: &mut Site, authority: &Authority) -> String {
    site.stop_relay().await;
    site.start_relay_with(Some(authority)).await;
    site.connect_scheduler().await;
    let (certificate, key) = authority.issue("agent");
    for (name, pem) in [
        ("ca.crt", &authority.pem),
        ("agent.crt", &certificate),
        ("agent.key", &key),
    ] {
        std::fs::write(site.path(name), pem).unwrap();
    }
    format!(
        "[certs]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"",
        site.path("ca.crt").display(),
        site.path("agent.crt").display(),
        site.path("agent.key").display()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_arrive_over_tls_with_client_certificates() {
    let mut site = Site::new().await;
    let certificates = with_tls(&mut site, &Authority::new()).await;
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &certificates);
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert!(!record.environment.isproxied);
    exchange(&mut site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_with_a_foreign_certificate_is_not_spoken_to() {
    let mut site = Site::new().await;
    let certificates = with_tls(&mut site, &Authority::new()).await;
    std::fs::write(site.path("ca.crt"), Authority::new().pem).unwrap();
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &certificates);
    let mut agent = site.agent();
    until("the refusal", || {
        agent.log().contains("no TLS with localhost")
    })
    .await;
    assert!(agent.is_running());
    assert!(!agent.log().contains("connected to the relay"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_used_for_tls_and_told() {
    let mut site = Site::new().await;
    let certificates = with_tls(&mut site, &Authority::new()).await;
    let (proxy, tunnels) = proxy().await;
    let relay = format!("amqps://agent:a@localhost:{}/mig", site.tls_port.unwrap());
    site.configure_for(&relay, &format!("proxies = \"{proxy}\"\n{certificates}"));
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert!(record.environment.isproxied);
    assert_eq!(record.environment.proxy, proxy);
    exchange(&mut site).await;
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_there_is_passed_over() {
    let mut site = Site::new().await;
    let dead = format!("127.0.0.1:{}", mig_testkit::free_port());
    site.configure(&format!("proxies = \"{dead}\""));
    let _agent = site.agent();
    let record = site.heartbeat().await;
    assert!(!record.environment.isproxied && record.environment.proxy.is_empty());
    exchange(&mut site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_kept_secret() {
    let mut site = Site::new().await;
    site.configure_for(&format!("amqp://agent:hunter2@{}/mig", site.address()), "");
    let mut agent = site.agent();
    until("the refusal", || agent.log().contains("trying again")).await;
    assert!(
        agent.is_running() && !agent.log().contains("hunter2"),
        "{}",
        agent.log()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_go_to_the_api_where_that_is_asked_for() {
    let mut site = Site::new().await;
    let (url, mut heartbeats) = api("200 OK").await;
    site.configure(&format!(
        "heartbeatvia = api\nheartbeatfreq = 1s\napi = \"{url}\""
    ));
    let agent = site.agent();
    let (head, body) = heartbeats.recv().await.unwrap();
    assert!(
        head.starts_with("POST /api/v1/heartbeat HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_ascii_lowercase()
            .contains("\r\ncontent-type: application/json\r\n"),
        "{head}"
    );
    let post = parse_heartbeat(&body).unwrap();
    assert_eq!(post.pid, i64::from(agent.pid()));
    assert!(post.queue_loc.starts_with("linux.") && !post.environment.ident.is_empty());
    let marker = site.run_directory().join("mig-agent.ok");
    until("the marker", || marker.exists()).await;
    // And again.
    heartbeats.recv().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_gone_or_refuses_does_not_disturb_the_agent() {
    let gone = format!("http://127.0.0.1:{}/api/v1/", mig_testkit::free_port());
    let (refusing, _heartbeats) = api("500 Internal Server Error").await;
    for url in [gone, refusing] {
        let mut site = Site::new().await;
        site.configure(&format!(
            "heartbeatvia = api\nheartbeatfreq = 1s\napi = \"{url}\""
        ));
        let mut agent = site.agent();
        until("the failure", || {
            agent.log().matches("failed: ").count() >= 2
        })
        .await;
        assert!(agent.log().contains("connected to the relay"));
        assert!(agent.is_running());
        assert!(!site.run_directory().join("mig-agent.ok").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_scheduler_results_wait_here() {
    let mut site = Site::new().await;
    let mut agent = site.agent();
    site.heartbeat().await;
    // The queue for results goes away, as when a site is set up anew.
    site.delete_results_queue().await;
    let absent = site.signed("absent", json!({}));
    site.send(7, absent).await;
    until("the refusal", || {
        agent.log().contains("did not take a result")
    })
    .await;
    site.connect_scheduler().await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Failed);
    assert!(agent.is_running());
}
