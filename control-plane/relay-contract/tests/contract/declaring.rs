//! Declaring queues and exchanges, and what is refused with which code.

use lapin::ExchangeKind;
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use crate::broker::Broker;
use crate::support::*;

const NOT_ALLOWED_HERE: u16 = 403;
const NOT_FOUND: u16 = 404;
const LOCKED: u16 = 405;
const MISMATCH: u16 = 406;

/// Agents and schedulers declare at every connection what exists already.
async fn declaring_again_changes_nothing_and_counts_messages_and_consumers(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    assert_eq!(declare(&channel, "q", &[]).await.message_count(), 0);
    for body in [b"a", b"b"] {
        put(&channel, "q", body).await;
    }
    let again = declare(&channel, "q", &[]).await;
    assert_eq!((again.message_count(), again.consumer_count()), (2, 0));
    prefetch(&channel, 1).await;
    let _consumer = consume(&channel, "q").await;
    until("the consumer to be counted", || async {
        let queue = channel
            .queue_declare("q".into(), passive(), FieldTable::default())
            .await
            .expect("the queue");
        // What is delivered and not acknowledged does not wait any more.
        queue.consumer_count() == 1 && queue.message_count() == 1
    })
    .await;
}

async fn a_passive_declaration_finds_or_says_not_found(broker: Broker) {
    let channel = broker.channel().await;
    declare(&channel, "there", &[]).await;
    assert_eq!(waiting(&channel, "there").await, 0);
    let missing = channel
        .queue_declare("missing".into(), passive(), FieldTable::default())
        .await;
    assert_eq!(refused(missing), NOT_FOUND);

    // A refusal ends the channel and nothing else.
    let channel = broker.channel().await;
    let options = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    declare_exchange(&channel, "there", ExchangeKind::Direct).await;
    channel
        .exchange_declare(
            "there".into(),
            ExchangeKind::Direct,
            options,
            FieldTable::default(),
        )
        .await
        .expect("it is there");
    let missing = channel
        .exchange_declare(
            "missing".into(),
            ExchangeKind::Direct,
            options,
            FieldTable::default(),
        )
        .await;
    assert_eq!(refused(missing), NOT_FOUND);
}

async fn another_declaration_of_the_same_name_is_a_mismatch(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    let ttl = [("x-message-ttl", AMQPValue::LongInt(60_000))];
    declare(&channel, "plain", &[]).await;
    declare(&channel, "ttl", &ttl).await;
    declare_exchange(&channel, "direct", ExchangeKind::Direct).await;
    let transient = QueueDeclareOptions {
        auto_delete: true,
        ..durable()
    };
    for (queue, options, pairs) in [
        ("plain", transient, &[][..]),
        ("plain", durable(), &ttl[..]),
        ("ttl", durable(), &[][..]),
    ] {
        let channel = connection.create_channel().await.expect("a channel");
        let other = channel
            .queue_declare(queue.into(), options, arguments(pairs))
            .await;
        assert_eq!(refused(other), MISMATCH, "{queue}");
    }
    for (kind, durable) in [(ExchangeKind::Topic, true), (ExchangeKind::Direct, false)] {
        let channel = connection.create_channel().await.expect("a channel");
        let options = ExchangeDeclareOptions {
            durable,
            ..ExchangeDeclareOptions::default()
        };
        let other = channel
            .exchange_declare(
                "direct".into(),
                kind.clone(),
                options,
                FieldTable::default(),
            )
            .await;
        assert_eq!(refused(other), MISMATCH, "{kind:?} {durable}");
    }
    // The connection outlives all of that.
    assert_eq!(waiting(&channel, "plain").await, 0);
}

async fn reserved_and_missing_names_are_refused(broker: Broker) {
    let connection = broker.connect().await;
    let fresh = || async { connection.create_channel().await.expect("a channel") };
    let none = FieldTable::default;

    let reserved = fresh().await;
    let reserved = reserved.queue_declare("amq.mine".into(), durable(), none());
    assert_eq!(refused(reserved.await), NOT_ALLOWED_HERE);

    let options = ExchangeDeclareOptions::default();
    let reserved = fresh().await;
    let reserved =
        reserved.exchange_declare("amq.mine".into(), ExchangeKind::Direct, options, none());
    assert_eq!(refused(reserved.await), NOT_ALLOWED_HERE);

    let channel = fresh().await;
    declare(&channel, "q", &[]).await;
    for exchange in ["missing", ""] {
        let channel = fresh().await;
        let options = QueueBindOptions::default();
        let bound = channel.queue_bind("q".into(), exchange.into(), "q".into(), options, none());
        let code = if exchange.is_empty() {
            NOT_ALLOWED_HERE
        } else {
            NOT_FOUND
        };
        assert_eq!(refused(bound.await), code, "`{exchange}`");
    }
    let purged = fresh().await;
    let purged = purged.queue_purge("missing".into(), QueuePurgeOptions::default());
    assert_eq!(refused(purged.await), NOT_FOUND);
}

/// The scheduler's clean-up of queues deletes some that are gone already.
async fn deleting_counts_messages_and_forgives_what_is_gone(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    put(&channel, "q", b"a").await;
    let careful = connection.create_channel().await.expect("a channel");
    let options = QueueDeleteOptions {
        if_empty: true,
        ..QueueDeleteOptions::default()
    };
    assert_eq!(
        refused(careful.queue_delete("q".into(), options).await),
        MISMATCH
    );

    let consuming = connection.create_channel().await.expect("a channel");
    let _consumer = consume(&consuming, "q").await;
    let careful = connection.create_channel().await.expect("a channel");
    let options = QueueDeleteOptions {
        if_unused: true,
        ..QueueDeleteOptions::default()
    };
    assert_eq!(
        refused(careful.queue_delete("q".into(), options).await),
        MISMATCH
    );

    consuming.close(200, "done".into()).await.expect("closed");
    until("the message to be back", || async {
        waiting(&channel, "q").await == 1
    })
    .await;
    for expected in [1, 0] {
        let deleted = channel
            .queue_delete("q".into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
        assert_eq!(deleted, expected);
    }
}

async fn an_exchange_in_use_is_kept_when_asked_to(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    declare(&channel, "q", &[]).await;
    declare_exchange(&channel, "e", ExchangeKind::Direct).await;
    bind(&channel, "q", "e", "k").await;
    let careful = connection.create_channel().await.expect("a channel");
    let options = ExchangeDeleteOptions {
        if_unused: true,
        ..ExchangeDeleteOptions::default()
    };
    assert_eq!(
        refused(careful.exchange_delete("e".into(), options).await),
        MISMATCH
    );
    for _ in 0..2 {
        channel
            .exchange_delete("e".into(), ExchangeDeleteOptions::default())
            .await
            .expect("deleted, then forgiven");
    }
}

async fn an_exclusive_queue_is_its_connections_and_goes_with_it(broker: Broker) {
    let owner = broker.connect().await;
    let channel = owner.create_channel().await.expect("a channel");
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), options, FieldTable::default())
        .await
        .expect("a queue with a name of the relay's");
    let name = queue.name().to_string();
    assert!(name.starts_with("amq.gen"), "{name}");

    let other = broker.channel().await;
    let looked = other.queue_declare(name.as_str().into(), passive(), FieldTable::default());
    assert_eq!(refused(looked.await), LOCKED);

    owner.close(200, "bye".into()).await.expect("closed");
    let connection = broker.connect().await;
    until("the queue to be gone", || async {
        let channel = connection.create_channel().await.expect("a channel");
        let looked = channel.queue_declare(name.as_str().into(), passive(), FieldTable::default());
        match looked.await {
            Err(error) => code(&error) == NOT_FOUND,
            Ok(_) => false,
        }
    })
    .await;
}

async fn an_auto_delete_queue_goes_with_its_last_consumer(broker: Broker) {
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    let options = QueueDeclareOptions {
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare("brief".into(), options, FieldTable::default())
        .await
        .expect("a queue");
    let consumer = consume(&channel, "brief").await;
    channel
        .basic_cancel(
            consumer.tag(),
            lapin::options::BasicCancelOptions::default(),
        )
        .await
        .expect("cancelled");
    let looked = channel.queue_declare("brief".into(), passive(), FieldTable::default());
    assert_eq!(refused(looked.await), NOT_FOUND);
}

contract!(
    declaring_again_changes_nothing_and_counts_messages_and_consumers,
    a_passive_declaration_finds_or_says_not_found,
    another_declaration_of_the_same_name_is_a_mismatch,
    reserved_and_missing_names_are_refused,
    deleting_counts_messages_and_forgives_what_is_gone,
    an_exchange_in_use_is_kept_when_asked_to,
    an_exclusive_queue_is_its_connections_and_goes_with_it,
    an_auto_delete_queue_goes_with_its_last_consumer,
);
