//! One client that sends as much as it can, and others that want to work.

use crate::raw::{Raw, encode};
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic, queue};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_flood_of_messages_holds_nobody_up_and_takes_no_memory_without_end() {
    const MEMORY: u64 = 1024 * 1024;
    const INFLIGHT: usize = 1024 * 1024;
    let server = Server::with(|config| {
        let limits = &mut config.limits;
        limits.body_memory_bytes = MEMORY as usize;
        limits.max_inflight_bytes = 4 * INFLIGHT;
        limits.max_inflight_bytes_per_connection = INFLIGHT;
        limits.max_message_bytes = INFLIGHT as u64;
        limits.max_queue_messages = 4000;
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut flood = Raw::open(server.address()).await;
    let mut message = encode(&AMQPFrame::Method(
        1,
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            routing_key: "q".into(),
            ..Default::default()
        })),
    ));
    message.extend(encode(&AMQPFrame::Header(
        1,
        amq_protocol::frame::AMQPContentHeader {
            class_id: 60,
            body_size: 2000,
            properties: persistent(),
        },
    )));
    message.extend(encode(&AMQPFrame::Body(1, vec![7; 2000])));
    let flooding =
        tokio::spawn(async move { while flood.stream.write_all(&message).await.is_ok() {} });
    server.until("a flood", |s| s.published > 1000).await;
    // Each of these waits for its confirm while the flood goes on, beyond the
    // point where the queue is full for those who have filled it.
    let mut accepted = 0;
    while server.relay.stats().refused < 100 || accepted < 20 {
        let answer = publish_confirmed(&channel, "q", b"modest", persistent()).await;
        assert!(answer.is_ack(), "{:?}", server.relay.stats());
        accepted += 1;
        let got = channel
            .basic_get("q".into(), lapin::options::BasicGetOptions { no_ack: true })
            .await
            .expect("an answer");
        assert!(got.is_some());
        let stats = server.relay.stats();
        assert!(stats.body_memory_bytes <= MEMORY, "{stats:?}");
    }
    flooding.abort();
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_waits_alone() {
    let server = Server::with(|config| {
        let limits = &mut config.limits;
        limits.max_message_bytes = 1024 * 1024;
        limits.max_inflight_bytes = 2 * 1024 * 1024;
        limits.max_inflight_bytes_per_connection = 256 * 1024;
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut greedy = Raw::open(server.address()).await;
    greedy.open_channel(2).await;
    for number in [1, 2] {
        let publish = basic::AMQPMethod::Publish(basic::Publish {
            routing_key: "q".into(),
            ..Default::default()
        });
        greedy.method(number, AMQPClass::Basic(publish)).await;
        greedy
            .content_header(number, 1024 * 1024, persistent())
            .await;
    }
    for _ in 0..5 {
        let answer = publish_confirmed(&channel, "q", &[1; 100_000], persistent()).await;
        assert!(answer.is_ack());
    }
}

#[tokio::test]
async fn declarations_without_answer_are_done_in_order_and_stored() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut raw = Raw::open(server.address()).await;
    for number in 0..200 {
        let routing_key = if number % 2 == 0 { "a" } else { "b" };
        let bind = queue::AMQPMethod::Bind(queue::Bind {
            queue: "q".into(),
            exchange: "amq.direct".into(),
            routing_key: routing_key.into(),
            nowait: true,
            ..Default::default()
        });
        raw.method(1, AMQPClass::Queue(bind)).await;
    }
    // The first answer that comes is for this.
    let purge = queue::AMQPMethod::Purge(queue::Purge {
        queue: "q".into(),
        nowait: false,
    });
    raw.method(1, AMQPClass::Queue(purge)).await;
    let answer = raw.frame().await;
    assert!(
        matches!(
            answer,
            Some(AMQPFrame::Method(
                1,
                AMQPClass::Queue(queue::AMQPMethod::PurgeOk(_))
            ))
        ),
        "{answer:?}"
    );
    drop(raw);
    let directory = server.stop().await;
    let server = Server::reopen(directory, |_| {}).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    for key in ["a", "b"] {
        assert!(route(&channel, "amq.direct", key, b"x").await.is_ack());
    }
    assert_eq!(take_all(&channel, "q").await.len(), 2);
}
