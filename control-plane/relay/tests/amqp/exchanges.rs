//! Fanout and topic exchanges.

use crate::support::*;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};

async fn unbind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    channel
        .queue_unbind(
            queue.into(),
            exchange.into(),
            key.into(),
            FieldTable::default(),
        )
        .await
        .expect("unbound");
}

#[tokio::test]
async fn a_topic_exchange_sends_each_message_once_to_every_queue_that_wants_it() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare_exchange(&channel, "events", ExchangeKind::Topic).await;
    for (queue, patterns) in [
        ("agents", &["agent.*", "agent.#", "agent.new"][..]),
        ("all", &["#"]),
        ("results", &["*.results"]),
    ] {
        declare(&channel, queue, &[]).await;
        for pattern in patterns {
            bind(&channel, queue, "events", pattern)
                .await
                .expect("bound");
        }
    }
    for key in [
        "agent.new",
        "agent.authentication.failure",
        "command.results",
        "other",
    ] {
        assert!(
            route(&channel, "events", key, key.as_bytes())
                .await
                .is_ack()
        );
    }
    assert_eq!(
        take_all(&channel, "agents").await,
        ["agent.new", "agent.authentication.failure"]
    );
    assert_eq!(take_all(&channel, "results").await, ["command.results"]);
    assert_eq!(take_all(&channel, "all").await.len(), 4);
    // One of three patterns less: the others still match.
    unbind(&channel, "agents", "events", "agent.#").await;
    route(&channel, "events", "agent.new", b"still").await;
    route(
        &channel,
        "events",
        "agent.authentication.failure",
        b"no more",
    )
    .await;
    assert_eq!(take_all(&channel, "agents").await, ["still"]);
    unbind(&channel, "all", "events", "#").await;
    let returned = route(&channel, "events", "nobody", b"x").await;
    assert!(returned.take_message().is_some(), "nobody wants it");
}

#[tokio::test]
async fn a_fanout_exchange_sends_to_every_bound_queue_whatever_the_key() {
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    for (queue, key) in [("a", "x"), ("a", "y"), ("b", "")] {
        declare(&channel, queue, &[]).await;
        bind(&channel, queue, "amq.fanout", key)
            .await
            .expect("bound");
    }
    assert!(route(&channel, "amq.fanout", "z", b"1").await.is_ack());
    assert_eq!(take_all(&channel, "a").await, ["1"]);
    assert_eq!(take_all(&channel, "b").await, ["1"]);
    // Bound twice is unbound once.
    unbind(&channel, "a", "amq.fanout", "x").await;
    route(&channel, "amq.fanout", "x", b"2").await;
    assert_eq!(take_all(&channel, "a").await, ["2"]);
    unbind(&channel, "a", "amq.fanout", "y").await;
    route(&channel, "amq.fanout", "x", b"3").await;
    assert!(take_all(&channel, "a").await.is_empty());
    assert_eq!(take_all(&channel, "b").await, ["2", "3"]);
}

#[tokio::test]
async fn every_kind_survives_a_restart_with_its_bindings() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let kinds = [
        ("d", ExchangeKind::Direct, "a.b"),
        ("f", ExchangeKind::Fanout, "whatever"),
        ("t", ExchangeKind::Topic, "a.#"),
    ];
    for (name, kind, key) in &kinds {
        declare_exchange(&channel, name, kind.clone()).await;
        declare(&channel, name, &[]).await;
        bind(&channel, name, name, key).await.expect("bound");
    }
    let server = Server::reopen(server.stop().await, |_| {}).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    for (name, kind, _) in &kinds {
        // As it was: no complaint about another kind.
        declare_exchange(&channel, name, kind.clone()).await;
        assert!(route(&channel, name, "a.b", b"x").await.is_ack());
        assert_eq!(take_all(&channel, name).await, ["x"], "{name}");
    }
    let other = server.channel().await;
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let error = other
        .exchange_declare(
            "t".into(),
            ExchangeKind::Direct,
            options,
            FieldTable::default(),
        )
        .await
        .expect_err("another kind");
    assert_eq!(code(&error), 406);
    assert!(
        error
            .to_string()
            .contains("received 'direct' but current is 'topic'"),
        "{error}"
    );
}

#[tokio::test]
async fn thousands_of_bindings_lead_where_they_should() {
    const QUEUES: usize = 100;
    const EACH: usize = 30;
    let server = Server::start().await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    for queue in 0..QUEUES {
        let name = format!("q{queue}");
        let options = QueueDeclareOptions::default();
        channel
            .queue_declare(name.as_str().into(), options, FieldTable::default())
            .await
            .expect("a queue");
        for binding in 0..EACH {
            let key = format!("site{queue}.*.kind{binding}.#");
            let options = QueueBindOptions { nowait: true };
            channel
                .queue_bind(
                    name.as_str().into(),
                    "amq.topic".into(),
                    key.into(),
                    options,
                    FieldTable::default(),
                )
                .await
                .expect("bound");
        }
    }
    for queue in (0..QUEUES).step_by(7) {
        let key = format!("site{queue}.host.kind{}.more.words", queue % EACH);
        assert!(route(&channel, "amq.topic", &key, b"x").await.is_ack());
        assert_eq!(take_all(&channel, &format!("q{queue}")).await, ["x"]);
    }
    assert_eq!(server.relay.stats().ready, 0, "no other queue got one");
}
