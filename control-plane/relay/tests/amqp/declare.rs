//! Queues and exchanges come and go.

use crate::support::*;
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};

async fn exists(server: &Server, queue: &str) -> bool {
    let channel = server.channel().await;
    let options = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
        .is_ok()
}

async fn declare_exchange(channel: &Channel, name: &str) {
    channel
        .exchange_declare(
            name.into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("an exchange");
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("bound");
}

#[tokio::test]
async fn the_server_names_nameless_queues() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let queue = channel
            .queue_declare(
                "".into(),
                QueueDeclareOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a queue");
        names.push(queue.name().to_string());
    }
    assert!(
        names.iter().all(|name| name.starts_with("amq.gen-")),
        "{names:?}"
    );
    assert_ne!(names[0], names[1]);
    // The last one is meant where no queue is named.
    publish(&channel, &names[1], b"x", persistent()).await;
    server.until("a message", |s| s.ready == 1).await;
    let purged = channel
        .queue_purge("".into(), QueuePurgeOptions::default())
        .await;
    assert_eq!(purged.expect("purged"), 1);
}

#[tokio::test]
async fn an_exclusive_queue_is_its_connections_own_and_goes_with_it() {
    let server = Server::start().await;
    let connection = server.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    channel
        .queue_declare(
            "mine".into(),
            QueueDeclareOptions {
                exclusive: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("a queue");
    let error = server
        .channel()
        .await
        .queue_purge("mine".into(), QueuePurgeOptions::default())
        .await
        .expect_err("locked");
    assert_eq!(code(&error), 405);
    connection.close(200, "done".into()).await.expect("closed");
    server.until("no queue", |s| s.queues == 0).await;
}

#[tokio::test]
async fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let server = Server::start().await;
    let channel = server.channel().await;
    channel
        .queue_declare(
            "brief".into(),
            QueueDeclareOptions {
                auto_delete: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("a queue");
    assert!(exists(&server, "brief").await, "no consumer came yet");
    let other = server.channel().await;
    let mut one = consume(&channel, "brief").await;
    let two = consume(&other, "brief").await;
    publish(&channel, "brief", b"x", persistent()).await;
    next(&mut one).await;
    drop(two);
    server.until("one consumer", |s| s.consumers == 1).await;
    assert!(exists(&server, "brief").await);
    channel.close(200, "done".into()).await.expect("closed");
    server
        .until("no queue, no message", |s| s.queues == 0 && s.ready == 0)
        .await;
}

#[tokio::test]
async fn deleting_heeds_its_conditions() {
    let server = Server::start().await;
    let channel = server.channel().await;
    declare(&channel, "q", &[]).await;
    publish(&channel, "q", b"x", persistent()).await;
    server.until("a message", |s| s.ready == 1).await;
    let delete = |channel: Channel, if_unused, if_empty| async move {
        channel
            .queue_delete(
                "q".into(),
                QueueDeleteOptions {
                    if_unused,
                    if_empty,
                    nowait: false,
                },
            )
            .await
    };
    let error = delete(server.channel().await, false, true).await;
    assert_eq!(code(&error.expect_err("not empty")), 406);
    let consumer = consume(&channel, "q").await;
    let error = delete(server.channel().await, true, false).await;
    assert_eq!(code(&error.expect_err("used")), 406);
    drop(consumer);
    server.until("no consumer", |s| s.consumers == 0).await;
    channel.close(200, "done".into()).await.expect("closed");
    server.until("the message is back", |s| s.ready == 1).await;
    let deleted = delete(server.channel().await, true, false).await;
    assert_eq!(deleted.expect("deleted"), 1);
    // What is not there is deleted already.
    let deleted = delete(server.channel().await, false, false).await;
    assert_eq!(deleted.expect("nothing to do"), 0);
    server
        .until("nothing stored", |s| s.stored_bytes == 0)
        .await;
}

#[tokio::test]
async fn unbinding_and_deleting_the_exchange_end_routing() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    declare_exchange(&channel, "e").await;
    bind(&channel, "q", "e", "k").await;
    bind(&channel, "q", "e", "k").await;
    bind(&channel, "q", "e", "l").await;
    let routed = |key: &'static str| {
        let channel = channel.clone();
        async move {
            let options = lapin::options::BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            };
            channel
                .basic_publish("e".into(), key.into(), options, b"x", persistent())
                .await
                .expect("sent")
                .await
                .expect("an answer")
                .take_message()
                .is_none()
        }
    };
    assert!(routed("k").await);
    assert_eq!(waiting(&channel, "q").await, 1, "bound twice, routed once");
    assert!(!routed("K").await);
    channel
        .queue_unbind("q".into(), "e".into(), "k".into(), FieldTable::default())
        .await
        .expect("unbound");
    assert!(!routed("k").await);
    assert!(routed("l").await);

    let in_use = server
        .channel()
        .await
        .exchange_delete(
            "e".into(),
            ExchangeDeleteOptions {
                if_unused: true,
                nowait: false,
            },
        )
        .await;
    assert_eq!(code(&in_use.expect_err("in use")), 406);
    channel
        .exchange_delete("e".into(), ExchangeDeleteOptions::default())
        .await
        .expect("deleted");
    let error = channel
        .basic_publish(
            "e".into(),
            "l".into(),
            lapin::options::BasicPublishOptions::default(),
            b"x",
            persistent(),
        )
        .await
        .expect("sent")
        .await
        .expect_err("no exchange");
    assert_eq!(code(&error), 404);
}

#[tokio::test]
async fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let before = server.relay.stats().exchanges;
    channel
        .exchange_declare(
            "brief".into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions {
                auto_delete: true,
                durable: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("an exchange");
    declare(&channel, "q", &[]).await;
    bind(&channel, "q", "brief", "k").await;
    assert_eq!(server.relay.stats().exchanges, before + 1);
    channel
        .queue_delete("q".into(), QueueDeleteOptions::default())
        .await
        .expect("deleted");
    assert_eq!(server.relay.stats().exchanges, before);
}

#[tokio::test]
async fn queues_can_be_limited_in_all_and_per_user() {
    let server = Server::with(|config| {
        config.limits.max_queues = 3;
        config.limits.max_queues_per_user = Some(2);
        config
            .users
            .push(user("other", mig_relay::PermissionPatterns::all()));
    })
    .await;
    let declare_one = |user: &'static str, name: &'static str| {
        let server = &server;
        async move {
            let connection = server.connect_as(user).await;
            let channel = connection.create_channel().await.expect("a channel");
            channel
                .queue_declare(
                    name.into(),
                    QueueDeclareOptions::default(),
                    FieldTable::default(),
                )
                .await
                .map(drop)
                .map_err(|error| code(&error))
        }
    };
    assert_eq!(declare_one("guest", "a").await, Ok(()));
    assert_eq!(declare_one("guest", "b").await, Ok(()));
    assert_eq!(declare_one("guest", "b").await, Ok(()), "it exists");
    assert_eq!(declare_one("guest", "c").await, Err(406), "two per user");
    assert_eq!(declare_one("other", "c").await, Ok(()));
    assert_eq!(declare_one("other", "d").await, Err(406), "three in all");
}
