//! What the users of the documentation may do and what not.

use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, ExchangeKind};

use crate::broker::Broker;
use crate::support::*;

const ACCESS_REFUSED: u16 = 403;

#[derive(Debug, Clone, Copy)]
enum Attempt {
    Exchange(&'static str, bool),
    Queue(&'static str),
    Delete(&'static str),
    /// Queue, exchange.
    Bind(&'static str, &'static str),
    Publish(&'static str),
    Consume(&'static str),
    Get(&'static str),
    Purge(&'static str),
}
use Attempt::{Bind, Consume, Delete, Exchange, Get, Publish, Purge, Queue};

const DIRECT: bool = false;
const TOPIC: bool = true;

impl Attempt {
    async fn make(self, channel: &Channel) -> lapin::Result<()> {
        match self {
            Exchange(name, topic) => {
                let kind = if topic {
                    ExchangeKind::Topic
                } else {
                    ExchangeKind::Direct
                };
                let options = ExchangeDeclareOptions {
                    durable: true,
                    ..ExchangeDeclareOptions::default()
                };
                channel
                    .exchange_declare(name.into(), kind, options, FieldTable::default())
                    .await
            }
            Queue(name) => {
                let declared = channel.queue_declare(name.into(), durable(), FieldTable::default());
                declared.await.map(drop)
            }
            Delete(name) => {
                let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
                deleted.await.map(drop)
            }
            Bind(queue, exchange) => {
                let options = QueueBindOptions::default();
                let none = FieldTable::default();
                channel
                    .queue_bind(queue.into(), exchange.into(), "key".into(), options, none)
                    .await
            }
            Publish(exchange) => {
                select_confirms(channel).await;
                let answer = publish(channel, exchange, "nowhere", b"m", persistent()).await?;
                assert!(matches!(answer, Confirmation::Ack(Some(_))), "{answer:?}");
                Ok(())
            }
            Consume(queue) => try_consume(channel, queue).await.map(drop),
            Get(queue) => {
                let got = channel.basic_get(queue.into(), BasicGetOptions::default());
                got.await.map(drop)
            }
            Purge(queue) => {
                let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default());
                purged.await.map(drop)
            }
        }
    }
}

/// Everything that there is, and one thing that is nobody's.
async fn set_up(broker: &Broker) {
    let channel = broker.channel().await;
    for exchange in ["toagents", "toschedulers", "private"] {
        declare_exchange(&channel, exchange, ExchangeKind::Direct).await;
    }
    declare_exchange(&channel, "toworkers", ExchangeKind::Topic).await;
    for queue in [
        "mig.agt.heartbeats",
        "mig.agt.results",
        "mig.agt.linux.one",
        "migevent.worker.mail",
        "private",
    ] {
        declare(&channel, queue, &[]).await;
    }
}

async fn check(broker: &Broker, user: &str, allowed: &[Attempt], denied: &[Attempt]) {
    let connection = broker.connect_as(user).await;
    for attempt in allowed {
        let channel = connection.create_channel().await.expect("a channel");
        let made = attempt.make(&channel).await;
        assert!(made.is_ok(), "{user} may {attempt:?}: {made:?}");
    }
    for attempt in denied {
        let channel = connection.create_channel().await.expect("a channel");
        match attempt.make(&channel).await {
            Ok(()) => panic!("{user} may {attempt:?}"),
            // It ends the channel only: the connection is used on.
            Err(error) => assert_eq!(code(&error), ACCESS_REFUSED, "{user} {attempt:?}"),
        }
    }
}

async fn schedulers_may_do_exactly_their_part(broker: Broker) {
    set_up(&broker).await;
    let allowed = [
        Exchange("toagents", DIRECT),
        Exchange("toschedulers", DIRECT),
        Exchange("toworkers", TOPIC),
        Queue("mig.agt.results"),
        Bind("mig.agt.results", "toschedulers"),
        Bind("mig.agt.heartbeats", "toschedulers"),
        Publish("toagents"),
        Publish("toworkers"),
        Consume("mig.agt.results"),
        Consume("mig.agt.heartbeats"),
        Delete("mig.agt.linux.one"),
    ];
    let denied = [
        Exchange("toothers", DIRECT),
        Exchange("xtoagents", DIRECT),
        Queue("private"),
        Queue("xmig.agt.results"),
        Bind("mig.agt.linux.one", "toagents"),
        Bind("mig.agt.results", "private"),
        Publish("toschedulers"),
        Publish("private"),
        Publish(""),
        Consume("mig.agt.linux.one"),
        Consume("private"),
        Purge("mig.agt.linux.one"),
        Delete("private"),
    ];
    check(&broker, "scheduler", &allowed, &denied).await;
}

/// What every agent has to be allowed: an original one on any system, and one with the
/// host's name in its queue, as old ones have it.
const AGENTS_PART: [Attempt; 8] = [
    Queue("mig.agt.linux.two"),
    Bind("mig.agt.linux.two", "toagents"),
    Consume("mig.agt.linux.two"),
    Queue("mig.agt.darwin.host.example.net.two"),
    Bind("mig.agt.darwin.host.example.net.two", "toagents"),
    Consume("mig.agt.darwin.host.example.net.two"),
    Queue("mig.agt.freebsd.two"),
    Publish("toschedulers"),
];

async fn agents_may_do_exactly_their_part(broker: Broker) {
    set_up(&broker).await;
    let denied = [
        Exchange("toagents", DIRECT),
        Exchange("mine", DIRECT),
        Queue("private"),
        Queue("migXagt.linux.two"),
        Bind("mig.agt.linux.two", "toschedulers"),
        Bind("mig.agt.linux.two", "toworkers"),
        Publish("toagents"),
        Publish("toworkers"),
        Publish("private"),
        Publish(""),
        Consume("private"),
        Get("migevent.worker.mail"),
        Delete("private"),
        // What all agents send.
        Queue("mig.agt.results"),
        Bind("mig.agt.results", "toagents"),
        Consume("mig.agt.results"),
        Get("mig.agt.heartbeats"),
        Purge("mig.agt.results"),
        Purge("mig.agt.heartbeats"),
        Delete("mig.agt.results"),
        Delete("mig.agt.heartbeats"),
    ];
    check(&broker, "agent", &AGENTS_PART, &denied).await;
}

async fn an_agent_with_its_own_account_reaches_no_other_queue(broker: Broker) {
    set_up(&broker).await;
    declare(&broker.channel().await, "mig.agt.linux.onetwo", &[]).await;
    let allowed = [
        Queue("mig.agt.linux.one"),
        Bind("mig.agt.linux.one", "toagents"),
        Consume("mig.agt.linux.one"),
        Publish("toschedulers"),
        // Of its own.
        Delete("mig.agt.linux.one"),
    ];
    let denied = [
        Exchange("toagents", DIRECT),
        Queue("mig.agt.linux.two"),
        Bind("mig.agt.linux.onetwo", "toagents"),
        Consume("mig.agt.linux.onetwo"),
        Purge("mig.agt.linux.onetwo"),
        Delete("mig.agt.linux.onetwo"),
        Get("mig.agt.results"),
        Purge("mig.agt.heartbeats"),
        Publish("toagents"),
        Publish("toworkers"),
        Publish(""),
        Get("migevent.worker.mail"),
    ];
    check(&broker, "single", &allowed, &denied).await;
}

/// A relay that was set up by the original's documentation goes on being one.
async fn the_originals_patterns_let_agents_do_their_part(broker: Broker) {
    set_up(&broker).await;
    let denied = [Queue("private"), Publish("toagents")];
    check(&broker, "original", &AGENTS_PART, &denied).await;
}

async fn workers_may_do_exactly_their_part(broker: Broker) {
    set_up(&broker).await;
    let allowed = [
        Queue("migevent.worker.hook"),
        Bind("migevent.worker.hook", "toworkers"),
        Consume("migevent.worker.hook"),
        Get("migevent.worker.mail"),
    ];
    let denied = [
        Exchange("toworkers", TOPIC),
        Queue("mig.agt.results"),
        Bind("migevent.worker.hook", "toagents"),
        Bind("migevent.worker.hook", "toschedulers"),
        Publish("toworkers"),
        Publish("toagents"),
        Publish("toschedulers"),
        Publish(""),
        Consume("mig.agt.results"),
        Consume("mig.agt.linux.one"),
        Purge("mig.agt.heartbeats"),
    ];
    check(&broker, "worker", &allowed, &denied).await;
}

contract!(
    schedulers_may_do_exactly_their_part,
    agents_may_do_exactly_their_part,
    an_agent_with_its_own_account_reaches_no_other_queue,
    the_originals_patterns_let_agents_do_their_part,
    workers_may_do_exactly_their_part,
);
