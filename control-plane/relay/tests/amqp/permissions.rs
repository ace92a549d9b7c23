//! The least privilege of agents and schedulers, and of patterns in general.

use crate::support::*;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};
use mig_relay::{PermissionPatterns, topology};

async fn server() -> Server {
    Server::with(|config| {
        config
            .users
            .push(user("agent", topology::agent_permissions()));
        config
            .users
            .push(user("scheduler", topology::scheduler_permissions()));
        config
            .users
            .push(user("worker", topology::worker_permissions()));
    })
    .await
}

async fn channel(server: &Server, user: &str) -> Channel {
    let connection = server.connect_as(user).await;
    connection.create_channel().await.expect("a channel")
}

async fn declare_topology(channel: &Channel) {
    for name in [topology::TO_AGENTS, topology::TO_SCHEDULERS] {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel
            .exchange_declare(
                name.into(),
                ExchangeKind::Direct,
                options,
                FieldTable::default(),
            )
            .await
            .expect("an exchange");
    }
    for name in [topology::RESULTS, topology::HEARTBEATS] {
        declare(channel, name, &[]).await;
        bind(channel, name, topology::TO_SCHEDULERS, name)
            .await
            .expect("bound");
    }
}

#[tokio::test]
async fn agents_and_schedulers_can_do_their_work() {
    let server = server().await;
    let scheduler = channel(&server, "scheduler").await;
    declare_topology(&scheduler).await;
    let agent = channel(&server, "agent").await;
    let queue = topology::agent_queue("linux.host.123");
    declare(&agent, &queue, &[]).await;
    bind(&agent, &queue, topology::TO_AGENTS, &queue)
        .await
        .expect("bound");
    let mut commands = consume(&agent, &queue).await;
    let mut results = consume(&scheduler, topology::RESULTS).await;
    for (from, exchange, key) in [
        (&scheduler, topology::TO_AGENTS, queue.as_str()),
        (&agent, topology::TO_SCHEDULERS, topology::RESULTS),
    ] {
        from.basic_publish(
            exchange.into(),
            key.into(),
            BasicPublishOptions::default(),
            b"{}",
            persistent(),
        )
        .await
        .expect("sent");
    }
    ack(&next(&mut commands).await).await;
    ack(&next(&mut results).await).await;
    // Cleaning up after an endpoint that is gone.
    drop(commands);
    scheduler
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .expect("deleted");
}

#[tokio::test]
async fn an_agent_can_do_nothing_else() {
    let server = server().await;
    let scheduler = channel(&server, "scheduler").await;
    declare_topology(&scheduler).await;
    let refused = |error: lapin::Result<()>, what: &str| {
        assert_eq!(code(&error.expect_err(what)), 403, "{what}");
    };

    let agent = channel(&server, "agent").await;
    let result = agent
        .exchange_declare(
            "mine".into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await;
    refused(result, "declare an exchange");

    let agent = channel(&server, "agent").await;
    let result = agent
        .queue_declare(
            "other".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await;
    refused(result.map(drop), "declare a foreign queue");

    let agent = channel(&server, "agent").await;
    let result = bind(
        &agent,
        topology::RESULTS,
        topology::TO_SCHEDULERS,
        "anything",
    )
    .await;
    refused(result, "bind to the schedulers' exchange");

    for (exchange, key) in [
        (topology::TO_AGENTS, "mig.agt.linux.x"),
        ("", "mig.agt.linux.x"),
    ] {
        let agent = channel(&server, "agent").await;
        select_confirms(&agent).await;
        let result = agent
            .basic_publish(
                exchange.into(),
                key.into(),
                BasicPublishOptions::default(),
                b"x",
                persistent(),
            )
            .await
            .expect("sent")
            .await;
        refused(result.map(drop), "publish a command");
    }

    let scheduler = channel(&server, "scheduler").await;
    declare(&channel(&server, "agent").await, "mig.agt.linux.a", &[]).await;
    let result = scheduler
        .basic_consume(
            "mig.agt.linux.a".into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await;
    refused(result.map(drop), "read an agent's queue as a scheduler");
}

#[tokio::test]
async fn every_access_is_checked_by_its_own_pattern() {
    let only = |configure: &str, write: &str, read: &str| PermissionPatterns {
        configure: configure.into(),
        write: write.into(),
        read: read.into(),
    };
    let server = Server::with(|config| {
        config.users.push(user("configurer", only("^q$", "", "")));
        config
            .users
            .push(user("writer", only("", "^amq.default$", "")));
        config.users.push(user("reader", only("", "", "^q$")));
        config
            .users
            .push(user("own", only("^{user}$", "^{user}$", "^{user}$")));
    })
    .await;
    declare(&channel(&server, "guest").await, "q", &[]).await;
    let allowed = |user: &'static str, what: &'static str| {
        let server = &server;
        async move {
            let channel = channel(server, user).await;
            select_confirms(&channel).await;
            match what {
                "declare" => channel
                    .queue_declare(
                        "q".into(),
                        QueueDeclareOptions {
                            durable: true,
                            ..Default::default()
                        },
                        FieldTable::default(),
                    )
                    .await
                    .is_ok(),
                "purge" => channel
                    .queue_purge("q".into(), QueuePurgeOptions::default())
                    .await
                    .is_ok(),
                _ => channel
                    .basic_publish(
                        "".into(),
                        "q".into(),
                        BasicPublishOptions::default(),
                        b"x",
                        persistent(),
                    )
                    .await
                    .expect("sent")
                    .await
                    .is_ok(),
            }
        }
    };
    for (user, can) in [
        ("configurer", "declare"),
        ("writer", "publish"),
        ("reader", "purge"),
        ("own", "nothing"),
    ] {
        for what in ["declare", "purge", "publish"] {
            assert_eq!(allowed(user, what).await, what == can, "{user} {what}");
        }
    }
    let own = channel(&server, "own").await;
    declare(&own, "own", &[]).await;
}

#[tokio::test]
async fn a_worker_gets_the_events_it_asked_for_and_nothing_else() {
    let server = server().await;
    let scheduler = channel(&server, "scheduler").await;
    select_confirms(&scheduler).await;
    declare_topology(&scheduler).await;
    crate::support::declare_exchange(&scheduler, topology::TO_WORKERS, ExchangeKind::Topic).await;
    let worker = channel(&server, "worker").await;
    let queue = "migevent.worker.inventory";
    declare(&worker, queue, &[]).await;
    bind(&worker, queue, topology::TO_WORKERS, "agent.#")
        .await
        .expect("bound");
    for event in [
        "agent.new",
        "command.results",
        "agent.authentication.failure",
    ] {
        assert!(
            route(&scheduler, topology::TO_WORKERS, event, event.as_bytes())
                .await
                .is_ack()
        );
    }
    assert_eq!(
        take_all(&worker, queue).await,
        ["agent.new", "agent.authentication.failure"]
    );

    for (user, exchange) in [
        ("worker", topology::TO_AGENTS),
        ("worker", topology::TO_SCHEDULERS),
        ("worker", topology::TO_WORKERS),
        ("agent", topology::TO_WORKERS),
    ] {
        let channel = channel(&server, user).await;
        select_confirms(&channel).await;
        let options = BasicPublishOptions::default();
        let sent = channel
            .basic_publish(exchange.into(), "k".into(), options, b"x", persistent())
            .await
            .expect("sent")
            .await;
        assert_eq!(
            code(&sent.expect_err(exchange)),
            403,
            "{user} to {exchange}"
        );
    }
    for (user, queue) in [("worker", topology::RESULTS), ("agent", queue)] {
        let channel = channel(&server, user).await;
        let result = channel
            .basic_consume(
                queue.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await;
        assert_eq!(code(&result.expect_err(queue)), 403, "{user} of {queue}");
    }
}
