//! A relay that runs short of memory.

use futures_util::{FutureExt, StreamExt};
use lapin::options::BasicPublishOptions;
use lapin::{Confirmation, Event};

use crate::broker::Alone;
use crate::support::*;

async fn publishers_wait_and_are_told_while_consumers_go_on(broker: Alone) {
    let publishing = broker.connect().await;
    let mut told = Box::pin(publishing.events_listener());
    let channel = publishing.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    for number in 0..3_u8 {
        put(&channel, "q", &[number]).await;
    }
    let consuming = broker.connect().await;

    broker.raise_alarm().await;
    let options = BasicPublishOptions::default();
    let sent = channel
        .basic_publish("".into(), "q".into(), options, &[3], persistent())
        .await
        .expect("sent");
    let reason = soon("word of the alarm", async {
        loop {
            match told.next().await {
                Some(Event::ConnectionBlocked(reason)) => break reason,
                // Said at the start, now and then after the listener was there.
                Some(Event::Connected) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert!(reason.contains("memory"), "{reason}");
    assert!(publishing.status().blocked());
    // Who takes messages away is served, and makes room.
    let taking = consuming.create_channel().await.expect("a channel");
    let mut consumer = consume(&taking, "q").await;
    for number in 0..3_u8 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data, [number]);
        ack(&delivery).await;
    }
    nothing_comes(&taking, "q", &mut consumer).await;
    let mut sent = Box::pin(sent.into_future());
    assert!((&mut sent).now_or_never().is_none(), "held up");

    broker.end_alarm().await;
    match soon("word of its end", told.next()).await {
        Some(Event::ConnectionUnblocked) => {}
        other => panic!("{other:?}"),
    }
    // On the same connection, nothing sent twice.
    let answer = soon("the answer", sent).await.expect("an answer");
    assert_eq!(answer, Confirmation::Ack(None));
    assert_eq!(next(&mut consumer).await.data, [3]);
    nothing_comes(&taking, "q", &mut consumer).await;
}

contract!(alone: publishers_wait_and_are_told_while_consumers_go_on);
