//! Messages and queues whose time ends.

use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation};

use crate::broker::Broker;
use crate::support::*;

fn expiring(milliseconds: &str) -> BasicProperties {
    persistent().with_expiration(milliseconds.into())
}

/// Commands expire with their action.
async fn a_message_goes_when_its_time_ends_and_later_ones_stay(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    for (body, properties) in [(b"a", expiring("50")), (b"b", expiring("4294967295"))] {
        let answer = publish(&channel, "", "q", body, properties).await;
        assert_eq!(answer.expect("an answer"), Confirmation::Ack(None));
    }
    until("the first message to go", || async {
        waiting(&channel, "q").await == 1
    })
    .await;
    let mut consumer = consume(&channel, "q").await;
    assert_eq!(next(&mut consumer).await.data, b"b");
}

async fn what_is_delivered_does_not_expire(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    declare(&channel, "clock", &[]).await;
    let mut consumer = consume(&channel, "q").await;
    publish(&channel, "", "q", b"a", expiring("2000"))
        .await
        .expect("an answer");
    let delivery = next(&mut consumer).await;
    publish(&channel, "", "clock", b"tick", expiring("3000"))
        .await
        .expect("an answer");
    until("time to pass", || async {
        waiting(&channel, "clock").await == 0
    })
    .await;
    ack(&delivery).await;
    nothing_comes(&channel, "q", &mut consumer).await;
}

async fn an_expiration_that_is_no_number_is_refused(broker: Broker) {
    let connection = broker.connect().await;
    for wrong in ["soon", "-1", "1.5", ""] {
        let channel = connection.create_channel().await.expect("a channel");
        select_confirms(&channel).await;
        declare(&channel, "q", &[]).await;
        let answer = publish(&channel, "", "q", b"m", expiring(wrong)).await;
        assert_eq!(refused(answer), 406, "`{wrong}`");
    }
}

async fn a_queues_own_limit_holds_for_its_messages(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[("x-message-ttl", AMQPValue::LongInt(50))]).await;
    for properties in [persistent(), expiring("60000")] {
        publish(&channel, "", "q", b"a", properties)
            .await
            .expect("an answer");
    }
    until("the messages to go", || async {
        waiting(&channel, "q").await == 0
    })
    .await;
}

async fn a_queue_that_nobody_uses_expires(broker: Broker) {
    const NOT_FOUND: u16 = 404;
    let expires = [("x-expires", AMQPValue::LongInt(3000))];
    // On a busy machine the queue may be gone before it has its consumer.
    let used = async {
        loop {
            let channel = broker.channel().await;
            declare(&channel, "used", &expires).await;
            match try_consume(&channel, "used").await {
                Ok(consumer) => return (channel, consumer),
                Err(error) => assert_eq!(code(&error), NOT_FOUND),
            }
        }
    };
    let (channel, _consumer) = soon("a consumer", used).await;
    declare(&channel, "unused", &expires).await;
    select_confirms(&channel).await;
    until("the queue to go", || async {
        // Whoever publishes does not use the queue, but hears that it is not there.
        let answer = publish(&channel, "", "unused", b"m", persistent()).await;
        matches!(answer, Ok(Confirmation::Ack(Some(_))))
    })
    .await;
    assert_eq!(waiting(&channel, "used").await, 0);
}

contract!(
    a_message_goes_when_its_time_ends_and_later_ones_stay,
    what_is_delivered_does_not_expire,
    an_expiration_that_is_no_number_is_refused,
    a_queues_own_limit_holds_for_its_messages,
    a_queue_that_nobody_uses_expires,
);
