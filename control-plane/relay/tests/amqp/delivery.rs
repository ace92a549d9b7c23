//! Publishing and consuming.

use crate::support::*;
use lapin::ExchangeKind;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    BasicRecoverOptions, BasicRejectOptions, ExchangeDeclareOptions, QueueBindOptions,
};
use lapin::types::FieldTable;

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
