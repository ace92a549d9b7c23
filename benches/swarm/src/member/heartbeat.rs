//! Heartbeats over the relay and to the API.

use std::time::Duration;

use http::Method;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use mig_agent::http::Ask;
use mig_protocol::{HeartbeatPost, Time, to_go_json};

use super::Member;
use super::session::{HEARTBEATS, TO_SCHEDULERS};

/// A heartbeat that waited this many periods is worth nothing.
const PERIODS: u128 = 10;
/// Pause before another try after one that failed, as long as the period is not
/// shorter.
const AGAIN: Duration = Duration::from_secs(2);
/// Time for one post.
const POSTING: Duration = Duration::from_secs(30);

/// Publishes a heartbeat at once and then every period, until the relay is lost.
pub(super) async fn publish(member: &Member, channel: &Channel) -> lapin::Error {
    let period = member.common.configuration.heartbeat;
    loop {
        let body = to_go_json(&member.agent.record()).unwrap_or_default();
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_expiration((period.as_millis() * PERIODS).to_string().into())
            .with_timestamp(u64::try_from(Time::now().unix_seconds()).unwrap_or(0));
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = channel
            .basic_publish(
                TO_SCHEDULERS.into(),
                HEARTBEATS.into(),
                options,
                &body,
                properties,
            )
            .await;
        let confirmed = match published {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        let pause = match confirmed {
            Ok(Confirmation::Ack(None)) => {
                member.notes().counts.heartbeats += 1;
                period
            }
            Ok(_) => {
                member.notes().counts.failed_heartbeats += 1;
                AGAIN.min(period)
            }
            Err(error) => return error,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Posts a heartbeat to the API at once and then every period, until everything
/// ends.
pub(super) async fn post(member: &Member, api: &str) {
    let configuration = &member.common.configuration;
    let url = format!("{api}heartbeat");
    loop {
        let posted = HeartbeatPost::from_agent(&member.agent.record(), member.agent.now());
        let mut ask = Ask::get(&url);
        ask.method = Method::POST;
        ask.json = to_go_json(&posted).ok();
        ask.total = POSTING;
        ask.extra_ca = configuration
            .certificates
            .as_ref()
            .map(|certificates| certificates.ca.as_slice());
        let answer = tokio::select! {
            answer = ask.send() => answer,
            () = member.common.until_stopped() => return,
        };
        let pause = match answer {
            Ok((status, _)) if status.is_success() => {
                member.notes().counts.heartbeats += 1;
                configuration.heartbeat
            }
            _ => {
                member.notes().counts.failed_heartbeats += 1;
                AGAIN.min(configuration.heartbeat)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.common.until_stopped() => return,
        }
    }
}
