//! Heartbeats that agents send over the relay.

use std::time::Duration;

use lapin::Channel;
use mig_logging::causes;
use mig_protocol::{Agent, AgentMode, Time, parse_agent};
use mig_store::HeartbeatOutcome;

use super::complaints::shown;
use super::{Storing, acknowledge, consumer, excerpt, next_batch, persist};
use crate::duties::news;
use crate::events::Kind;
use crate::relay::{HEARTBEATS, SessionError};
use crate::start::Shared;

/// Heartbeats on their way and stored at once.
const PREFETCH: u16 = 64;
/// Largest heartbeat, in bytes.
const LARGEST: usize = 102_400;
/// Longest host name, in bytes.
const LONGEST_NAME: usize = 1024;
/// Longest version, in bytes.
const LONGEST_VERSION: usize = 128;
/// Longest queueloc: with its prefix it has to fit a routing key of 255 bytes.
const LONGEST_QUEUELOC: usize = 255 - "mig.agt.".len();

/// Stores heartbeats until the relay is lost.
pub(crate) async fn consume(shared: &Shared, channel: &Channel, storing: &Storing) -> SessionError {
    match consume_forever(shared, channel, storing).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn consume_forever(
    shared: &Shared,
    channel: &Channel,
    storing: &Storing,
) -> Result<std::convert::Infallible, SessionError> {
    let mut consumer = consumer(channel, HEARTBEATS, PREFETCH).await?;
    loop {
        let batch = next_batch(&mut consumer, HEARTBEATS, PREFETCH).await?;
        let _storing = storing.batch();
        let now = shared.now();
        let mut agents = Vec::with_capacity(batch.len());
        // The messages they came in, for events.
        let mut bodies = Vec::with_capacity(batch.len());
        for delivery in &batch {
            match read(&delivery.data) {
                Ok(agent) => match refusal(shared, &agent, now) {
                    None => {
                        agents.push(agent);
                        bodies.push(delivery.data.as_slice());
                    }
                    Some(reason) => {
                        shared.counts.heartbeats_refused.one();
                        if matches!(reason, Refusal::Unlisted) {
                            shared.tell(Kind::AuthenticationFailure, &delivery.data);
                        }
                        if shared.may_complain() {
                            tracing::warn!(
                                "A heartbeat of {} was dropped: {reason}.",
                                agent.queueloc
                            );
                        }
                    }
                },
                Err(reason) => {
                    shared.counts.heartbeats_malformed.one();
                    if shared.may_complain() {
                        tracing::warn!(
                            "A heartbeat was dropped: {reason}; it starts with `{}`.",
                            excerpt(&delivery.data)
                        );
                    }
                }
            }
        }
        if !agents.is_empty() {
            let outcomes = persist(agents.len(), |part| {
                shared.store.record_heartbeats(&agents[part], now)
            })
            .await;
            let mut new = Vec::new();
            for ((agent, body), outcome) in agents.iter().zip(bodies).zip(outcomes) {
                match outcome {
                    Ok(outcome) => {
                        if let HeartbeatOutcome::New(id) = outcome {
                            new.push((id, body));
                        }
                        report(shared, agent, outcome, now);
                    }
                    Err(error) => {
                        shared.counts.heartbeats_unstorable.one();
                        if shared.may_complain() {
                            tracing::error!(
                                "A heartbeat of {} was dropped: {}; it starts with `{}`.",
                                agent.queueloc,
                                causes(&error),
                                excerpt(body)
                            );
                        }
                    }
                }
            }
            news::tell(shared, &new).await;
        }
        acknowledge(&batch).await?;
    }
}

/// Why a message is not a heartbeat.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Malformed {
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("it is not an agent record: {0}")]
    NotAnAgent(String),
    #[error("its mode `{0}` is neither daemon nor checkin")]
    Mode(String),
    #[error("its {0} is missing or too long")]
    Length(&'static str),
    #[error("its queueloc has characters that no agent's has")]
    Queueloc,
}

/// Reads the body of a message.
fn read(body: &[u8]) -> Result<Agent, Malformed> {
    if body.len() > LARGEST {
        return Err(Malformed::TooLarge);
    }
    let mut agent = parse_agent(body).map_err(|error| Malformed::NotAnAgent(error.to_string()))?;
    match &agent.mode {
        AgentMode::Daemon | AgentMode::Checkin => {}
        mode if mode.is_empty() => agent.mode = AgentMode::Daemon,
        mode => return Err(Malformed::Mode(shown(mode.as_str()))),
    }
    if agent.name.is_empty() || agent.name.len() > LONGEST_NAME {
        return Err(Malformed::Length("name"));
    }
    if agent.version.len() > LONGEST_VERSION {
        return Err(Malformed::Length("version"));
    }
    if agent.queueloc.is_empty() || agent.queueloc.len() > LONGEST_QUEUELOC {
        return Err(Malformed::Length("queueloc"));
    }
    if agent.queueloc.chars().any(char::is_control) {
        return Err(Malformed::Queueloc);
    }
    Ok(agent)
}

/// Why a well-formed heartbeat is not wanted.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it was sent at {0}")]
    Old(Time),
    #[error("the agent is not on the whitelist")]
    Unlisted,
}

fn refusal(shared: &Shared, agent: &Agent, now: Time) -> Option<Refusal> {
    if is_old(agent.heartbeatts, now, shared.config.agent_timeout) {
        return Some(Refusal::Old(agent.heartbeatts));
    }
    let listed = match &shared.config.whitelist {
        None => true,
        Some(whitelist) => whitelist.allows(&agent.queueloc),
    };
    (!listed).then_some(Refusal::Unlisted)
}

fn is_old(sent: Time, now: Time, timeout: Duration) -> bool {
    now.since(sent) > timeout
}

fn report(shared: &Shared, agent: &Agent, outcome: HeartbeatOutcome, now: Time) {
    if shared.config.kill_duplicates.is_some() {
        let (HeartbeatOutcome::New(id)
        | HeartbeatOutcome::Known(id)
        | HeartbeatOutcome::Destroyed(id)) = outcome;
        shared.heard.note(id, now);
    }
    // Whoever waits for this finds the rest done.
    shared.counts.heartbeats_stored.one();
    match outcome {
        HeartbeatOutcome::New(id) => {
            if shared.may_complain() {
                tracing::info!(
                    "{} ({}) is new: agent {id}, version {}.",
                    shown(&agent.name),
                    agent.queueloc,
                    shown(&agent.version)
                );
            }
        }
        HeartbeatOutcome::Known(_) => {}
        HeartbeatOutcome::Destroyed(id) => {
            if shared.may_complain() {
                tracing::warn!(
                    "{} ({}) still sends heartbeats although agent {id} was destroyed.",
                    shown(&agent.name),
                    agent.queueloc
                );
            }
        }
    }
    shared.wake.agent_seen(&agent.queueloc);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_an_agent_record_within_limits() {
        let long = "x".repeat(LONGEST_NAME + 1);
        let table = [
            ("nonsense".to_owned(), "it is not an agent record"),
            (r#"{"queueloc":"linux.x"}"#.to_owned(), "its name is"),
            (r#"{"name":"h"}"#.to_owned(), "its queueloc is"),
            (
                format!(r#"{{"name":"{long}","queueloc":"linux.x"}}"#),
                "its name is",
            ),
            (
                format!(r#"{{"name":"h","queueloc":"{long}"}}"#),
                "its queueloc is",
            ),
            (
                format!(r#"{{"name":"h","queueloc":"linux.x","version":"{long}"}}"#),
                "its version is",
            ),
            (
                r#"{"name":"h","queueloc":"linux.\u0007"}"#.to_owned(),
                "its queueloc has",
            ),
            (
                r#"{"name":"h","queueloc":"linux.x","mode":"other"}"#.to_owned(),
                "its mode `other`",
            ),
            ("x".repeat(LARGEST + 1), "it is larger"),
        ];
        for (body, reason) in table {
            let error = read(body.as_bytes()).expect_err(&body).to_string();
            assert!(error.starts_with(reason), "{body}: {error}");
        }
    }

    #[test]
    fn a_missing_mode_means_daemon() {
        let agent = read(br#"{"name":"h","queueloc":"linux.x"}"#).expect("an agent");
        assert_eq!(agent.mode, AgentMode::Daemon);
    }

    #[test]
    fn a_heartbeat_is_old_after_the_timeout_and_never_from_the_future() {
        let now = Time::from_unix(1_700_000_000);
        let timeout = Duration::from_secs(60);
        assert!(!is_old(now - timeout, now, timeout));
        assert!(is_old(now - Duration::from_secs(61), now, timeout));
        assert!(!is_old(now + timeout, now, timeout));
        assert!(is_old(Time::ZERO, now, timeout));
    }
}
