//! Clients that mean harm, before login and after.

use crate::raw::{PROTOCOL, Raw, encode};
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, connection};
use std::time::{Duration, Instant};

/// Hostile or not, the relay serves others.
async fn still_works(server: &Server) {
    let channel = server.channel().await;
    declare(&channel, "alive", &[]).await;
}

async fn started(server: &Server) -> Raw {
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    raw
}

/// A table that holds a table that holds … `depth` times.
fn nested(depth: usize) -> Vec<u8> {
    let mut table = 0_u32.to_be_bytes().to_vec();
    for _ in 1..depth {
        let mut outer = (table.len() as u32 + 2).to_be_bytes().to_vec();
        outer.extend([0, b'F']);
        outer.extend(&table);
        table = outer;
    }
    table
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes.push(0xCE);
    bytes
}

#[tokio::test]
async fn an_oversized_frame_is_refused_from_its_header_alone() {
    let server = Server::start().await;
    // Before login 4096 bytes are the limit, whatever is offered later.
    let mut raw = started(&server).await;
    raw.send(&[1, 0, 0, 0, 0, 0x0F, 0xF9]).await;
    assert_eq!(raw.refusal().await.reply_code, 501);
    let mut raw = started(&server).await;
    raw.send(&[1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).await;
    assert_eq!(raw.refusal().await.reply_code, 501);
    // After it, what was negotiated.
    let mut raw = Raw::login(server.address(), 8192, 0).await;
    raw.send(&[3, 0, 1, 0, 0, 0x1F, 0xF9]).await;
    assert_eq!(raw.refusal().await.reply_code, 501);
    still_works(&server).await;
}

#[tokio::test]
async fn deeply_nested_tables_are_refused_before_they_are_parsed() {
    let server = Server::start().await;
    // As client properties, before login; as large as a frame may be there.
    let mut payload = vec![0, 10, 0, 11];
    payload.extend(nested(650));
    payload.extend(b"\x05PLAIN\0\0\0\0\0");
    let mut raw = started(&server).await;
    raw.send(&frame(1, 0, &payload)).await;
    assert_eq!(raw.refusal().await.reply_code, 502);
    // As arguments and as headers, after it: 14 KB, 2,000 deep.
    let mut payload = vec![0, 50, 0, 10, 0, 0, 1, b'q', 0];
    payload.extend(nested(2000));
    let mut raw = Raw::open(server.address()).await;
    raw.send(&frame(1, 1, &payload)).await;
    assert_eq!(raw.refusal().await.reply_code, 502);
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0];
    payload.extend(nested(2000));
    let mut raw = Raw::open(server.address()).await;
    let publish = basic::AMQPMethod::Publish(basic::Publish::default());
    raw.method(1, AMQPClass::Basic(publish)).await;
    raw.send(&frame(2, 1, &payload)).await;
    assert_eq!(raw.refusal().await.reply_code, 502);
    still_works(&server).await;
}

#[tokio::test]
async fn garbage_is_refused_and_not_understood_by_chance_later() {
    let server = Server::start().await;
    let garbage: Vec<(Vec<u8>, u16)> = vec![
        (vec![9, 0, 0, 0, 0, 0, 0, 0xCE], 501),
        (frame(8, 1, b""), 501),
        (frame(8, 0, b"x"), 501),
        (frame(1, 0, b""), 502),
        (frame(1, 0, &[0, 10, 0, 11, 0xFF]), 502),
        (frame(1, 0, &[0, 99, 0, 99]), 540),
        (frame(2, 0, &[0; 14]), 505),
        (vec![1, 0, 0, 0, 0, 0, 1, 0, 0], 501),
    ];
    for (bytes, code) in garbage {
        let mut raw = started(&server).await;
        raw.send(&bytes).await;
        assert_eq!(raw.refusal().await.reply_code, code, "{bytes:?}");
        // Nothing that follows brings it back.
        raw.start_ok("guest", "guest-secret").await;
        let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
        raw.method(0, AMQPClass::Connection(ok)).await;
        raw.hang_up().await;
        assert!(raw.frame().await.is_none());
    }
    still_works(&server).await;
}

#[tokio::test]
async fn half_frames_and_sudden_ends_leave_nothing_behind() {
    let server = Server::start().await;
    let publish = encode(&AMQPFrame::Method(
        1,
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish::default())),
    ));
    for cut in 0..publish.len() {
        let mut raw = Raw::open(server.address()).await;
        raw.send(&publish[..cut]).await;
        drop(raw);
    }
    for cut in 0..PROTOCOL.len() {
        let mut raw = Raw::dial(server.address()).await;
        raw.send(&PROTOCOL[..cut]).await;
    }
    server
        .until("nobody connected", |s| s.connections == 0)
        .await;
    still_works(&server).await;
}

#[tokio::test]
async fn who_does_not_log_in_in_time_is_dropped() {
    let server = Server::with(|config| {
        config.limits.login_timeout = Duration::from_millis(300);
    })
    .await;
    // Says nothing; drips bytes; stops after the password, as soon as the machine lets
    // one come so far in that time.
    let mut silent = Raw::dial(server.address()).await;
    let mut dripping = Raw::dial(server.address()).await;
    let late = async {
        loop {
            let mut late = Raw::dial(server.address()).await;
            late.send(PROTOCOL).await;
            late.frame().await;
            late.start_ok("guest", "guest-secret").await;
            if late.frame().await.is_some() {
                return late;
            }
        }
    };
    let late = tokio::time::timeout(PATIENCE, late).await;
    let mut late = late.expect("connection.tune");
    for byte in &PROTOCOL[..5] {
        dripping.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(silent.frame().await.is_none());
    assert!(dripping.frame().await.is_none());
    assert!(late.frame().await.is_none());
    // Others are served, at least where they are fast enough.
    let others = async { while connect(&server.uri("guest")).await.is_err() {} };
    let served = tokio::time::timeout(PATIENCE, others).await;
    served.expect("others are served");
}

#[tokio::test]
async fn nobody_sends_much_before_login() {
    let server = Server::start().await;
    let mut raw = started(&server).await;
    // Heartbeats are cheap and legal, but not 16 KiB of them.
    let beats = [8, 0, 0, 0, 0, 0, 0, 0xCE].repeat(3000);
    raw.send(&beats).await;
    assert_eq!(raw.refusal().await.reply_code, 501);
}

#[tokio::test]
async fn connections_are_limited_in_all_and_before_login() {
    let server = Server::with(|config| {
        config.limits.max_connections = 3;
        config.limits.max_pending_logins = 2;
    })
    .await;
    let one = Raw::open(server.address()).await;
    let mut pending = started(&server).await;
    let _other = started(&server).await;
    let mut fourth = Raw::dial(server.address()).await;
    assert!(fourth.frame().await.is_none(), "turned away");
    // Logging in frees a place among those who wait, not among all.
    pending.start_ok("guest", "guest-secret").await;
    pending.frame().await.expect("connection.tune");
    pending.tune_ok(16, 131_072, 0).await;
    pending.connection_open("mig").await;
    pending.frame().await.expect("connection.open-ok");
    let mut fifth = Raw::dial(server.address()).await;
    assert!(fifth.frame().await.is_none(), "turned away");
    assert_eq!(server.relay.stats().turned_away, 2);
    drop(one);
    server.until("one has gone", |s| s.connections == 1).await;
    started(&server).await;
}

#[tokio::test]
async fn a_message_must_be_sent_in_time() {
    let server = Server::with(|config| {
        config.limits.content_timeout = Duration::from_millis(200);
    })
    .await;
    let mut raw = Raw::open(server.address()).await;
    let publish = basic::AMQPMethod::Publish(basic::Publish::default());
    raw.method(1, AMQPClass::Basic(publish)).await;
    raw.content_header(1, 1000, basic::AMQPProperties::default())
        .await;
    raw.body(1, b"the rest never comes").await;
    assert!(raw.frame().await.is_none());
    still_works(&server).await;
}

#[tokio::test]
async fn a_frame_must_be_sent_in_time() {
    let time = Duration::from_millis(200);
    let server = Server::with(|config| config.limits.content_timeout = time).await;
    let mut patient = Raw::open(server.address()).await;
    let mut raw = Raw::open(server.address()).await;
    let idle = Instant::now();
    // Large enough to cost memory, and no heartbeats to miss.
    raw.send(&[3, 0, 1, 0, 1, 0, 0, 0]).await;
    assert!(raw.frame().await.is_none());
    server
        .until("the other one gone", |s| s.connections == 1)
        .await;
    // Frames that are whole have all the time in the world between them.
    assert!(idle.elapsed() >= time);
    patient.open_channel(2).await;
}

#[tokio::test]
async fn announced_bodies_share_the_memory_there_is() {
    let server = Server::with(|config| {
        config.limits.max_message_bytes = 1024 * 1024;
        config.limits.max_inflight_bytes = 1024 * 1024;
    })
    .await;
    declare(&server.channel().await, "q", &[]).await;
    let mut greedy = Raw::open(server.address()).await;
    let publish = |key: &str| {
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            routing_key: key.into(),
            ..Default::default()
        }))
    };
    greedy.method(1, publish("q")).await;
    greedy
        .content_header(1, 1024 * 1024, basic::AMQPProperties::default())
        .await;
    // The answer to what comes after it proves that the relay has read it.
    greedy.open_channel(2).await;
    // Whoever comes second waits until the first has sent its body, or is gone.
    let mut modest = Raw::open(server.address()).await;
    modest.method(1, publish("q")).await;
    modest
        .content_header(1, 3, basic::AMQPProperties::default())
        .await;
    modest.body(1, b"abc").await;
    greedy.body(1, &[0; 1000]).await;
    still_works(&server).await;
    assert_eq!(server.relay.stats().published, 0);
    drop(greedy);
    server
        .until("the modest one's message", |s| s.published == 1)
        .await;
}
