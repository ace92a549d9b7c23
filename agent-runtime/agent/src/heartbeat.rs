//! Heartbeats to the API, for sites that want them there. Those over the relay
//! belong to its session.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mig_protocol::HeartbeatAnswer;

use crate::agent::Agent;
use crate::http::{Ask, HttpError};

/// File in the run directory that is written after each heartbeat.
pub const MARKER: &str = "mig-agent.ok";

/// Posts a heartbeat at once and then every period, until the agent stops. A
/// failure is logged and the next one tried in time.
pub async fn post(agent: Arc<Agent>) {
    let period = agent.settings().heartbeat;
    let url = format!("{}heartbeat", agent.settings().api);
    loop {
        match post_once(&agent, &url).await {
            Ok(()) => agent.heartbeat_sent(),
            Err(reason) => tracing::warn!("heartbeat to {url} failed: {reason}"),
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = agent.until_stopping() => return,
        }
    }
}

async fn post_once(agent: &Arc<Agent>, url: &str) -> Result<(), String> {
    let body = agent.heartbeat_post().await;
    let proxies = &agent.settings().proxies;
    let mut last = String::new();
    for proxy in proxies
        .iter()
        .map(|proxy| Some(proxy.as_str()))
        .chain([None])
    {
        let mut ask = Ask::get(url);
        ask.method = Method::POST;
        ask.json = Some(body.clone());
        ask.proxy = proxy;
        ask.total = Duration::from_secs(20);
        ask.extra_ca = agent
            .settings()
            .certificates
            .as_ref()
            .map(|certificates| certificates.ca.as_slice());
        match ask.send().await {
            Ok((status, _)) if status.is_success() => return Ok(()),
            Ok((status, body)) => {
                let answer: HeartbeatAnswer = serde_json::from_slice(&body).unwrap_or_default();
                return Err(format!(
                    "status {}: {}",
                    status.as_u16(),
                    answer.error.unwrap_or_default()
                ));
            }
            Err(
                error @ (HttpError::Network { .. }
                | HttpError::Timeout(_)
                | HttpError::Proxy { .. }),
            ) => {
                last = error.to_string();
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(last)
}
