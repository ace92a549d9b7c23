//! The scheduler's part, played by a plain AMQP client.

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use mig_protocol::json::{parse_agent, parse_command, to_go_json};
use mig_protocol::{Action, Agent, Command};
use mig_relay::topology;
use serde_json::json;

use super::{DEADLINE, Site};

/// The scheduler's end.
pub(super) struct Scheduler {
    _connection: Connection,
    channel: Channel,
    results: Consumer,
    heartbeats: Consumer,
}

impl Site {
    pub async fn connect_scheduler(&mut self) {
        let url = format!("amqp://scheduler:s@{}/mig", self.address);
        let connection = Connection::connect(&url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        let none = FieldTable::default;
        for exchange in [topology::TO_AGENTS, topology::TO_SCHEDULERS] {
            let durable = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(exchange.into(), ExchangeKind::Direct, durable, none())
                .await
                .unwrap();
        }
        for queue in [topology::RESULTS, topology::HEARTBEATS] {
            let durable = QueueDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .queue_declare(queue.into(), durable, none())
                .await
                .unwrap();
            let bind = QueueBindOptions::default();
            channel
                .queue_bind(
                    queue.into(),
                    topology::TO_SCHEDULERS.into(),
                    queue.into(),
                    bind,
                    none(),
                )
                .await
                .unwrap();
        }
        let results = consume(&channel, topology::RESULTS).await;
        let heartbeats = consume(&channel, topology::HEARTBEATS).await;
        self.scheduler = Some(Scheduler {
            _connection: connection,
            channel,
            results,
            heartbeats,
        });
    }

    pub async fn delete_queue(&self, name: &str) {
        let channel = &self.scheduler.as_ref().unwrap().channel;
        channel
            .queue_delete(name.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }

    /// Commands that the relay keeps for the agent and has given to nobody.
    pub async fn waiting(&self) -> u32 {
        let queue = topology::agent_queue(self.queueloc.as_deref().unwrap());
        self.kept(&queue).await
    }

    /// Messages that the relay keeps and has given to nobody.
    async fn kept(&self, queue: &str) -> u32 {
        let channel = &self.scheduler.as_ref().unwrap().channel;
        let look = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        channel
            .queue_declare(queue.into(), look, FieldTable::default())
            .await
            .unwrap()
            .message_count()
    }

    /// The next heartbeat; from then on commands reach its agent.
    pub async fn heartbeat(&mut self) -> Agent {
        let consumer = &mut self.scheduler.as_mut().unwrap().heartbeats;
        let body = next(consumer, "a heartbeat").await;
        let agent = parse_agent(&body).unwrap();
        self.queueloc = Some(agent.queueloc.clone());
        agent
    }

    /// Publishes a command and waits until the relay has it.
    pub async fn send(&self, id: u64, action: Action) {
        let body = to_go_json(&self.command(id, action)).unwrap();
        self.send_bytes(&body).await;
    }

    pub async fn send_bytes(&self, body: &[u8]) {
        let queue = topology::agent_queue(self.queueloc.as_deref().unwrap());
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let channel = &self.scheduler.as_ref().unwrap().channel;
        let confirmation = channel
            .basic_publish(
                topology::TO_AGENTS.into(),
                queue.into(),
                options,
                body,
                properties,
            )
            .await
            .unwrap()
            .await
            .unwrap();
        assert!(confirmation.is_ack() && confirmation.take_message().is_none());
    }

    /// Waits for the next answer to a command. Answers to others are kept.
    pub async fn answer(&mut self, id: u64) -> Command {
        loop {
            if let Some(answers) = self.answers.get_mut(&id)
                && !answers.is_empty()
            {
                return answers.remove(0);
            }
            let consumer = &mut self.scheduler.as_mut().unwrap().results;
            let body = next(consumer, "an answer").await;
            self.keep(&body);
        }
    }

    /// Answers that arrived and that nobody asked for. The relay's replies to questions
    /// prove that whatever it had sent before is here.
    pub async fn further_answers(&mut self) -> usize {
        for _ in 0..2 {
            self.kept(topology::RESULTS).await;
        }
        let consumer = &mut self.scheduler.as_mut().unwrap().results;
        let mut came = Vec::new();
        while let Some(delivery) = consumer.next().now_or_never() {
            came.push(taken(delivery).await);
        }
        for body in came {
            self.keep(&body);
        }
        self.answers.values().map(Vec::len).sum()
    }

    fn keep(&mut self, body: &[u8]) {
        let answer = parse_command(body).unwrap();
        self.answers.entry(answer.id.0).or_default().push(answer);
    }

    /// A command to the agent and its answer.
    pub async fn exchange(&mut self) {
        let absent = self.signed("absent", json!({}));
        let id = 7000 + u64::from(self.next_name);
        self.send(id, absent).await;
        let answer = self.answer(id).await;
        assert_eq!(answer.status, mig_protocol::CommandStatus::Failed);
    }
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap()
}

async fn next(consumer: &mut Consumer, what: &str) -> Vec<u8> {
    let delivery = tokio::time::timeout(DEADLINE, consumer.next())
        .await
        .unwrap_or_else(|_| panic!("{what} did not come in time"));
    taken(delivery).await
}

/// A delivery's body, once it is acknowledged.
async fn taken(delivery: Option<lapin::Result<Delivery>>) -> Vec<u8> {
    let delivery = delivery.expect("the relay is there").unwrap();
    delivery
        .acker
        .ack(BasicAckOptions::default())
        .await
        .unwrap();
    delivery.data
}
