//! Queues that hold only so much.

use lapin::Confirmation;
use lapin::options::BasicAckOptions;
use lapin::types::AMQPValue;

use crate::broker::Broker;
use crate::support::*;

/// What keeps a flood of one agent from filling the relay.
async fn a_full_queue_refuses_and_takes_again_when_there_is_room(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    let bounded = [
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declare(&channel, "q", &bounded).await;
    let mut answers = Vec::new();
    for number in 0..4_u8 {
        answers.push(
            publish(&channel, "", "q", &[number], persistent())
                .await
                .expect("an answer"),
        );
    }
    assert_eq!(
        answers,
        [
            Confirmation::Ack(None),
            Confirmation::Ack(None),
            Confirmation::Nack(None),
            Confirmation::Nack(None)
        ]
    );
    let mut consumer = consume(&channel, "q").await;
    assert_eq!(next(&mut consumer).await.data, [0]);
    let second = next(&mut consumer).await;
    assert_eq!(second.data, [1]);
    second
        .ack(BasicAckOptions { multiple: true })
        .await
        .expect("acknowledged");
    until("room", || async {
        let answer = publish(&channel, "", "q", &[9], persistent()).await;
        answer.expect("an answer") == Confirmation::Ack(None)
    })
    .await;
    assert_eq!(next(&mut consumer).await.data, [9]);
}

async fn the_oldest_goes_where_that_is_asked_for(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    let bounded = [
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", AMQPValue::LongString("drop-head".into())),
    ];
    declare(&channel, "q", &bounded).await;
    for number in 0..4_u8 {
        put(&channel, "q", &[number]).await;
    }
    assert_eq!(waiting(&channel, "q").await, 2);
    let mut consumer = consume(&channel, "q").await;
    assert_eq!(next(&mut consumer).await.data, [2]);
    assert_eq!(next(&mut consumer).await.data, [3]);
}

contract!(
    a_full_queue_refuses_and_takes_again_when_there_is_room,
    the_oldest_goes_where_that_is_asked_for,
);
