//! What a publisher is told.

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Confirmation, ExchangeKind};

use crate::broker::Broker;
use crate::support::*;

/// The outbox publishes a page before it waits for the answers.
async fn every_publication_of_a_page_is_confirmed(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut answers = Vec::new();
    for number in 0..200_u8 {
        let options = BasicPublishOptions::default();
        let sent = channel
            .basic_publish("".into(), "q".into(), options, &[number], persistent())
            .await
            .expect("sent");
        answers.push(sent);
    }
    for answer in answers {
        let answer = soon("a confirmation", answer).await.expect("an answer");
        assert_eq!(answer, Confirmation::Ack(None));
    }
    assert_eq!(waiting(&channel, "q").await, 200);
}

/// How the scheduler learns that an agent has no queue yet.
async fn a_mandatory_message_that_reaches_nobody_comes_back(broker: Broker) {
    const NO_ROUTE: u16 = 312;
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare_exchange(&channel, "toagents", ExchangeKind::Direct).await;
    let answer = publish(
        &channel,
        "toagents",
        "mig.agt.linux.x",
        b"body",
        persistent(),
    )
    .await;
    let Ok(Confirmation::Ack(Some(returned))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(returned.reply_code, NO_ROUTE);
    assert_eq!(returned.delivery.data, b"body");
    assert_eq!(returned.delivery.exchange.as_str(), "toagents");
    assert_eq!(returned.delivery.routing_key.as_str(), "mig.agt.linux.x");

    let options = BasicPublishOptions::default();
    let sent = channel
        .basic_publish(
            "toagents".into(),
            "nobody".into(),
            options,
            b"m",
            persistent(),
        )
        .await
        .expect("sent");
    let answer = soon("the answer", sent).await.expect("an answer");
    assert_eq!(answer, Confirmation::Ack(None), "not mandatory: dropped");
}

async fn publishing_to_a_missing_exchange_ends_the_channel(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    let answer = publish(&channel, "missing", "k", b"m", persistent()).await;
    assert_eq!(refused(answer), 404);
    connection.create_channel().await.expect("another channel");
}

async fn properties_arrive_as_they_were_sent(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let headers = arguments(&[("x-note", lapin::types::AMQPValue::LongString("kept".into()))]);
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(2)
        .with_expiration("600000".into())
        .with_timestamp(1_700_000_000)
        .with_message_id("7".into())
        .with_headers(headers);
    let answer = publish(&channel, "", "q", b"{}", properties.clone()).await;
    assert_eq!(answer.expect("an answer"), Confirmation::Ack(None));
    let mut consumer = consume(&channel, "q").await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.properties, properties);
    assert_eq!(delivery.routing_key.as_str(), "q");
}

contract!(
    every_publication_of_a_page_is_confirmed,
    a_mandatory_message_that_reaches_nobody_comes_back,
    publishing_to_a_missing_exchange_ends_the_channel,
    properties_arrive_as_they_were_sent,
);
