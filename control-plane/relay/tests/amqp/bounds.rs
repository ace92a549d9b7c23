//! Queues that are full, and bodies that memory has no room for.

use crate::support::*;
use lapin::BasicProperties;
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;

#[tokio::test]
async fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    let cases = [
        ("by-length", [("x-max-length", AMQPValue::LongInt(2))]),
        ("by-bytes", [("x-max-length-bytes", AMQPValue::LongInt(7))]),
    ];
    for (queue, bound) in cases {
        declare(&channel, queue, &bound).await;
        for body in [b"aaa", b"bbb"] {
            assert!(
                publish_confirmed(&channel, queue, body, persistent())
                    .await
                    .is_ack()
            );
        }
        assert!(
            publish_confirmed(&channel, queue, b"ccc", persistent())
                .await
                .is_nack(),
            "{queue}"
        );
        let taken = channel
            .basic_get(queue.into(), BasicGetOptions { no_ack: true })
            .await
            .expect("an answer")
            .expect("a message");
        assert_eq!(taken.delivery.data, b"aaa");
        assert!(
            publish_confirmed(&channel, queue, b"ddd", persistent())
                .await
                .is_ack()
        );
    }
    assert_eq!(server.relay.stats().refused, 2);
}

#[tokio::test]
async fn a_queue_may_drop_its_oldest_messages_instead() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    let bound = [
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", AMQPValue::LongString("drop-head".into())),
    ];
    declare(&channel, "q", &bound).await;
    for number in 0..5_u8 {
        assert!(
            publish_confirmed(&channel, "q", &[number], persistent())
                .await
                .is_ack()
        );
    }
    assert_eq!(server.relay.stats().dropped, 3);
    let mut consumer = consume(&channel, "q").await;
    assert_eq!(next(&mut consumer).await.data, [3]);
    assert_eq!(next(&mut consumer).await.data, [4]);
}

#[tokio::test]
async fn the_relays_own_bounds_hold_for_every_queue() {
    let server = Server::with(|config| {
        config.limits.max_queue_messages = 3;
        config.limits.max_stored_bytes = 100;
    })
    .await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    for expected in [true, true, true, false] {
        let answer = publish_confirmed(&channel, "q", b"x", persistent()).await;
        assert_eq!(answer.is_ack(), expected);
    }
    declare(&channel, "r", &[]).await;
    let large = publish_confirmed(&channel, "r", &[0; 98], persistent()).await;
    assert!(large.is_nack(), "the store is full");
    let fits = publish_confirmed(&channel, "r", &[0; 97], persistent()).await;
    assert!(fits.is_ack());
}

#[tokio::test]
async fn bodies_beyond_the_memory_bound_are_on_disk_and_come_back_in_order() {
    let server = Server::with(|config| config.limits.body_memory_bytes = 50_000).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let body = |number: u8| vec![number; 10_000];
    for number in 0..40_u8 {
        // Parked messages keep their order among persistent ones.
        let properties = if number % 2 == 0 {
            persistent()
        } else {
            BasicProperties::default()
        };
        assert!(
            publish_confirmed(&channel, "q", &body(number), properties)
                .await
                .is_ack()
        );
    }
    server
        .until("bounded memory", |s| {
            s.ready == 40 && s.body_memory_bytes <= 50_000
        })
        .await;
    assert!(server.relay.stats().stored_bytes >= 350_000);

    // One by one, by request, acknowledged or not, and the rest pushed.
    for (number, no_ack) in [(0, true), (1, false), (2, true)] {
        let got = channel
            .basic_get("q".into(), BasicGetOptions { no_ack })
            .await
            .expect("an answer")
            .expect("a message");
        assert_eq!(got.delivery.data, body(number));
        if !no_ack {
            ack(&got.delivery).await;
        }
    }
    let mut consumer = consume(&channel, "q").await;
    for number in 3..40_u8 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data, body(number));
        ack(&delivery).await;
    }
    server
        .until("nothing left anywhere", |s| {
            s.ready == 0 && s.unacked == 0 && s.stored_bytes == 0 && s.body_memory_bytes == 0
        })
        .await;
}
