//! Agents as far as the relay sees them: each has its queue, says that it lives,
//! and answers every command as often as it gets it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPUri, AMQPUserInfo};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use mig_protocol::{
    Agent, AgentMode, Command, CommandStatus, Environment, ModuleResult, Time, parse_command,
    to_go_json,
};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::process::{AGENT_PASSWORD, DEADLINE, Site};

/// How often each command came, by its identifier and the agent's name.
type Received = HashMap<(u64, String), usize>;

/// Some agents.
pub struct Fleet {
    runtime: Runtime,
    uri: AMQPUri,
    received: Arc<Mutex<Received>>,
    /// Answers that the relay has.
    confirmed: Arc<AtomicUsize>,
    /// Agents keep their answers back while this is false.
    answering: watch::Sender<bool>,
}

impl Fleet {
    pub fn new(site: &Site) -> Fleet {
        Fleet {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime"),
            uri: AMQPUri {
                authority: AMQPAuthority {
                    userinfo: AMQPUserInfo {
                        username: site.relay_user("agent"),
                        password: AGENT_PASSWORD.into(),
                    },
                    host: site.relay.ip().to_string(),
                    port: site.relay.port(),
                },
                vhost: site.vhost().into(),
                ..AMQPUri::default()
            },
            received: Arc::default(),
            confirmed: Arc::default(),
            answering: watch::channel(true).0,
        }
    }

    /// Connects agents with these names and lets them say that they live.
    pub fn join(&self, names: &[&str]) {
        for name in names {
            let agent = self.runtime.block_on(async {
                let joined = Joined::connect(self.uri.clone(), name);
                tokio::time::timeout(DEADLINE, joined)
                    .await
                    .expect("in time")
            });
            let work = agent.work(
                Arc::clone(&self.received),
                Arc::clone(&self.confirmed),
                self.answering.subscribe(),
            );
            self.runtime.spawn(work);
        }
    }

    /// An agent that says that it lives but has no queue yet.
    pub fn announce(&self, name: &str) {
        self.runtime.block_on(async {
            let (_connection, channel) = connect(self.uri.clone()).await;
            say_alive(&channel, &record(name)).await;
        });
    }

    /// Lets the agents answer, or keep their answers back.
    pub fn answer(&self, answering: bool) {
        self.answering.send_replace(answering);
    }

    pub fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many different commands came.
    pub fn wait_for_commands(&self, count: usize) {
        mig_testkit::wait_until("the commands arrive", DEADLINE, || {
            self.received().len() >= count
        });
    }

    /// Waits until the relay has so many answers.
    pub fn wait_for_answers(&self, count: usize) {
        mig_testkit::wait_until("the answers arrive", DEADLINE, || {
            self.confirmed.load(Ordering::SeqCst) >= count
        });
    }
}

struct Joined {
    record: Agent,
    channel: Channel,
    consumer: Consumer,
    _connection: Connection,
}

impl Joined {
    async fn connect(uri: AMQPUri, name: &str) -> Joined {
        let (connection, channel) = connect(uri).await;
        let record = record(name);
        let queue = format!("mig.agt.{}", record.queueloc);
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let (key, table) = (queue.as_str(), FieldTable::default);
        channel
            .queue_declare(key.into(), durable, table())
            .await
            .expect("the agent's queue");
        let options = QueueBindOptions::default();
        channel
            .queue_bind(key.into(), "toagents".into(), key.into(), options, table())
            .await
            .expect("the binding");
        let options = BasicQosOptions::default();
        channel.basic_qos(1, options).await.expect("prefetch");
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(key.into(), "".into(), options, table())
            .await
            .expect("a consumer");
        say_alive(&channel, &record).await;
        Joined {
            record,
            channel,
            consumer,
            _connection: connection,
        }
    }

    /// Until the relay goes.
    async fn work(
        mut self,
        received: Arc<Mutex<Received>>,
        confirmed: Arc<AtomicUsize>,
        mut answering: watch::Receiver<bool>,
    ) {
        while let Some(Ok(delivery)) = self.consumer.next().await {
            let command = parse_command(&delivery.data).expect("a command");
            {
                let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                let key = (command.id.0, self.record.name.clone());
                *received.entry(key).or_default() += 1;
            }
            if answering.wait_for(|answering| *answering).await.is_err() {
                return;
            }
            let sent = publish(&self.channel, "mig.agt.results", &answer(&command)).await;
            if sent {
                confirmed.fetch_add(1, Ordering::SeqCst);
            }
            if sent && delivery.ack(BasicAckOptions::default()).await.is_ok() {
                continue;
            }
            return;
        }
    }
}

async fn connect(uri: AMQPUri) -> (Connection, Channel) {
    let connection = Connection::connect_uri(uri, ConnectionProperties::default())
        .await
        .expect("a connection to the relay");
    let channel = connection.create_channel().await.expect("a channel");
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.expect("confirms");
    (connection, channel)
}

async fn say_alive(channel: &Channel, record: &Agent) {
    let body = to_go_json(record).expect("JSON");
    assert!(publish(channel, "mig.agt.heartbeats", &body).await);
}

/// False when the relay went.
async fn publish(channel: &Channel, key: &str, body: &[u8]) -> bool {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default().with_delivery_mode(2);
    let published = channel
        .basic_publish("toschedulers".into(), key.into(), options, body, properties)
        .await;
    let Ok(confirm) = published else {
        return false;
    };
    matches!(confirm.await, Ok(lapin::Confirmation::Ack(None)))
}

fn record(name: &str) -> Agent {
    Agent {
        name: name.into(),
        queueloc: format!("linux.{name}"),
        mode: AgentMode::Daemon,
        version: "1".into(),
        pid: 4711,
        starttime: Time::now() - Duration::from_secs(60),
        heartbeatts: Time::now(),
        environment: Environment {
            os: "linux".into(),
            ..Environment::default()
        },
        ..Agent::default()
    }
}

fn answer(command: &Command) -> Vec<u8> {
    let mut answer = command.clone();
    answer.status = CommandStatus::Success;
    answer.results = Some(vec![ModuleResult {
        foundanything: true,
        success: true,
        ..ModuleResult::default()
    }]);
    to_go_json(&answer).expect("JSON")
}
