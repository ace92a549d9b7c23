//! Agents that go on whatever happens to the relay: each command is answered
//! until the relay has confirmed the answer, and acknowledged then.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use mig_protocol::{
    Agent, AgentMode, CommandStatus, Environment, ModuleResult, Time, parse_command, to_go_json,
};
use mig_relay::topology;
use tokio::task::JoinSet;

use crate::site::{PASSWORD, Site};

/// Most time for one connection to be made.
const CONNECTING: Duration = Duration::from_secs(10);

/// How often each command arrived.
type Arrived = Arc<Mutex<HashMap<u64, u32>>>;

pub struct Fleet {
    pub size: usize,
    address: SocketAddr,
    arrived: Arrived,
    agents: JoinSet<()>,
}

impl Fleet {
    /// Starts agents, and waits until the store knows them all.
    pub async fn start(site: &Site, size: usize) -> Fleet {
        let mut fleet = Fleet {
            size,
            address: site.address,
            arrived: Arrived::default(),
            agents: JoinSet::new(),
        };
        fleet.resume();
        for number in 0..size {
            site.known(&record(number).queueloc).await;
        }
        fleet
    }

    /// Ends all agents at once, in the middle of whatever they do.
    pub async fn pause(&mut self) {
        self.agents.shutdown().await;
    }

    /// Starts the same agents again.
    pub fn resume(&mut self) {
        for number in 0..self.size {
            let arrived = Arc::clone(&self.arrived);
            let address = self.address;
            self.agents.spawn(async move {
                let mut attempts = tokio::time::interval(Duration::from_millis(100));
                loop {
                    attempts.tick().await;
                    // Whatever it was, the answer is to connect again.
                    let _ = live(address, &record(number), &arrived).await;
                }
            });
        }
    }

    /// How many different commands have arrived.
    pub fn arrived(&self) -> usize {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.len()
    }
}

pub fn record(number: usize) -> Agent {
    Agent {
        name: format!("agent{number}"),
        queueloc: format!("linux.agent{number}"),
        mode: AgentMode::Daemon,
        version: "1".into(),
        pid: 4711,
        heartbeatts: Time::now(),
        refreshts: Time::now(),
        environment: Environment {
            os: "linux".into(),
            ..Environment::default()
        },
        ..Agent::default()
    }
}

async fn connect(address: SocketAddr) -> Result<Connection, Box<dyn std::error::Error>> {
    let user = topology::AGENT_USER;
    let vhost = topology::VHOST;
    let uri = format!("amqp://{user}:{PASSWORD}@{address}/{vhost}?heartbeat=2");
    let runtime = lapin::runtime::default_runtime()?;
    let properties = ConnectionProperties::default();
    let opened = Connection::connect_with_runtime(&uri, properties, runtime);
    Ok(tokio::time::timeout(CONNECTING, opened).await??)
}

/// Works until the connection is lost.
async fn live(
    address: SocketAddr,
    record: &Agent,
    arrived: &Arrived,
) -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect(address).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let queue = topology::agent_queue(&record.queueloc);
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, FieldTable::default())
        .await?;
    channel
        .queue_bind(
            queue.as_str().into(),
            topology::TO_AGENTS.into(),
            queue.as_str().into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    publish(&channel, topology::HEARTBEATS, &to_go_json(record)?).await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        let mut answer = parse_command(&delivery.data)?;
        *arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(answer.id.0)
            .or_default() += 1;
        answer.status = CommandStatus::Success;
        answer.results = Some(vec![ModuleResult {
            foundanything: true,
            success: true,
            ..ModuleResult::default()
        }]);
        publish(&channel, topology::RESULTS, &to_go_json(&answer)?).await?;
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

/// Publishes until it is on a queue.
async fn publish(
    channel: &Channel,
    key: &str,
    body: &[u8],
) -> Result<(), Box<dyn std::error::Error>> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default().with_delivery_mode(2);
    let confirmation = channel
        .basic_publish(
            topology::TO_SCHEDULERS.into(),
            key.into(),
            options,
            body,
            properties,
        )
        .await?
        .await?;
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        refused => Err(format!("{refused:?}").into()),
    }
}
