//! Acknowledging, rejecting, and what comes back.

use crate::support::*;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicRecoverOptions, BasicRejectOptions,
};

async fn fill(channel: &Channel, count: u8) {
    declare(channel, "q", &[]).await;
    select_confirms(channel).await;
    for number in 0..count {
        assert!(
            publish_confirmed(channel, "q", &[number], persistent())
                .await
                .is_ack()
        );
    }
}

async fn take(channel: &Channel) -> Option<Delivery> {
    channel
        .basic_get("q".into(), BasicGetOptions::default())
        .await
        .expect("an answer")
        .map(|message| message.delivery)
}

/// Everything that waits, as first byte and redelivered flag.
async fn drain(channel: &Channel) -> Vec<(u8, bool)> {
    let mut all = Vec::new();
    while let Some(delivery) = take(channel).await {
        all.push((delivery.data[0], delivery.redelivered));
        ack(&delivery).await;
    }
    all
}

#[tokio::test]
async fn a_requeued_message_returns_to_its_position_marked_as_redelivered() {
    let server = Server::start().await;
    let channel = server.channel().await;
    fill(&channel, 4).await;
    let _first = take(&channel).await.expect("a message");
    let second = take(&channel).await.expect("a message");
    let third = take(&channel).await.expect("a message");
    third
        .nack(BasicNackOptions {
            requeue: true,
            multiple: false,
        })
        .await
        .expect("sent");
    second
        .reject(BasicRejectOptions { requeue: true })
        .await
        .expect("sent");
    server.until("three waiting", |s| s.ready == 3).await;
    assert_eq!(drain(&channel).await, [(1, true), (2, true), (3, false)]);
}

#[tokio::test]
async fn a_rejected_message_is_gone() {
    let server = Server::start().await;
    let channel = server.channel().await;
    fill(&channel, 3).await;
    take(&channel)
        .await
        .expect("a message")
        .reject(BasicRejectOptions { requeue: false })
        .await
        .expect("sent");
    take(&channel)
        .await
        .expect("a message")
        .nack(BasicNackOptions::default())
        .await
        .expect("sent");
    server
        .until("two rejected", |s| s.rejected == 2 && s.unacked == 0)
        .await;
    assert_eq!(drain(&channel).await, [(2, false)]);
    server
        .until("nothing stored", |s| s.stored_bytes == 0)
        .await;
}

#[tokio::test]
async fn multiple_settles_everything_up_to_the_tag() {
    let server = Server::start().await;
    let channel = server.channel().await;
    fill(&channel, 5).await;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(take(&channel).await.expect("a message"));
    }
    taken[2]
        .ack(BasicAckOptions { multiple: true })
        .await
        .expect("sent");
    server
        .until("three acknowledged", |s| {
            s.acknowledged == 3 && s.unacked == 2
        })
        .await;
    channel
        .basic_nack(
            0,
            BasicNackOptions {
                multiple: true,
                requeue: true,
            },
        )
        .await
        .expect("sent");
    server.until("two back", |s| s.ready == 2).await;
    assert_eq!(drain(&channel).await, [(3, true), (4, true)]);
}

#[tokio::test]
async fn closing_the_channel_or_the_connection_puts_messages_back() {
    let server = Server::start().await;
    let channel = server.channel().await;
    fill(&channel, 4).await;

    let connection = server.connect().await;
    let one = connection.create_channel().await.expect("a channel");
    let two = connection.create_channel().await.expect("a channel");
    let mut consumer = consume(&one, "q").await;
    next(&mut consumer).await;
    server.until("all delivered", |s| s.unacked == 4).await;
    one.close(200, "done".into()).await.expect("closed");
    server.until("all back", |s| s.ready == 4).await;

    let mut consumer = consume(&two, "q").await;
    let first = next(&mut consumer).await;
    assert!(first.redelivered);
    connection.close(200, "done".into()).await.expect("closed");
    server
        .until("all back again", |s| s.ready == 4 && s.connections == 1)
        .await;
    let expected: Vec<_> = (0..4).map(|number| (number, true)).collect();
    assert_eq!(drain(&channel).await, expected);
}

#[tokio::test]
async fn recover_puts_the_channels_messages_back() {
    let server = Server::start().await;
    let channel = server.channel().await;
    fill(&channel, 2).await;
    take(&channel).await.expect("a message");
    channel
        .basic_recover(BasicRecoverOptions { requeue: true })
        .await
        .expect("recovered");
    assert_eq!(drain(&channel).await, [(0, true), (1, false)]);
}

#[tokio::test]
async fn an_unknown_tag_ends_the_channel_and_what_it_held_goes_back() {
    let server = Server::start().await;
    let setup = server.channel().await;
    fill(&setup, 1).await;
    for (tag, multiple) in [(7, false), (7, true)] {
        let connection = server.connect().await;
        let channel = connection.create_channel().await.expect("a channel");
        take(&channel).await.expect("a message");
        channel
            .basic_ack(tag, BasicAckOptions { multiple })
            .await
            .expect("sent");
        server.until("back", |s| s.ready == 1).await;
        let end = tokio::time::Instant::now() + PATIENCE;
        while channel.status().connected() {
            assert!(tokio::time::Instant::now() < end, "the channel is open");
            tokio::task::yield_now().await;
        }
        assert!(connection.status().connected());
    }
}
