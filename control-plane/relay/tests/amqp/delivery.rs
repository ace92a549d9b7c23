//! From a publisher to consumers.

use crate::support::*;
use futures_util::StreamExt;
use lapin::ExchangeKind;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicPublishOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test]
async fn a_bound_queue_gets_what_is_published_to_its_exchange() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    channel
        .exchange_declare(
            "toagents".into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("an exchange");
    declare(&channel, "mig.agt.a", &[]).await;
    channel
        .queue_bind(
            "mig.agt.a".into(),
            "toagents".into(),
            "mig.agt.a".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("bound");
    let mut consumer = consume(&channel, "mig.agt.a").await;
    let confirm = channel
        .basic_publish(
            "toagents".into(),
            "mig.agt.a".into(),
            BasicPublishOptions::default(),
            b"{}",
            persistent()
                .with_content_type("text/plain".into())
                .with_timestamp(1_700_000_000)
                .with_expiration("60000".into()),
        )
        .await
        .expect("sent")
        .await
        .expect("an answer");
    assert!(confirm.is_ack());
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.data, b"{}");
    assert_eq!(delivery.exchange.as_str(), "toagents");
    assert_eq!(delivery.routing_key.as_str(), "mig.agt.a");
    assert!(!delivery.redelivered);
    assert_eq!(*delivery.properties.timestamp(), Some(1_700_000_000));
    assert_eq!(*delivery.properties.delivery_mode(), Some(2));
    ack(&delivery).await;
    server
        .until("the acknowledgement", |stats| {
            stats.acknowledged == 1 && stats.unacked == 0
        })
        .await;
}

#[tokio::test]
async fn each_consumer_gets_no_more_than_its_prefetch() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    channel
        .basic_qos(2, BasicQosOptions::default())
        .await
        .expect("prefetch");
    let mut one = consume(&channel, "q").await;
    let mut two = consume(&channel, "q").await;
    for number in 0..6_u8 {
        publish(&channel, "q", &[number], persistent()).await;
    }
    server
        .until("two for each", |s| s.unacked == 4 && s.ready == 2)
        .await;
    let first = next(&mut one).await;
    let second = next(&mut two).await;
    assert_eq!((first.data[0], second.data[0]), (0, 1), "served in turn");
    ack(&first).await;
    server
        .until("one more", |s| s.unacked == 4 && s.ready == 1)
        .await;
    let mut seen = vec![next(&mut one).await.data[0], next(&mut one).await.data[0]];
    seen.push(next(&mut two).await.data[0]);
    assert_eq!(seen, [2, 4, 3]);
}

#[tokio::test]
async fn a_shared_prefetch_counts_all_consumers_of_the_channel() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "a", &[]).await;
    declare(&channel, "b", &[]).await;
    channel
        .basic_qos(3, BasicQosOptions { global: true })
        .await
        .expect("prefetch");
    let _one = consume(&channel, "a").await;
    let mut two = consume(&channel, "b").await;
    for _ in 0..2 {
        publish(&channel, "a", b"a", persistent()).await;
    }
    for _ in 0..4 {
        publish(&channel, "b", b"b", persistent()).await;
    }
    server
        .until("three of six", |s| s.unacked == 3 && s.ready == 3)
        .await;
    let first = next(&mut two).await;
    ack(&first).await;
    server
        .until("another for the one acknowledged", |s| {
            s.acknowledged == 1 && s.unacked == 3 && s.ready == 2
        })
        .await;
}

#[tokio::test]
async fn without_acknowledgements_messages_leave_at_once() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = channel
        .basic_consume(
            "q".into(),
            "mine".into(),
            BasicConsumeOptions {
                no_ack: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("a consumer");
    assert_eq!(consumer.tag().as_str(), "mine");
    for number in 0..100_u8 {
        publish(&channel, "q", &[number], persistent()).await;
    }
    for number in 0..100_u8 {
        assert_eq!(next(&mut consumer).await.data, [number]);
    }
    server
        .until("an empty relay", |s| {
            s.ready == 0 && s.unacked == 0 && s.stored_bytes == 0 && s.body_memory_bytes == 0
        })
        .await;
}

#[tokio::test]
async fn get_takes_one_message_and_says_how_many_are_left() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let get = |no_ack| channel.basic_get("q".into(), BasicGetOptions { no_ack });
    assert!(get(false).await.expect("an answer").is_none());
    for number in 0..3_u8 {
        publish(&channel, "q", &[number], persistent()).await;
    }
    server.until("three messages", |s| s.ready == 3).await;
    let first = get(true).await.expect("an answer").expect("a message");
    assert_eq!((first.delivery.data[0], first.message_count), (0, 2));
    let second = get(false).await.expect("an answer").expect("a message");
    assert_eq!((second.delivery.data[0], second.message_count), (1, 1));
    ack(&second.delivery).await;
    server
        .until("one message left", |s| {
            s.ready == 1 && s.unacked == 0 && s.acknowledged == 1
        })
        .await;
}

#[tokio::test]
async fn a_cancelled_consumer_gets_nothing_more() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    publish(&channel, "q", b"1", persistent()).await;
    let held = next(&mut consumer).await;
    channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await
        .expect("cancelled");
    publish(&channel, "q", b"2", persistent()).await;
    server
        .until("the second waits, the first is still held", |s| {
            s.ready == 1 && s.unacked == 1 && s.consumers == 0
        })
        .await;
    ack(&held).await;
    server.until("the first settled", |s| s.unacked == 0).await;
}

#[tokio::test]
async fn consumers_hear_that_their_queue_is_gone() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    let other = server.channel().await;
    other
        .queue_delete("q".into(), QueueDeleteOptions::default())
        .await
        .expect("deleted");
    let end = tokio::time::timeout(PATIENCE, consumer.next()).await;
    assert!(end.expect("in time").is_none(), "the consumer ended");
    // The channel goes on.
    declare(&channel, "q2", &[]).await;
}

/// Acknowledges most of what it gets, puts some back, and leaves in the middle
/// now and then, holding messages.
async fn moody_consumer(
    server: &Server,
    mood: u32,
    done: &RefCell<BTreeMap<u32, u32>>,
    all: usize,
) {
    let mut step = mood;
    while done.borrow().len() < all {
        let channel = server.channel().await;
        channel
            .basic_qos(5, BasicQosOptions::default())
            .await
            .expect("prefetch");
        let mut consumer = consume(&channel, "q").await;
        while done.borrow().len() < all {
            let wait = tokio::time::timeout(Duration::from_millis(200), consumer.next());
            let Ok(Some(Ok(delivery))) = wait.await else {
                continue;
            };
            step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match step >> 24 {
                0..10 => break,
                10..60 => {
                    let again = BasicNackOptions {
                        requeue: true,
                        multiple: false,
                    };
                    delivery.nack(again).await.expect("sent");
                }
                _ => {
                    let id = u32::from_be_bytes(delivery.data[..4].try_into().expect("an id"));
                    ack(&delivery).await;
                    *done.borrow_mut().entry(id).or_default() += 1;
                }
            }
        }
        channel.close(200, "leaving".into()).await.expect("closed");
    }
}

#[tokio::test]
async fn many_clients_settle_every_message_exactly_once() {
    const PUBLISHERS: u32 = 4;
    const EACH: u32 = 150;
    let server = Server::with(|config| config.limits.body_memory_bytes = 30_000).await;
    declare(&server.channel().await, "q", &[]).await;
    let done = RefCell::new(BTreeMap::new());
    let all = (PUBLISHERS * EACH) as usize;
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let server = &server;
        async move {
            let channel = server.channel().await;
            select_confirms(&channel).await;
            for number in 0..EACH {
                let mut body = (publisher * EACH + number).to_be_bytes().to_vec();
                body.resize(4 + (number as usize * 37) % 2000, 0);
                let answer = publish_confirmed(&channel, "q", &body, persistent()).await;
                assert!(answer.is_ack());
            }
        }
    });
    let consumers = (0..3).map(|mood| moody_consumer(&server, mood, &done, all));
    let work = async {
        tokio::join!(
            futures_util::future::join_all(publishers),
            futures_util::future::join_all(consumers),
        )
    };
    tokio::time::timeout(5 * PATIENCE, work)
        .await
        .expect("everything settled in time");
    assert!(done.borrow().values().all(|count| *count == 1));
    server
        .until("an empty relay", |s| {
            s.ready == 0 && s.unacked == 0 && s.stored_bytes == 0 && s.body_memory_bytes == 0
        })
        .await;
    assert_eq!(
        server.relay.stats().acknowledged,
        u64::from(PUBLISHERS * EACH)
    );
}
