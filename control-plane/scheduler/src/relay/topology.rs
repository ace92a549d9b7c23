//! The names on the relay, and declaring them.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind, ExchangeKind};

use super::SessionError;
use crate::config::QueueKind;

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
pub(crate) async fn declare(
    connection: &Connection,
    queues: QueueKind,
) -> Result<(), SessionError> {
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
                arguments(queues),
            )
            .await
            .map_err(|error| mismatch(queue, queues, error))?;
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
    channel.close(200, "declared".into()).await?;
    Ok(())
}

/// What the original declares says nothing about the type.
fn arguments(queues: QueueKind) -> FieldTable {
    let mut arguments = FieldTable::default();
    if queues == QueueKind::Quorum {
        let kind = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), kind);
    }
    arguments
}

fn mismatch(queue: &'static str, wanted: QueueKind, reason: lapin::Error) -> SessionError {
    match reason.kind() {
        ErrorKind::ProtocolError(error)
            if error.get_id() == AMQPSoftError::PRECONDITIONFAILED.get_id() =>
        {
            SessionError::Mismatch {
                queue,
                wanted,
                reason,
            }
        }
        _ => reason.into(),
    }
}
