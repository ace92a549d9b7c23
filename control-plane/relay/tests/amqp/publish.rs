//! Confirms, returns, and bodies of all sizes.

use crate::support::*;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation};

#[tokio::test]
async fn an_unroutable_mandatory_message_comes_back_and_is_confirmed() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    let answer = publish_confirmed(&channel, "nobody", b"lost?", persistent()).await;
    let Confirmation::Ack(Some(returned)) = answer else {
        panic!("not returned: {answer:?}");
    };
    assert_eq!(returned.reply_code, 312);
    assert_eq!(returned.reply_text.as_str(), "NO_ROUTE");
    assert_eq!(returned.delivery.data, b"lost?");
    assert_eq!(returned.delivery.routing_key.as_str(), "nobody");
    assert_eq!(*returned.delivery.properties.delivery_mode(), Some(2));

    // Without the flag it is confirmed and dropped, and counted.
    let sent = channel
        .basic_publish(
            "".into(),
            "nobody".into(),
            BasicPublishOptions::default(),
            b"lost",
            persistent(),
        )
        .await
        .expect("sent");
    assert_eq!(sent.await.expect("an answer"), Confirmation::Ack(None));
    let stats = server.relay.stats();
    assert_eq!((stats.unroutable, stats.returned), (2, 1));
}

#[tokio::test]
async fn bodies_of_any_size_arrive_whole() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    // Around the size of one body frame, and many frames.
    for size in [0, 1, 131_063, 131_064, 131_065, 262_128, 5_000_000] {
        let body: Vec<u8> = (0..size).map(|at: usize| (at * 31 % 251) as u8).collect();
        assert!(
            publish_confirmed(&channel, "q", &body, persistent())
                .await
                .is_ack(),
            "{size}"
        );
        let got = channel
            .basic_get("q".into(), BasicGetOptions { no_ack: true })
            .await
            .expect("an answer")
            .expect("a message");
        assert!(got.delivery.data == body, "{size}");
    }
}

#[tokio::test]
async fn small_frames_carry_large_messages_too() {
    let server = Server::start().await;
    let uri = format!("{}?frame_max=4096", server.uri("guest"));
    let connection = connect(&uri).await.expect("a connection");
    assert_eq!(connection.configuration().frame_max(), 4096);
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let body = vec![7; 100_000];
    assert!(
        publish_confirmed(&channel, "q", &body, persistent())
            .await
            .is_ack()
    );
    let got = channel
        .basic_get("q".into(), BasicGetOptions { no_ack: true })
        .await
        .expect("an answer")
        .expect("a message");
    assert!(got.delivery.data == body);
}

#[tokio::test]
async fn many_publications_in_flight_are_all_confirmed() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut answers = Vec::new();
    for number in 0..500_u32 {
        let sent = channel
            .basic_publish(
                "".into(),
                "q".into(),
                BasicPublishOptions::default(),
                &number.to_be_bytes(),
                persistent(),
            )
            .await
            .expect("sent");
        answers.push(sent);
    }
    for answer in answers {
        assert!(answer.await.expect("an answer").is_ack());
    }
    assert_eq!(waiting(&channel, "q").await, 500);
}

#[tokio::test]
async fn properties_arrive_as_they_were_sent() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let queue = channel
        .queue_declare(
            "".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a queue");
    let name = queue.name().as_str().to_owned();
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_content_encoding("gzip".into())
        .with_headers(arguments(&[
            ("text", AMQPValue::LongString("x".into())),
            ("list", AMQPValue::FieldArray(vec![AMQPValue::Void].into())),
        ]))
        .with_delivery_mode(1)
        .with_priority(3)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("600000".into())
        .with_message_id("m".into())
        .with_timestamp(1)
        .with_type("t".into())
        .with_user_id("guest".into())
        .with_app_id("a".into());
    publish(&channel, &name, b"x", properties.clone()).await;
    let mut consumer = consume(&channel, &name).await;
    assert_eq!(next(&mut consumer).await.properties, properties);
}
