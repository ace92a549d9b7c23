//! Exchanges, and virtual hosts.

use std::collections::BTreeSet;

use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, ExchangeKind};

use crate::broker::{self, Broker};
use crate::support::*;

/// Which of these queues get a message with this key; empties them.
async fn reached(
    channel: &Channel,
    exchange: &str,
    key: &str,
    queues: &[&str],
) -> BTreeSet<String> {
    let answer = publish(channel, exchange, key, b"m", persistent()).await;
    let answer = answer.expect("an answer");
    let mut reached = BTreeSet::new();
    for queue in queues {
        // A message that is confirmed is in every queue it was for.
        let mut copies = 0;
        while let Some(message) = channel
            .basic_get(
                (*queue).into(),
                lapin::options::BasicGetOptions { no_ack: true },
            )
            .await
            .expect("an answer")
        {
            assert_eq!(message.delivery.data, b"m");
            copies += 1;
        }
        assert!(copies <= 1, "{queue} got {copies} for {key}");
        if copies == 1 {
            reached.insert((*queue).to_owned());
        }
    }
    let unroutable = matches!(answer, Confirmation::Ack(Some(_)));
    assert_eq!(unroutable, reached.is_empty(), "{key}: {answer:?}");
    reached
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn a_direct_exchange_delivers_to_each_queue_bound_with_the_key_once(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    let queues = ["a", "b", "c"];
    declare_exchange(&channel, "e", ExchangeKind::Direct).await;
    for queue in queues {
        declare(&channel, queue, &[]).await;
    }
    // Binding twice is binding once.
    for (queue, key) in [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("c", "*")] {
        bind(&channel, queue, "e", key).await;
    }
    for (key, expected) in [
        ("x", &["a", "b"][..]),
        ("y", &["a"]),
        ("z", &[]),
        ("*", &["c"]),
        ("", &[]),
    ] {
        assert_eq!(
            reached(&channel, "e", key, &queues).await,
            names(expected),
            "{key}"
        );
    }
    for _ in 0..2 {
        channel
            .queue_unbind("a".into(), "e".into(), "x".into(), FieldTable::default())
            .await
            .expect("unbound, or not bound before");
    }
    assert_eq!(reached(&channel, "e", "x", &queues).await, names(&["b"]));
}

/// Events are told apart by their key.
async fn a_topic_exchange_matches_words(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare_exchange(&channel, "toworkers", ExchangeKind::Topic).await;
    let patterns = [
        ("all", "#"),
        ("agents", "agent.#"),
        ("one", "agent.*"),
        ("failures", "#.failure"),
        ("middle", "agent.*.failure"),
        ("exact", "command.results"),
        ("second", "*.heartbeat"),
        ("several", "#.authentication.#"),
        ("empty", ""),
    ];
    let queues = patterns.map(|(queue, _)| queue);
    for (queue, pattern) in patterns {
        declare(&channel, queue, &[]).await;
        bind(&channel, queue, "toworkers", pattern).await;
        // A second way to the same queue makes no second copy.
        bind(&channel, "all", "toworkers", pattern).await;
    }
    for (key, expected) in [
        ("agent.new", &["all", "agents", "one"][..]),
        (
            "agent.authentication.failure",
            &["all", "agents", "failures", "middle", "several"],
        ),
        ("command.results", &["all", "exact"]),
        ("scheduler.heartbeat", &["all", "second"]),
        ("agent", &["all", "agents"]),
        ("agent.", &["all", "agents", "one"]),
        ("failure", &["all", "failures"]),
        ("authentication", &["all", "several"]),
        ("agents.new", &["all"]),
        ("", &["all", "empty"]),
        (".heartbeat", &["all", "second"]),
    ] {
        assert_eq!(
            reached(&channel, "toworkers", key, &queues).await,
            names(expected),
            "`{key}`"
        );
    }
}

async fn a_fanout_exchange_delivers_to_every_queue_whatever_the_key(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare_exchange(&channel, "e", ExchangeKind::Fanout).await;
    for queue in ["a", "b", "c"] {
        declare(&channel, queue, &[]).await;
    }
    bind(&channel, "a", "e", "x").await;
    bind(&channel, "b", "e", "").await;
    bind(&channel, "b", "e", "y").await;
    for key in ["x", "", "anything"] {
        assert_eq!(
            reached(&channel, "e", key, &["a", "b", "c"]).await,
            names(&["a", "b"])
        );
    }
}

async fn a_queues_bindings_go_with_it(broker: Broker) {
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare_exchange(&channel, "toagents", ExchangeKind::Direct).await;
    declare(&channel, "mig.agt.linux.a", &[]).await;
    bind(&channel, "mig.agt.linux.a", "toagents", "mig.agt.linux.a").await;
    channel
        .queue_delete("mig.agt.linux.a".into(), Default::default())
        .await
        .expect("deleted");
    let answer = publish(&channel, "toagents", "mig.agt.linux.a", b"m", persistent()).await;
    assert!(
        matches!(answer, Ok(Confirmation::Ack(Some(_)))),
        "{answer:?}"
    );
    // Nor do they come back with the name.
    declare(&channel, "mig.agt.linux.a", &[]).await;
    let answer = publish(&channel, "toagents", "mig.agt.linux.a", b"m", persistent()).await;
    assert!(
        matches!(answer, Ok(Confirmation::Ack(Some(_)))),
        "{answer:?}"
    );
}

async fn virtual_hosts_know_nothing_of_each_other(broker: Broker) {
    let mut uri = broker.uri("guest");
    uri.vhost = broker.other_vhost();
    let other = broker::open(uri).await.expect("a connection");
    let other = other.create_channel().await.expect("a channel");
    let here = broker.channel().await;
    for channel in [&here, &other] {
        select_confirms(channel).await;
        declare_exchange(channel, "e", ExchangeKind::Direct).await;
        declare(channel, "q", &[]).await;
    }
    bind(&here, "q", "e", "k").await;
    assert_eq!(reached(&here, "e", "k", &["q"]).await, names(&["q"]));
    assert!(reached(&other, "e", "k", &["q"]).await.is_empty());
    put(&other, "q", b"m").await;
    assert_eq!(
        (waiting(&here, "q").await, waiting(&other, "q").await),
        (0, 1)
    );
}

async fn a_virtual_host_is_entered_with_permission_only(broker: Broker) {
    const NOT_ALLOWED: u16 = 530;
    for (user, vhost) in [
        ("guest", "nowhere".to_owned()),
        ("agent", broker.other_vhost()),
    ] {
        let mut uri = broker.uri(user);
        uri.vhost.clone_from(&vhost);
        assert_eq!(
            refused(broker::open(uri).await),
            NOT_ALLOWED,
            "{user} {vhost}"
        );
    }
}

contract!(
    a_direct_exchange_delivers_to_each_queue_bound_with_the_key_once,
    a_topic_exchange_matches_words,
    a_fanout_exchange_delivers_to_every_queue_whatever_the_key,
    a_queues_bindings_go_with_it,
    virtual_hosts_know_nothing_of_each_other,
    a_virtual_host_is_entered_with_permission_only,
);
