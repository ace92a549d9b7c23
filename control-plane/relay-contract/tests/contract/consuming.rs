//! Deliveries, acknowledgements and what comes again.

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicRejectOptions,
};
use lapin::types::FieldTable;

use crate::broker::Broker;
use crate::support::*;

async fn no_more_is_delivered_than_prefetch_until_something_is_acknowledged(broker: Broker) {
    let connection = broker.connect().await;
    let publishing = connection.create_channel().await.expect("a channel");
    select_confirms(&publishing).await;
    declare(&publishing, "q", &[]).await;
    for number in 0..5_u8 {
        put(&publishing, "q", &[number]).await;
    }
    let channel = connection.create_channel().await.expect("a channel");
    prefetch(&channel, 2).await;
    let mut consumer = consume(&channel, "q").await;
    let first = next(&mut consumer).await;
    let second = next(&mut consumer).await;
    assert_eq!((&first.data[..], &second.data[..]), (&[0][..], &[1][..]));
    assert!(!first.redelivered);
    nothing_comes(&channel, "q", &mut consumer).await;
    ack(&first).await;
    let third = next(&mut consumer).await;
    assert_eq!(third.data, [2]);
    nothing_comes(&channel, "q", &mut consumer).await;
    // All up to here at once.
    third
        .ack(BasicAckOptions { multiple: true })
        .await
        .expect("acknowledged");
    assert_eq!(next(&mut consumer).await.data, [3]);
    assert_eq!(next(&mut consumer).await.data, [4]);
}

/// A scheduler or agent that is lost with a command in hand.
async fn what_a_lost_channel_or_connection_had_comes_again_in_order(broker: Broker) {
    let publishing = broker.channel().await;
    select_confirms(&publishing).await;
    declare(&publishing, "q", &[]).await;
    for number in 0..4_u8 {
        put(&publishing, "q", &[number]).await;
    }
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    prefetch(&channel, 3).await;
    let mut consumer = consume(&channel, "q").await;
    let first = next(&mut consumer).await;
    let _second = next(&mut consumer).await;
    let _third = next(&mut consumer).await;
    ack(&first).await;
    channel.close(200, "lost".into()).await.expect("closed");

    let channel = connection.create_channel().await.expect("a channel");
    prefetch(&channel, 3).await;
    let mut consumer = consume(&channel, "q").await;
    for (number, redelivered) in [(1, true), (2, true), (3, true)] {
        let delivery = next(&mut consumer).await;
        assert_eq!(
            (&delivery.data[..], delivery.redelivered),
            (&[number][..], redelivered)
        );
    }
    connection.close(200, "lost".into()).await.expect("closed");

    let channel = broker.channel().await;
    let mut consumer = consume(&channel, "q").await;
    for number in 1..4_u8 {
        let delivery = next(&mut consumer).await;
        assert_eq!(
            (&delivery.data[..], delivery.redelivered),
            (&[number][..], true)
        );
        ack(&delivery).await;
    }
    channel.close(200, "done".into()).await.expect("closed");
    assert_eq!(waiting(&publishing, "q").await, 0);
}

async fn refused_messages_come_again_or_not_as_asked(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    put(&channel, "q", b"a").await;
    let mut consumer = consume(&channel, "q").await;
    let requeue = BasicNackOptions {
        requeue: true,
        multiple: false,
    };
    next(&mut consumer).await.nack(requeue).await.expect("nack");
    let again = next(&mut consumer).await;
    assert!(again.redelivered);
    again
        .reject(BasicRejectOptions { requeue: true })
        .await
        .expect("reject");
    let again = next(&mut consumer).await;
    again
        .reject(BasicRejectOptions { requeue: false })
        .await
        .expect("reject");
    nothing_comes(&channel, "q", &mut consumer).await;
    assert_eq!(waiting(&channel, "q").await, 0);
}

async fn acknowledging_twice_ends_the_channel(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    put(&channel, "q", b"a").await;
    let mut consumer = consume(&channel, "q").await;
    let delivery = next(&mut consumer).await;
    for _ in 0..2 {
        // Sent without the client's own guard against it.
        channel
            .basic_ack(delivery.delivery_tag, BasicAckOptions::default())
            .await
            .expect("sent");
    }
    let ended = soon("the end of the consumer", async {
        loop {
            match consumer.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break Some(code(&error)),
                None => break None,
            }
        }
    })
    .await;
    assert_eq!(ended, Some(406));
    connection.create_channel().await.expect("another channel");
}

/// What tells an agent that its queue was deleted under it.
async fn the_deletion_of_its_queue_ends_a_consumer(broker: Broker) {
    let channel = broker.channel().await;
    declare(&channel, "q", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    let other = broker.channel().await;
    other
        .queue_delete("q".into(), Default::default())
        .await
        .expect("deleted");
    let end = soon("the end of the consumer", consumer.next()).await;
    assert!(end.is_none(), "{end:?}");
    // The channel goes on.
    declare(&channel, "q", &[]).await;
}

async fn a_cancelled_consumer_gets_nothing_more(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let consumer = consume(&channel, "q").await;
    channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await
        .expect("cancelled");
    put(&channel, "q", b"a").await;
    assert_eq!(waiting(&channel, "q").await, 1);
}

/// Two schedulers share the queue of answers.
async fn consumers_share_a_queue_and_each_message_goes_to_one(broker: Broker) {
    let publishing = broker.channel().await;
    select_confirms(&publishing).await;
    declare(&publishing, "q", &[]).await;
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let channel = broker.channel().await;
        prefetch(&channel, 1).await;
        consumers.push(consume(&channel, "q").await);
    }
    for number in 0..6_u8 {
        put(&publishing, "q", &[number]).await;
    }
    let mut got = Vec::new();
    for _ in 0..3 {
        // Both have one in hand before either is acknowledged.
        let mut hand = Vec::new();
        for consumer in &mut consumers {
            hand.push(next(consumer).await);
        }
        for delivery in hand {
            got.push(delivery.data[0]);
            ack(&delivery).await;
        }
    }
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
}

async fn an_exclusive_consumer_keeps_others_away(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    declare(&channel, "q", &[]).await;
    let options = BasicConsumeOptions {
        exclusive: true,
        ..BasicConsumeOptions::default()
    };
    let _consumer = channel
        .basic_consume("q".into(), "".into(), options, FieldTable::default())
        .await
        .expect("a consumer");
    let other = connection.create_channel().await.expect("a channel");
    assert_eq!(refused(try_consume(&other, "q").await), 403);
}

async fn single_messages_can_be_fetched(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let fetch = || channel.basic_get("q".into(), BasicGetOptions::default());
    assert!(fetch().await.expect("an answer").is_none());
    for body in [b"a", b"b"] {
        put(&channel, "q", body).await;
    }
    let first = fetch().await.expect("an answer").expect("a message");
    assert_eq!(
        (&first.delivery.data[..], first.message_count),
        (&b"a"[..], 1)
    );
    ack(&first.delivery).await;
}

contract!(
    no_more_is_delivered_than_prefetch_until_something_is_acknowledged,
    what_a_lost_channel_or_connection_had_comes_again_in_order,
    refused_messages_come_again_or_not_as_asked,
    acknowledging_twice_ends_the_channel,
    the_deletion_of_its_queue_ends_a_consumer,
    a_cancelled_consumer_gets_nothing_more,
    consumers_share_a_queue_and_each_message_goes_to_one,
    an_exclusive_consumer_keeps_others_away,
    single_messages_can_be_fetched,
);
