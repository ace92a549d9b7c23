//! An agent as far as the relay sees it.

use std::net::SocketAddr;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPUri, AMQPUserInfo};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use mig_protocol::{
    Agent, AgentMode, Command, CommandStatus, Environment, ModuleResult, Time, parse_command,
    to_go_json,
};

use super::process::{AGENT_PASSWORD, DEADLINE};

pub struct TestAgent {
    pub record: Agent,
    channel: Channel,
    consumer: Consumer,
    _connection: Connection,
}

impl TestAgent {
    pub async fn connect(relay: SocketAddr, name: &str) -> TestAgent {
        let uri = AMQPUri {
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: "agent".into(),
                    password: AGENT_PASSWORD.into(),
                },
                host: relay.ip().to_string(),
                port: relay.port(),
            },
            vhost: "mig".into(),
            ..AMQPUri::default()
        };
        let connection = Connection::connect_uri(uri, ConnectionProperties::default())
            .await
            .expect("a connection to the relay");
        let channel = connection.create_channel().await.expect("a channel");
        let confirms = ConfirmSelectOptions::default();
        channel.confirm_select(confirms).await.expect("confirms");
        let queueloc = format!("linux.{name}");
        let queue = format!("mig.agt.{queueloc}");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let table = FieldTable::default;
        channel
            .queue_declare(queue.as_str().into(), durable, table())
            .await
            .expect("the agent's queue");
        let key = queue.as_str();
        channel
            .queue_bind(
                key.into(),
                "toagents".into(),
                key.into(),
                QueueBindOptions::default(),
                table(),
            )
            .await
            .expect("the binding");
        let consumer = channel
            .basic_consume(
                key.into(),
                "".into(),
                BasicConsumeOptions::default(),
                table(),
            )
            .await
            .expect("a consumer");
        TestAgent {
            record: Agent {
                name: name.into(),
                queueloc,
                mode: AgentMode::Daemon,
                version: "1".into(),
                pid: 4711,
                heartbeatts: Time::now(),
                environment: Environment {
                    os: "linux".into(),
                    ..Environment::default()
                },
                ..Agent::default()
            },
            channel,
            consumer,
            _connection: connection,
        }
    }

    pub async fn publish(&self, key: &str, body: &[u8]) {
        let confirm = self
            .channel
            .basic_publish(
                "toschedulers".into(),
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
        self.publish("mig.agt.heartbeats", &body).await;
    }

    pub async fn next_command(&mut self) -> Command {
        let delivery = tokio::time::timeout(DEADLINE, self.consumer.next())
            .await
            .expect("a command in time")
            .expect("an open consumer")
            .expect("a delivery");
        delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("acknowledge");
        parse_command(&delivery.data).expect("a command")
    }

    pub async fn answer(&self, command: &Command) {
        let mut answer = command.clone();
        answer.status = CommandStatus::Success;
        answer.results = Some(vec![ModuleResult {
            foundanything: true,
            success: true,
            ..ModuleResult::default()
        }]);
        let body = to_go_json(&answer).expect("JSON");
        self.publish("mig.agt.results", &body).await;
    }
}
