//! A server that sends agents what it likes: a real relay, and in place of the
//! scheduler these tests.

use std::net::SocketAddr;
use std::path::Path;

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
use mig_protocol::{Action, Agent, Command, Id, Time, parse_agent, parse_command, to_go_json};
use mig_relay::topology;
use mig_relay::{Listener, Password, PermissionPatterns, Relay, RelayConfig, RelayHandle, User};
use tokio::runtime::Runtime;

use super::PATIENCE;

const PASSWORD: &str = "hostile";

/// The relay and the one who took over the scheduler's place.
pub struct HostileServer {
    runtime: Runtime,
    relay: Option<RelayHandle>,
    address: SocketAddr,
    channel: Channel,
    results: Consumer,
    heartbeats: Consumer,
    _connection: Connection,
    next: Id,
}

impl HostileServer {
    /// Starts the relay with its messages in `directory`.
    pub fn start(directory: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (relay, connection, channel, results, heartbeats) = runtime.block_on(async {
            let relay = Relay::start(configuration(directory))
                .await
                .expect("a relay");
            let address = relay.addresses()[0];
            let connection = connect(address).await;
            let channel = declare(&connection).await;
            let results = consume(&channel, topology::RESULTS).await;
            let heartbeats = consume(&channel, topology::HEARTBEATS).await;
            (relay, connection, channel, results, heartbeats)
        });
        Self {
            address: relay.addresses()[0],
            runtime,
            relay: Some(relay),
            channel,
            results,
            heartbeats,
            _connection: connection,
            next: Id::first_at(Time::now()),
        }
    }

    /// What an agent's configuration has as `relay`.
    pub fn url(&self) -> String {
        format!("amqp://agent:{PASSWORD}@{}/mig", self.address)
    }

    /// The next agent that says that it is there.
    pub fn next_heartbeat(&mut self) -> Agent {
        let body = next(&self.runtime, &mut self.heartbeats, "a heartbeat");
        parse_agent(&body).expect("an agent's record")
    }

    /// A command for an agent with an identifier of its own.
    pub fn command(&mut self, agent: &Agent, action: &Action) -> Command {
        let id = self.next;
        self.next = id.next();
        Command {
            id,
            action: action.clone(),
            agent: agent.clone(),
            status: mig_protocol::CommandStatus::Sent,
            starttime: Time::now(),
            ..Command::default()
        }
    }

    /// Puts a message into an agent's queue.
    pub fn send(&self, agent: &Agent, body: &[u8]) {
        let key = topology::agent_queue(&agent.queueloc);
        let confirmation = self.runtime.block_on(async {
            self.channel
                .basic_publish(
                    topology::TO_AGENTS.into(),
                    key.into(),
                    BasicPublishOptions {
                        mandatory: true,
                        ..BasicPublishOptions::default()
                    },
                    body,
                    BasicProperties::default().with_delivery_mode(2),
                )
                .await
                .expect("a publication")
                .await
                .expect("a confirmation")
        });
        assert_eq!(confirmation, Confirmation::Ack(None), "the agent's queue");
    }

    /// Sends a command.
    pub fn order(&self, agent: &Agent, command: &Command) {
        self.send(agent, &to_go_json(command).expect("JSON"));
    }

    /// The next answer of any agent.
    pub fn next_answer(&mut self) -> Command {
        let body = next(&self.runtime, &mut self.results, "an answer");
        parse_command(&body).expect("an answer")
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.take() {
            // Nobody is interested in what it says at the end.
            let _ = self.runtime.block_on(relay.shutdown());
        }
    }
}

fn configuration(directory: &Path) -> RelayConfig {
    let mut config = RelayConfig::new(directory.join("hostile.db"));
    config
        .listeners
        .push(Listener::Plain(([127, 0, 0, 1], 0).into()));
    for (name, permissions) in [
        (topology::SCHEDULER_USER, PermissionPatterns::all()),
        (topology::AGENT_USER, topology::agent_permissions()),
    ] {
        config.users.push(User {
            name: name.into(),
            password: Password::Plain(PASSWORD.into()),
            permissions,
        });
    }
    config
}

async fn connect(address: SocketAddr) -> Connection {
    let user = topology::SCHEDULER_USER;
    let uri = format!("amqp://{user}:{PASSWORD}@{address}/mig");
    let runtime = lapin::runtime::default_runtime().expect("a runtime");
    Connection::connect_with_runtime(&uri, ConnectionProperties::default(), runtime)
        .await
        .expect("a connection")
}

/// Exchanges and queues as the scheduler declares them.
async fn declare(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.expect("a channel");
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
    for exchange in [topology::TO_AGENTS, topology::TO_SCHEDULERS] {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let table = FieldTable::default();
        channel
            .exchange_declare(exchange.into(), ExchangeKind::Direct, options, table)
            .await
            .expect("an exchange");
    }
    for queue in [topology::RESULTS, topology::HEARTBEATS] {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let table = FieldTable::default();
        channel
            .queue_declare(queue.into(), options, table.clone())
            .await
            .expect("a queue");
        let exchange = topology::TO_SCHEDULERS;
        channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                queue.into(),
                QueueBindOptions::default(),
                table,
            )
            .await
            .expect("a binding");
    }
    channel
}

async fn consume(channel: &Channel, queue: &'static str) -> Consumer {
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
        .expect("a consumer")
}

fn next(runtime: &Runtime, consumer: &mut Consumer, what: &str) -> Vec<u8> {
    runtime.block_on(async {
        let delivery = tokio::time::timeout(PATIENCE, consumer.next())
            .await
            .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
            .expect("an open consumer")
            .expect("a delivery");
        let acknowledged = delivery.ack(BasicAckOptions::default()).await;
        acknowledged.expect("an acknowledgement");
        delivery.data
    })
}
