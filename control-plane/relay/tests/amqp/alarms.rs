//! Memory that runs short: publishers wait, consumers go on.

use crate::raw::{PROTOCOL, Raw};
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, connection};
use lapin::options::BasicGetOptions;
use tokio::io::AsyncWriteExt;

/// Enough for some messages of a kilobyte.
const MEMORY: u64 = 20_000;

async fn server() -> Server {
    Server::with(|config| config.limits.memory_high_bytes = MEMORY).await
}

/// Fills memory with what consumers have to take.
async fn fill(server: &Server) {
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    while server.relay.stats().alarms == 0 {
        assert!(
            publish_confirmed(&channel, "q", &[0; 1000], persistent())
                .await
                .is_ack()
        );
    }
}

async fn empty(server: &Server) -> usize {
    let channel = server.channel().await;
    let mut taken = 0;
    while server.relay.stats().alarms > 0 {
        let options = BasicGetOptions { no_ack: true };
        let got = channel
            .basic_get("q".into(), options)
            .await
            .expect("an answer");
        assert!(got.is_some(), "nothing left and still no room");
        taken += 1;
    }
    taken
}

#[tokio::test]
async fn a_publisher_hears_that_it_is_blocked_and_goes_on_when_there_is_room() {
    let server = server().await;
    fill(&server).await;
    let mut raw = Raw::login_with(server.address(), 131_072, 0, &["connection.blocked"]).await;
    raw.open_channel(1).await;
    let select = confirm::AMQPMethod::Select(confirm::Select { nowait: true });
    raw.method(1, AMQPClass::Confirm(select)).await;
    raw.publish(1, "q", b"one more").await;
    match raw.connection_method().await {
        connection::AMQPMethod::Blocked(blocked) => {
            assert_eq!(blocked.reason.as_str(), "low on memory");
        }
        other => panic!("not connection.blocked: {other:?}"),
    }
    let before = server.relay.stats();
    assert!(empty(&server).await > 0);
    match raw.connection_method().await {
        connection::AMQPMethod::Unblocked(_) => {}
        other => panic!("not connection.unblocked: {other:?}"),
    }
    let answer = raw.frame().await;
    assert!(
        matches!(
            answer,
            Some(AMQPFrame::Method(
                1,
                AMQPClass::Basic(basic::AMQPMethod::Ack(_))
            ))
        ),
        "{answer:?}"
    );
    let after = server.relay.stats();
    assert_eq!(after.published, before.published + 1);
    assert_eq!((after.blocked, after.memory_alarms), (1, 1));
}

#[tokio::test]
async fn who_cannot_hear_it_waits_all_the_same_and_others_work() {
    let server = server().await;
    fill(&server).await;
    let mut raw = Raw::open(server.address()).await;
    for _ in 0..3 {
        raw.publish(1, "q", b"").await;
    }
    server
        .until("a blocked publisher", |s| s.blocked == 1)
        .await;
    // Everything but publishing goes on for others, and for newcomers.
    let channel = server.channel().await;
    declare(&channel, "another", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.data.len(), 1000);
    let published = server.relay.stats().published;
    while server.relay.stats().alarms > 0 {
        ack(&next(&mut consumer).await).await;
    }
    server
        .until("all three", |s| s.published == published + 3)
        .await;
}

#[tokio::test]
async fn a_blocked_client_need_not_send_heartbeats() {
    let server = server().await;
    fill(&server).await;
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    raw.frame().await.expect("connection.start");
    raw.start_ok("guest", "guest-secret").await;
    raw.frame().await.expect("connection.tune");
    // At once: a busy machine could make two seconds of silence between two of these.
    raw.hold_back();
    raw.tune_ok(16, 131_072, 1).await;
    raw.connection_open("mig").await;
    let open = channel::AMQPMethod::Open(channel::Open {});
    raw.method(1, AMQPClass::Channel(open)).await;
    raw.publish(1, "q", b"patient").await;
    raw.let_go().await;
    for answer in ["connection.open-ok", "channel.open-ok"] {
        raw.frame().await.expect(answer);
    }
    server
        .until("a blocked publisher", |s| s.blocked == 1)
        .await;
    // Ours come every half interval: this is longer than it may be silent.
    let mut beats = 0;
    while beats < 8 {
        match raw.any_frame().await {
            Some(AMQPFrame::Heartbeat) => beats += 1,
            other => panic!("not a heartbeat: {other:?}"),
        }
    }
    let published = server.relay.stats().published;
    empty(&server).await;
    server
        .until("its message", |s| s.published == published + 1)
        .await;
}

/// What it was given goes to somebody else, although nobody reads from it, not
/// even that it is gone: there is unread input before its end.
#[tokio::test]
async fn a_client_that_vanishes_while_it_is_held_up_leaves_nothing_behind() {
    for abrupt in [false, true] {
        let server = server().await;
        fill(&server).await;
        let mut raw = Raw::open(server.address()).await;
        let get = basic::AMQPMethod::Get(basic::Get {
            queue: "q".into(),
            ..Default::default()
        });
        raw.method(1, AMQPClass::Basic(get)).await;
        server.until("its message", |s| s.unacked == 1).await;
        for _ in 0..3 {
            raw.publish(1, "q", b"never").await;
        }
        server
            .until("a blocked publisher", |s| s.blocked == 1)
            .await;
        let before = server.relay.stats();
        if abrupt {
            // Input that it does not read makes this a reset.
            drop(raw);
        } else {
            raw.stream.shutdown().await.expect("shut down");
        }
        server
            .until("its end", |s| s.unacked == 0 && s.connections == 0)
            .await;
        let after = server.relay.stats();
        assert_eq!(after.alarms, 1, "somebody made room");
        assert_eq!(
            (after.requeued, after.hung_up_blocked, after.published),
            (before.requeued + 1, 1, before.published)
        );
    }
}

#[tokio::test]
async fn a_relay_stops_while_publishers_are_blocked() {
    let server = server().await;
    fill(&server).await;
    let mut raw = Raw::open(server.address()).await;
    raw.publish(1, "q", b"never").await;
    server
        .until("a blocked publisher", |s| s.blocked == 1)
        .await;
    let stopping = tokio::spawn(server.relay.shutdown());
    assert_eq!(raw.refusal().await.reply_code, 320);
    let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
    raw.method(0, AMQPClass::Connection(ok)).await;
    stopping.await.expect("no panic").expect("a clean stop");
}

#[tokio::test]
async fn lapin_waits_and_goes_on() {
    let server = server().await;
    fill(&server).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    let publishing = tokio::spawn(async move {
        let mut accepted = 0;
        for _ in 0..5 {
            let answer = publish_confirmed(&channel, "q", b"x", persistent()).await;
            accepted += usize::from(answer.is_ack());
        }
        accepted
    });
    server
        .until("a blocked publisher", |s| s.blocked >= 1)
        .await;
    let channel = server.channel().await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !publishing.is_finished() {
        assert!(tokio::time::Instant::now() < deadline, "never unblocked");
        take_all_bytes(&channel).await;
    }
    assert_eq!(publishing.await.expect("no panic"), 5);
}

async fn take_all_bytes(channel: &lapin::Channel) {
    let options = BasicGetOptions { no_ack: true };
    while channel
        .basic_get("q".into(), options)
        .await
        .expect("an answer")
        .is_some()
    {}
}
