//! What becomes of the connection for commands while nothing is published.

use futures_util::StreamExt;
use lapin::{Connection, Event};

use super::SessionError;
use crate::start::Shared;

/// Logs and counts when the relay stops taking commands and when it goes on.
/// There is nothing else to do: what was not confirmed is in the outbox, and is
/// sent when the relay reads again. Ends when the connection is lost, which
/// publishing would notice with the next command only.
pub(super) async fn report(shared: &Shared, publishing: &Connection) -> SessionError {
    let mut events = std::pin::pin!(publishing.events_listener());
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                shared.counts.relay_blocked.one();
                tracing::warn!(
                    "{:?}: the relay takes no commands for now: {}; they wait.",
                    shared.config.relay,
                    reason.escape_debug()
                );
            }
            Event::ConnectionUnblocked => {
                tracing::info!("{:?}: the relay takes commands again.", shared.config.relay);
            }
            Event::Error(error) => return error.into(),
            _ => {}
        }
    }
    // Whoever waits for the relay finds out what became of the connection.
    std::future::pending().await
}
