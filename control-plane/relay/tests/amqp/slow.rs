//! Consumers that do not read what they asked for.

use crate::raw::Raw;
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic};
use std::time::Duration;

fn consume_without_acks(queue: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Consume(basic::Consume {
        queue: queue.into(),
        no_ack: true,
        ..Default::default()
    }))
}

#[tokio::test]
async fn a_consumer_that_does_not_read_gets_a_bounded_part_and_the_rest_later() {
    let server = Server::with(|config| {
        config.limits.delivery_buffer_bytes = 64 * 1024;
        config.limits.body_memory_bytes = 1024 * 1024;
        // As long as a slow disk may take for all of the publications below.
        config.limits.write_timeout = 20 * PATIENCE;
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut slow = Raw::open(server.address()).await;
    slow.method(1, consume_without_acks("q")).await;
    slow.frame().await.expect("consume-ok");
    // Far more than the buffers of two sockets hold.
    const COUNT: u32 = 1000;
    for number in 0..COUNT {
        let mut body = vec![0; 20_000];
        body[..4].copy_from_slice(&number.to_be_bytes());
        assert!(
            publish_confirmed(&channel, "q", &body, persistent())
                .await
                .is_ack()
        );
    }
    let stats = server.relay.stats();
    assert!(stats.ready > 300, "most of it waits: {stats:?}");
    assert!(
        stats.body_memory_bytes <= 1024 * 1024 + 20_000,
        "in bounded memory: {stats:?}"
    );
    // When it reads at last, nothing is missing and nothing out of order.
    let mut expected = 0;
    while expected < COUNT {
        match slow.frame().await.expect("a frame") {
            AMQPFrame::Body(1, part) if part.len() == 20_000 => {
                assert_eq!(part[..4], expected.to_be_bytes());
                expected += 1;
            }
            AMQPFrame::Body(_, part) => panic!("a part of {} bytes", part.len()),
            _ => {}
        }
    }
    server
        .until("nothing left", |s| {
            s.ready == 0 && s.stored_bytes == 0 && s.body_memory_bytes == 0
        })
        .await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped_and_its_messages_go_back() {
    let server = Server::with(|config| {
        config.limits.write_timeout = Duration::from_millis(300);
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let body = vec![0; 1024 * 1024];
    for _ in 0..16 {
        assert!(
            publish_confirmed(&channel, "q", &body, persistent())
                .await
                .is_ack()
        );
    }
    let mut deaf = Raw::open(server.address()).await;
    let consume = basic::AMQPMethod::Consume(basic::Consume {
        queue: "q".into(),
        ..Default::default()
    });
    deaf.method(1, AMQPClass::Basic(consume)).await;
    server.until("a consumer", |s| s.delivered > 0).await;
    server
        .until("dropped, everything back", |s| {
            s.connections == 1 && s.ready == 16 && s.unacked == 0
        })
        .await;
}

#[tokio::test]
async fn a_client_that_floods_questions_without_reading_answers_is_not_read() {
    let server = Server::with(|config| {
        config.limits.reply_buffer_bytes = 16 * 1024;
        config.limits.write_timeout = Duration::from_millis(500);
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut flooding = Raw::open(server.address()).await;
    let get = AMQPClass::Basic(basic::AMQPMethod::Get(basic::Get {
        queue: "q".into(),
        no_ack: false,
    }));
    let questions = crate::raw::encode(&AMQPFrame::Method(1, get)).repeat(1000);
    // The relay stops reading, so at some point writing blocks or the relay
    // gives up on the client.
    let flood = async {
        use tokio::io::AsyncWriteExt;
        while flooding.stream.write_all(&questions).await.is_ok() {}
    };
    tokio::time::timeout(PATIENCE, flood)
        .await
        .expect("the relay gave up on it");
    server.until("one connection", |s| s.connections == 1).await;
}

#[tokio::test]
async fn no_channel_holds_more_than_the_limit_unacknowledged() {
    let server = Server::with(|config| config.limits.max_unacked_per_channel = 5).await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    for number in 0..8_u8 {
        publish(&channel, "q", &[number], persistent()).await;
    }
    server
        .until("five of eight", |s| s.unacked == 5 && s.ready == 3)
        .await;
    for _ in 0..8 {
        ack(&next(&mut consumer).await).await;
    }
    server.until("all", |s| s.acknowledged == 8).await;
}
