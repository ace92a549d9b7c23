//! What is left when the relay is killed.

use futures_util::StreamExt;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Confirmation, ExchangeKind};

use crate::broker::Alone;
use crate::support::*;

async fn what_was_confirmed_outlives_a_kill_in_order_with_exchange_and_binding(mut broker: Alone) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare_exchange(&channel, "toagents", ExchangeKind::Direct).await;
    declare_exchange(&channel, "toworkers", ExchangeKind::Topic).await;
    declare(&channel, "q", &[]).await;
    declare(&channel, "events", &[]).await;
    bind(&channel, "q", "toagents", "key").await;
    bind(&channel, "events", "toworkers", "agent.#").await;
    channel
        .queue_declare(
            "brief".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a queue that is not durable");
    for number in 0..30_u8 {
        let answer = publish(&channel, "toagents", "key", &[number], persistent()).await;
        assert_eq!(answer.expect("an answer"), Confirmation::Ack(None));
    }
    // Some are with a consumer that does not get to acknowledge them.
    let consuming = connection.create_channel().await.expect("a channel");
    prefetch(&consuming, 5).await;
    let mut consumer = consume(&consuming, "q").await;
    for number in 0..5_u8 {
        assert_eq!(next(&mut consumer).await.data, [number]);
    }

    broker.crash().await;

    let ended = soon("the end of the consumer", async {
        while let Some(Ok(_)) = consumer.next().await {}
    });
    ended.await;
    assert!(!connection.status().connected());
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    let mut consumer = consume(&channel, "q").await;
    for number in 0..30_u8 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data, [number]);
        ack(&delivery).await;
    }
    nothing_comes(&channel, "q", &mut consumer).await;
    let answer = publish(&channel, "toagents", "key", b"new", persistent()).await;
    assert_eq!(answer.expect("an answer"), Confirmation::Ack(None));
    assert_eq!(next(&mut consumer).await.data, b"new");
    let answer = publish(&channel, "toworkers", "agent.new", b"e", persistent()).await;
    assert_eq!(answer.expect("an answer"), Confirmation::Ack(None));
    assert_eq!(waiting(&channel, "events").await, 1);
    let brief = channel.queue_declare("brief".into(), passive(), FieldTable::default());
    assert_eq!(refused(brief.await), 404);
}

contract!(alone: what_was_confirmed_outlives_a_kill_in_order_with_exchange_and_binding);
