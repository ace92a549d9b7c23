//! From the protocol header to heartbeats.

use crate::raw::{PROTOCOL, Raw};
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, connection};
use mig_relay::{Password, PermissionPatterns, User};
use std::time::{Duration, Instant};

#[tokio::test]
async fn another_protocol_is_answered_with_ours() {
    let server = Server::start().await;
    for header in [&b"AMQP\0\0\x09\0"[..], b"AMQP\x03\x01\0\0", b"GET / HT"] {
        let mut raw = Raw::dial(server.address()).await;
        raw.send(header).await;
        assert_eq!(raw.rest().await, PROTOCOL);
    }
}

#[tokio::test]
async fn wrong_names_and_passwords_are_refused_with_403() {
    let server = Server::start().await;
    for credentials in ["guest:wrong", "nobody:guest-secret", "guest:"] {
        let uri = format!("amqp://{credentials}@{}/mig", server.address());
        let error = connect(&uri).await.expect_err("refused");
        assert_eq!(code(&error), 403, "{credentials}");
    }
    assert_eq!(server.relay.stats().logins_refused, 3);
}

#[tokio::test]
async fn hashed_passwords_let_in_and_keep_out() {
    let server = Server::with(|config| {
        config.users.push(User {
            name: "hashed".into(),
            password: Password::hash("right").expect("a hash"),
            permissions: PermissionPatterns::all(),
        });
    })
    .await;
    let uri = |password: &str| format!("amqp://hashed:{password}@{}/mig", server.address());
    assert_eq!(
        code(&connect(&uri("wrong")).await.expect_err("refused")),
        403
    );
    for _ in 0..2 {
        connect(&uri("right")).await.expect("a connection");
    }
}

#[tokio::test]
async fn another_vhost_is_refused_with_530() {
    let server = Server::start().await;
    let uri = server.uri("guest").replace("/mig", "/other");
    assert_eq!(code(&connect(&uri).await.expect_err("refused")), 530);
}

#[tokio::test]
async fn tune_values_outside_the_offer_are_refused_with_530() {
    let server = Server::start().await;
    for (channel_max, frame_max) in [(16, 4095), (16, 200_000), (1000, 131_072)] {
        let mut raw = Raw::dial(server.address()).await;
        raw.send(PROTOCOL).await;
        raw.frame().await.expect("connection.start");
        raw.start_ok("guest", "guest-secret").await;
        raw.frame().await.expect("connection.tune");
        raw.tune_ok(channel_max, frame_max, 0).await;
        assert_eq!(raw.refusal().await.reply_code, 530);
    }
}

#[tokio::test]
async fn a_client_without_limits_of_its_own_gets_ours() {
    let server = Server::start().await;
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    raw.start_ok("guest", "guest-secret").await;
    raw.frame().await.expect("connection.tune");
    raw.tune_ok(0, 0, 0).await;
    raw.connection_open("mig").await;
    raw.frame().await.expect("connection.open-ok");
    raw.open_channel(100).await;
}

#[tokio::test]
async fn methods_before_their_turn_are_refused_with_503() {
    let server = Server::start().await;
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    raw.connection_open("mig").await;
    assert_eq!(raw.refusal().await.reply_code, 503);
}

#[tokio::test]
async fn another_mechanism_is_refused_with_503() {
    let server = Server::start().await;
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    let start_ok = connection::StartOk {
        mechanism: "EXTERNAL".into(),
        ..Default::default()
    };
    let method = connection::AMQPMethod::StartOk(start_ok);
    raw.method(0, AMQPClass::Connection(method)).await;
    assert_eq!(raw.refusal().await.reply_code, 503);
}

#[tokio::test]
async fn a_silent_client_is_dropped_after_two_heartbeat_intervals() {
    let server = Server::start().await;
    let stalls = Stalls::watch();
    // Not after the relay has heard the last of it.
    let start = Instant::now();
    let mut raw = Raw::login(server.address(), 131_072, 2).await;
    let mut beats = 0;
    while let Some(frame) = raw.any_frame().await {
        assert_eq!(frame, AMQPFrame::Heartbeat);
        beats += 1;
    }
    let alive = start.elapsed();
    // They are late when the machine stands still, and the end is not.
    assert!(
        beats >= 2 || stalls.longest() > Duration::from_millis(500),
        "one a second, got {beats} in {alive:?}"
    );
    assert!(alive >= Duration::from_secs(4), "{alive:?}");
    server.until("no connection", |s| s.connections == 0).await;
}

#[tokio::test]
async fn a_client_that_sends_heartbeats_stays() {
    let server = Server::start().await;
    let stalls = Stalls::watch();
    for _ in 0..20 {
        let mut raw = Raw::login(server.address(), 131_072, 2).await;
        // Theirs come every half interval, so without the answers it would be over
        // after the fourth.
        let mut beats = 0;
        while beats < 6 && raw.any_frame().await == Some(AMQPFrame::Heartbeat) {
            raw.send(&crate::raw::encode(&AMQPFrame::Heartbeat)).await;
            beats += 1;
        }
        if beats == 6 {
            raw.open_channel(1).await;
            return;
        }
        // Once more, if the machine kept this client from answering in time.
        assert!(
            stalls.longest() > Duration::from_secs(1),
            "dropped after {beats} heartbeats"
        );
    }
    panic!("the machine stands still all the time");
}

#[tokio::test]
async fn a_relay_that_stops_says_so_with_320() {
    let server = Server::start().await;
    let mut raw = Raw::open(server.address()).await;
    let stopping = tokio::spawn(server.relay.shutdown());
    assert_eq!(raw.refusal().await.reply_code, 320);
    let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
    raw.method(0, AMQPClass::Connection(ok)).await;
    assert!(raw.frame().await.is_none());
    stopping.await.expect("no panic").expect("a clean stop");
}

#[tokio::test]
async fn a_relay_that_cannot_start_names_the_reason() {
    use mig_relay::{Listener, Relay, RelayConfig};
    let server = Server::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = RelayConfig::new(directory.path().join("relay.db"));
    let start = |config: &RelayConfig| {
        let config = config.clone();
        async move {
            Relay::start(config)
                .await
                .expect_err("no relay")
                .to_string()
        }
    };
    assert!(start(&config).await.contains("no address"));
    config.listeners.push(Listener::Plain(server.address()));
    let error = start(&config).await;
    assert!(
        error.contains(&server.address().to_string()) && error.contains("another address"),
        "{error}"
    );
    config.listeners = vec![Listener::Plain(([127, 0, 0, 1], 0).into())];
    let taken = RelayConfig {
        database: server.directory.path().join("relay.db"),
        ..config.clone()
    };
    let error = start(&taken).await;
    assert!(error.contains("another relay uses it"), "{error}");
    let missing = RelayConfig {
        database: directory.path().join("missing/relay.db"),
        ..config.clone()
    };
    let error = start(&missing).await;
    assert!(error.contains("check the directory"), "{error}");
    std::fs::write(
        directory.path().join("text"),
        "not a database, surely. ".repeat(99),
    )
    .expect("a file");
    let text = RelayConfig {
        database: directory.path().join("text"),
        ..config.clone()
    };
    let error = start(&text).await;
    assert!(error.contains("move the file away"), "{error}");
    config.limits.max_frame_bytes = 100;
    let error = start(&config).await;
    assert!(error.contains("at least 4096"), "{error}");
}
