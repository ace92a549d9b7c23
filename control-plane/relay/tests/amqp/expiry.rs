//! Time to live of messages and queues.

use crate::support::*;
use lapin::options::{BasicConsumeOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable};

#[tokio::test]
async fn a_message_disappears_when_its_time_ends_and_others_stay() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    // The one that expires is behind one that does not.
    publish(&channel, "q", b"stays", persistent()).await;
    publish(
        &channel,
        "q",
        b"goes",
        persistent().with_expiration("40".into()),
    )
    .await;
    server.until("two messages", |s| s.published == 2).await;
    server
        .until("one expired, its storage free", |s| {
            s.expired == 1 && s.ready == 1 && s.stored_bytes == 5
        })
        .await;
    assert_eq!(waiting(&channel, "q").await, 1);
}

#[tokio::test]
async fn a_queues_time_to_live_bounds_that_of_its_messages() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[("x-message-ttl", AMQPValue::LongInt(40))]).await;
    publish(&channel, "q", b"1", persistent()).await;
    publish(
        &channel,
        "q",
        b"2",
        persistent().with_expiration("600000".into()),
    )
    .await;
    server
        .until("both expired", |s| s.expired == 2 && s.ready == 0)
        .await;
}

#[tokio::test]
async fn a_time_to_live_of_zero_means_now_or_never() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let zero = || persistent().with_expiration("0".into());
    assert!(
        publish_confirmed(&channel, "q", b"never", zero())
            .await
            .is_ack()
    );
    assert_eq!(waiting(&channel, "q").await, 0);
    let mut consumer = consume(&channel, "q").await;
    assert!(
        publish_confirmed(&channel, "q", b"now", zero())
            .await
            .is_ack()
    );
    assert_eq!(next(&mut consumer).await.data, b"now");
}

#[tokio::test]
async fn a_delivered_message_expires_only_when_it_comes_back() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    publish(
        &channel,
        "q",
        b"x",
        persistent().with_expiration("30".into()),
    )
    .await;
    let held = next(&mut consumer).await;
    // Another one proves that the time has passed.
    declare(&channel, "clock", &[]).await;
    publish(
        &channel,
        "clock",
        b"y",
        persistent().with_expiration("60".into()),
    )
    .await;
    server
        .until("the other one expired", |s| s.expired == 1)
        .await;
    assert_eq!(server.relay.stats().unacked, 1);
    held.nack(BasicNackOptions {
        requeue: true,
        ..Default::default()
    })
    .await
    .expect("sent");
    server
        .until("both expired", |s| s.expired == 2 && s.unacked == 0)
        .await;
}

#[tokio::test]
async fn an_unused_queue_expires_and_a_used_one_does_not() {
    let server = Server::start().await;
    let expires = [("x-expires", AMQPValue::LongInt(2000))];
    // On a busy machine the queue may be gone before it has its consumer.
    let used = async {
        loop {
            let channel = server.channel().await;
            declare(&channel, "used", &expires).await;
            let options = BasicConsumeOptions::default();
            let none = FieldTable::default();
            let consumer = channel.basic_consume("used".into(), "".into(), options, none);
            match consumer.await {
                Ok(consumer) => return (channel, consumer),
                Err(error) => assert_eq!(code(&error), 404),
            }
        }
    };
    let used = tokio::time::timeout(PATIENCE, used).await;
    let (channel, consumer) = used.expect("a consumer");
    declare(&channel, "unused", &expires).await;
    server.until("one queue left", |s| s.queues == 1).await;
    assert_eq!(waiting(&channel, "used").await, 0);
    drop(consumer);
    server.until("no queue left", |s| s.queues == 0).await;
}

#[tokio::test]
async fn expiry_survives_a_restart() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    for (body, expiration) in [(&b"short"[..], "1500"), (b"long", "600000")] {
        let properties = persistent().with_expiration(expiration.into());
        assert!(
            publish_confirmed(&channel, "q", body, properties)
                .await
                .is_ack()
        );
    }
    let directory = server.stop().await;
    let server = Server::reopen(directory, |_| {}).await;
    server.until("the short one gone", |s| s.ready == 1).await;
    let channel = server.channel().await;
    let left = channel
        .basic_get("q".into(), BasicGetOptions::default())
        .await
        .expect("an answer")
        .expect("a message");
    assert_eq!(left.delivery.data, b"long");
}
