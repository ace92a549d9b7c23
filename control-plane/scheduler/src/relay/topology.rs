//! The names on the relay, and declaring them.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ExchangeKind};

/// Exchange from schedulers to agents.
pub(crate) const TO_AGENTS: &str = "toagents";
/// Exchange from agents to schedulers.
const TO_SCHEDULERS: &str = "toschedulers";
/// Queue and routing key of answers.
pub(crate) const RESULTS: &str = "mig.agt.results";
/// Queue and routing key of heartbeats.
pub(crate) const HEARTBEATS: &str = "mig.agt.heartbeats";

/// Queue and routing key of one agent.
pub(crate) fn agent_queue(queueloc: &str) -> String {
    format!("mig.agt.{queueloc}")
}

/// Declares exchanges, queues and bindings; agents rely on the exchanges being
/// there.
pub(crate) async fn declare(connection: &Connection) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    for exchange in [TO_AGENTS, TO_SCHEDULERS] {
        channel
            .exchange_declare(
                exchange.into(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions {
                    durable: true,
                    ..ExchangeDeclareOptions::default()
                },
                FieldTable::default(),
            )
            .await?;
    }
    for queue in [RESULTS, HEARTBEATS] {
        channel
            .queue_declare(
                queue.into(),
                QueueDeclareOptions {
                    durable: true,
                    ..QueueDeclareOptions::default()
                },
                FieldTable::default(),
            )
            .await?;
        channel
            .queue_bind(
                queue.into(),
                TO_SCHEDULERS.into(),
                queue.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    channel.close(200, "declared".into()).await
}
