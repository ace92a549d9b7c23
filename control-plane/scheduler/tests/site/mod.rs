//! A whole site in one process for the tests: database, relay, scheduler, and
//! agents that speak through an ordinary AMQP client.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod flaky;
pub mod lost;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use mig_protocol::{
    Action, ActionStatus, Agent, AgentMode, Command, CommandStatus, Environment, Id, ModuleResult,
    Operation, Permissions, Time, parse_command, to_go_json,
};
use mig_relay::{
    Listener, Password, PermissionPatterns, Relay, RelayConfig, RelayHandle, User, topology,
};
use mig_scheduler::{CountsSnapshot, RelayAccess, Scheduler, SchedulerConfig, SchedulerHandle};
use mig_store::{Changes, NewInvestigator, Signature, SqliteStore, Store, StoredAction, Wake};

pub const DEADLINE: Duration = Duration::from_secs(60);
pub const PASSWORD: &str = "secret";
/// A scheduler's account that may not publish events.
pub const WITHOUT_EVENTS: &str = "scheduler-without-events";

fn without_events() -> PermissionPatterns {
    let mut patterns = topology::scheduler_permissions();
    for pattern in [
        &mut patterns.configure,
        &mut patterns.write,
        &mut patterns.read,
    ] {
        *pattern = pattern.replace("|toworkers", "");
    }
    patterns
}

/// Waits until `condition` gives something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let waiting = async {
        loop {
            ticks.tick().await;
            if let Some(value) = condition().await {
                return value;
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {DEADLINE:?}"))
}

pub struct Site {
    pub directory: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    pub wake: Wake,
    pub changes: Changes,
    pub relay: Option<RelayHandle>,
    pub address: SocketAddr,
    pub scheduler: Option<SchedulerHandle>,
    pub investigator: Id,
}

impl Site {
    /// Database and relay, without a scheduler.
    pub async fn without_scheduler() -> Site {
        let directory = tempfile::tempdir().expect("temporary directory");
        // Nobody else gets the port while the relay is down.
        let address = ([127, 0, 0, 1], mig_testkit::free_port()).into();
        let relay = start_relay(directory.path(), address).await;
        let mut site = Site::beside(relay.addresses()[0], directory).await;
        site.relay = Some(relay);
        site
    }

    /// A database for a relay that is there already, without a scheduler.
    pub async fn beside(address: SocketAddr, directory: tempfile::TempDir) -> Site {
        let store = SqliteStore::open(&directory.path().join("mig.db")).expect("store");
        let investigator = store
            .create_investigator(&NewInvestigator {
                name: "Ada".into(),
                fingerprint: "3828BBB5E3B923A93078EE8CFE7FB8600243F14D".into(),
                public_key: b"not looked at here".to_vec(),
                permissions: Permissions::DEFAULT,
                created: Time::now(),
            })
            .await
            .expect("investigator");
        Site {
            store: Arc::new(store),
            wake: Wake::new(),
            changes: Changes::new(),
            address,
            relay: None,
            scheduler: None,
            investigator,
            directory,
        }
    }

    pub async fn start() -> Site {
        let mut site = Site::without_scheduler().await;
        site.start_scheduler(|_| {}).await;
        site
    }

    pub fn config(&self) -> SchedulerConfig {
        SchedulerConfig::new(RelayAccess {
            host: "127.0.0.1".into(),
            port: self.address.port(),
            vhost: topology::VHOST.into(),
            user: topology::SCHEDULER_USER.into(),
            password: PASSWORD.into(),
            tls: None,
            heartbeat: Duration::ZERO,
            timeout: DEADLINE,
        })
    }

    pub async fn start_scheduler(&mut self, adjust: impl FnOnce(&mut SchedulerConfig)) {
        let mut config = self.config();
        adjust(&mut config);
        let scheduler = Scheduler::start(
            config,
            Arc::clone(&self.store),
            self.wake.clone(),
            self.changes.clone(),
        );
        assert!(scheduler.connected(DEADLINE).await, "relay not reached");
        self.scheduler = Some(scheduler);
    }

    pub fn scheduler(&self) -> &SchedulerHandle {
        self.scheduler.as_ref().expect("a scheduler")
    }

    /// Waits until the counters are as wished: what happened is counted only
    /// after everybody can see it.
    pub async fn counted(
        &self,
        what: &str,
        wished: impl Fn(&CountsSnapshot) -> bool,
    ) -> CountsSnapshot {
        eventually(what, || async {
            let counts = self.scheduler().counts();
            wished(&counts).then_some(counts)
        })
        .await
    }

    pub async fn stop_relay(&mut self) {
        let relay = self.relay.take().expect("a relay");
        relay.shutdown().await.expect("a clean stop");
    }

    pub async fn restart_relay(&mut self) {
        self.relay = Some(start_relay(self.directory.path(), self.address).await);
    }

    /// Stores a signed action as the API does, and wakes the scheduler.
    pub async fn post(&self, id: u64, target: &str, valid_for: Duration) -> Id {
        let action = action(id, target, valid_for);
        let signature = Signature {
            investigator: self.investigator,
            signature: "signature".into(),
        };
        self.store
            .create_action(&action, &[signature])
            .await
            .expect("a stored action");
        self.wake.wake();
        action.id
    }

    pub async fn action(&self, id: Id) -> StoredAction {
        self.store.action(id).await.expect("the action")
    }

    pub async fn status(&self, id: Id, status: ActionStatus) -> StoredAction {
        eventually(&format!("status {status}"), || async {
            let stored = self.action(id).await;
            (stored.action.status == status).then_some(stored)
        })
        .await
    }

    /// An agent that has its queue and is known to the store.
    pub async fn agent(&self, name: &str) -> TestAgent {
        let agent = TestAgent::connect(self.address, name).await;
        agent.send_heartbeat().await;
        self.known(&agent.record.queueloc).await;
        agent
    }

    pub async fn known(&self, queueloc: &str) -> Agent {
        let target = mig_target::Target::parse(&format!("queueloc='{queueloc}'")).expect("target");
        eventually("the heartbeat to be stored", || async {
            let mut found = self
                .store
                .agents_by_target(&target, Time::now(), 10)
                .await
                .expect("agents");
            found.pop()
        })
        .await
    }
}

async fn start_relay(directory: &Path, address: SocketAddr) -> RelayHandle {
    start_relay_on(directory, Listener::Plain(address)).await
}

pub async fn start_relay_on(directory: &Path, listener: Listener) -> RelayHandle {
    let mut config = RelayConfig::new(directory.join("relay.db"));
    config.listeners.push(listener);
    for (name, permissions) in [
        (topology::SCHEDULER_USER, topology::scheduler_permissions()),
        (topology::AGENT_USER, topology::agent_permissions()),
        (topology::WORKER_USER, topology::worker_permissions()),
        (WITHOUT_EVENTS, without_events()),
    ] {
        config.users.push(User {
            name: name.into(),
            password: Password::Plain(PASSWORD.into()),
            permissions,
        });
    }
    // A busy machine is no reason to drop anybody.
    config.limits.login_timeout = DEADLINE;
    // The port of one that was stopped is not free while a program that another test
    // starts has a copy of its socket, which is until that is executed.
    eventually("the start of a relay", || async {
        let started = Relay::start(config.clone()).await;
        started
            .inspect_err(|error| println!("no relay yet: {error}"))
            .ok()
    })
    .await
}

pub fn action(id: u64, target: &str, valid_for: Duration) -> Action {
    let now = Time::now();
    Action {
        id: Id(id),
        name: format!("test {id}"),
        target: target.into(),
        validfrom: now - Duration::from_secs(60),
        expireafter: now + valid_for,
        operations: Some(vec![Operation {
            module: "file".into(),
            parameters: serde_json::json!({"searches": {}}),
            ..Operation::default()
        }]),
        pgpsignatures: Some(vec!["signature".into()]),
        status: ActionStatus::Pending,
        starttime: Time::FAR_PAST,
        lastupdatetime: Time::FAR_PAST,
        finishtime: Time::FAR_FUTURE,
        syntaxversion: 2,
        ..Action::default()
    }
}

/// An agent as far as the relay sees it.
pub struct TestAgent {
    pub record: Agent,
    pub channel: Channel,
    consumer: Consumer,
    _connection: Connection,
}

pub async fn connect(address: SocketAddr, user: &str) -> Connection {
    let uri = format!("amqp://{user}:{PASSWORD}@{address}/mig");
    let runtime = lapin::runtime::default_runtime().expect("a runtime");
    Connection::connect_with_runtime(&uri, ConnectionProperties::default(), runtime)
        .await
        .expect("a connection to the relay")
}

impl TestAgent {
    pub async fn connect(address: SocketAddr, name: &str) -> TestAgent {
        let record = Agent {
            name: name.into(),
            queueloc: format!("linux.{name}"),
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
        };
        let connection = connect(address, topology::AGENT_USER).await;
        let channel = connection.create_channel().await.expect("a channel");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        let queue = topology::agent_queue(&record.queueloc);
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.as_str().into(), durable, FieldTable::default())
            .await
            .expect("the agent's queue");
        channel
            .queue_bind(
                queue.as_str().into(),
                topology::TO_AGENTS.into(),
                queue.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("the binding");
        channel
            .basic_qos(1, BasicQosOptions::default())
            .await
            .expect("prefetch");
        let consumer = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a consumer");
        TestAgent {
            record,
            channel,
            consumer,
            _connection: connection,
        }
    }

    pub async fn publish(&self, key: &str, body: &[u8]) {
        let confirm = self
            .channel
            .basic_publish(
                topology::TO_SCHEDULERS.into(),
                key.into(),
                BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                },
                body,
                BasicProperties::default().with_delivery_mode(2),
            )
            .await
            .expect("publish")
            .await
            .expect("confirm");
        assert_eq!(confirm, lapin::Confirmation::Ack(None));
    }

    pub async fn send_heartbeat(&self) {
        let body = to_go_json(&self.record).expect("JSON");
        self.publish(topology::HEARTBEATS, &body).await;
    }

    /// The next command, acknowledged.
    pub async fn next_command(&mut self) -> (Command, BasicProperties) {
        let delivery = tokio::time::timeout(DEADLINE, self.consumer.next())
            .await
            .expect("a command in time")
            .expect("an open consumer")
            .expect("a delivery");
        delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("acknowledge");
        let command = parse_command(&delivery.data).expect("a command");
        (command, delivery.properties.clone())
    }

    pub async fn answer(&self, command: &Command, status: CommandStatus) {
        let mut answer = command.clone();
        answer.status = status;
        answer.results = Some(vec![ModuleResult {
            foundanything: true,
            success: true,
            elements: serde_json::json!({"s1": []}),
            ..ModuleResult::default()
        }]);
        answer.agent.queueloc.clone_from(&self.record.queueloc);
        let body = to_go_json(&answer).expect("JSON");
        self.publish(topology::RESULTS, &body).await;
    }
}
