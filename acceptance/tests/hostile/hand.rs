//! An agent played by hand: it has the agents' account, and sends what it is told.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    ExchangeKind,
};
use mig_protocol::{
    Agent, AgentMode, Command, CommandStatus, Environment, ModuleResult, Time, parse_command,
    to_go_json,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::stage::PATIENCE;

pub const RESULTS: &str = "mig.agt.results";
pub const HEARTBEATS: &str = "mig.agt.heartbeats";
/// The exchange of both.
const TO_SCHEDULERS: &str = "toschedulers";
/// The exchange of commands.
const TO_AGENTS: &str = "toagents";

/// Messages on their way whose confirmations were not looked at yet.
const AHEAD: usize = 256;

pub struct Hand {
    pub record: Agent,
    channel: Channel,
    consumer: Consumer,
    // Declared after what lives on them.
    _connection: Connection,
    runtime: Runtime,
}

impl Hand {
    /// Connects as soon as there is something to connect to, and says that it
    /// lives.
    pub fn join(relay: &str, name: &str) -> Self {
        let runtime = runtime();
        let record = record(name);
        let queue = format!("mig.agt.{}", record.queueloc);
        let (connection, channel, consumer) = runtime.block_on(async {
            let end = Instant::now() + PATIENCE;
            loop {
                match connect(relay, &queue).await {
                    Ok(connected) => return connected,
                    Err(error) => assert!(Instant::now() < end, "{name}: {error}"),
                }
                // The scheduler is not there yet.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let hand = Self {
            record,
            channel,
            consumer,
            _connection: connection,
            runtime,
        };
        // The scheduler declares one thing after the other, heartbeats last.
        mig_testkit::wait_until("the scheduler's queues", PATIENCE, || {
            let heartbeat = hand.heartbeat(|_| {});
            let properties = BasicProperties::default().with_delivery_mode(2);
            hand.told(HEARTBEATS, &heartbeat, properties) == Confirmation::Ack(None)
        });
        hand
    }

    pub fn say_alive(&self) {
        self.tell(HEARTBEATS, self.heartbeat(|_| {}));
    }

    /// A heartbeat of this moment, changed.
    pub fn heartbeat(&self, change: impl FnOnce(&mut Agent)) -> Vec<u8> {
        let mut record = self.record.clone();
        record.heartbeatts = Time::now();
        change(&mut record);
        to_go_json(&record).expect("JSON")
    }

    /// Sends a message and waits until the relay has it.
    pub fn tell(&self, key: &str, body: impl AsRef<[u8]>) {
        self.tell_with(key, body, BasicProperties::default().with_delivery_mode(2));
    }

    pub fn tell_with(&self, key: &str, body: impl AsRef<[u8]>, properties: BasicProperties) {
        let told = self.told(key, body.as_ref(), properties);
        assert_eq!(told, Confirmation::Ack(None));
    }

    fn told(&self, key: &str, body: &[u8], properties: BasicProperties) -> Confirmation {
        self.runtime.block_on(async {
            let told = publish(&self.channel, TO_SCHEDULERS, key, body, properties).await;
            told.expect("a publication").await.expect("a confirmation")
        })
    }

    /// Sends many messages as fast as the relay takes them.
    pub fn flood(&self, messages: impl Iterator<Item = (&'static str, Vec<u8>)>) {
        self.runtime.block_on(async {
            let mut ahead = std::collections::VecDeque::new();
            for (key, body) in messages {
                let properties = BasicProperties::default();
                let told = publish(&self.channel, TO_SCHEDULERS, key, &body, properties).await;
                ahead.push_back(told.expect("a publication"));
                if ahead.len() >= AHEAD
                    && let Some(told) = ahead.pop_front()
                {
                    told.await.expect("a confirmation");
                }
            }
            for told in ahead {
                told.await.expect("a confirmation");
            }
        });
    }

    /// The next command; it is taken from its queue.
    pub fn next_command(&mut self) -> Command {
        let name = &self.record.name;
        self.runtime.block_on(async {
            let delivery = tokio::time::timeout(PATIENCE, self.consumer.next())
                .await
                .unwrap_or_else(|_| panic!("no command for {name} within {PATIENCE:?}"))
                .expect("an open consumer")
                .expect("a delivery");
            let taken = delivery.ack(BasicAckOptions::default()).await;
            taken.expect("an acknowledgement");
            parse_command(&delivery.data).expect("a command")
        })
    }

    /// Answers a command as an honest agent.
    pub fn answer(&self, command: &Command, elements: Value) {
        self.tell(RESULTS, self.answer_to(command, elements, |_| {}));
    }

    /// An answer to a command, changed.
    pub fn answer_to(
        &self,
        command: &Command,
        elements: Value,
        change: impl FnOnce(&mut Command),
    ) -> Vec<u8> {
        let mut answer = command.clone();
        answer.agent = self.record.clone();
        answer.status = CommandStatus::Success;
        answer.results = Some(vec![ModuleResult {
            foundanything: true,
            success: true,
            elements,
            ..ModuleResult::default()
        }]);
        change(&mut answer);
        to_go_json(&answer).expect("JSON")
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A connection with a channel on which the relay confirms.
async fn confirming(relay: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect_with_runtime(
        relay,
        ConnectionProperties::default(),
        lapin::runtime::default_runtime()?,
    )
    .await?;
    let channel = connection.create_channel().await?;
    let options = ConfirmSelectOptions::default();
    channel.confirm_select(options).await?;
    Ok((connection, channel))
}

async fn connect(relay: &str, queue: &str) -> lapin::Result<(Connection, Channel, Consumer)> {
    let (connection, channel) = confirming(relay).await?;
    let table = FieldTable::default;
    for exchange in [TO_AGENTS, TO_SCHEDULERS] {
        let options = ExchangeDeclareOptions {
            passive: true,
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(exchange.into(), ExchangeKind::Direct, options, table())
            .await?;
    }
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.into(), options, table())
        .await?;
    let options = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.into(),
            TO_AGENTS.into(),
            queue.into(),
            options,
            table(),
        )
        .await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(queue.into(), "".into(), options, table())
        .await?;
    Ok((connection, channel, consumer))
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<lapin::PublisherConfirm> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    channel
        .basic_publish(exchange.into(), key.into(), options, body, properties)
        .await
}

fn record(name: &str) -> Agent {
    Agent {
        name: name.into(),
        queueloc: format!("linux.{name}"),
        mode: AgentMode::Daemon,
        version: "1".into(),
        pid: 4711,
        starttime: Time::now() - Duration::from_secs(60),
        environment: Environment {
            os: "linux".into(),
            ..Environment::default()
        },
        ..Agent::default()
    }
}

/// Puts a message into an agent's queue, as the scheduler does.
pub fn order(relay: &str, queueloc: &str, body: &[u8]) {
    let key = format!("mig.agt.{queueloc}");
    let sent: lapin::Result<Confirmation> = runtime().block_on(async {
        let (connection, channel) = confirming(relay).await?;
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent = publish(&channel, TO_AGENTS, &key, body, properties).await?;
        let sent = sent.await?;
        connection.close(200, "sent".into()).await?;
        Ok(sent)
    });
    assert_eq!(sent.expect("a publication"), Confirmation::Ack(None));
}
