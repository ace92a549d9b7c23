//! Heartbeats to the API, for sites that want them there. Those over the relay
//! belong to its session.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mig_protocol::HeartbeatAnswer;

use crate::agent::Agent;
use crate::http::{Ask, ways_to};

/// File in the run directory that is written after each heartbeat.
pub const MARKER: &str = "mig-agent.ok";

/// Most time for one way to the API.
const WAY: Duration = Duration::from_secs(20);

/// Posts a heartbeat at once and then every period, until the agent stops. A
/// failure is logged and the next one tried in time.
pub async fn post(agent: Arc<Agent>) {
    let period = agent.settings().heartbeat;
    loop {
        post_one(&agent).await;
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = agent.until_stopping() => return,
        }
    }
}

/// Posts one heartbeat. A failure is logged.
pub async fn post_one(agent: &Arc<Agent>) {
    let url = format!("{}heartbeat", agent.settings().api);
    match post_some_way(agent, &url).await {
        Ok(()) => agent.heartbeat_sent(),
        Err(reason) => tracing::warn!("heartbeat to {url} failed: {reason}"),
    }
}

/// Tries the proxies in order, then the direct way. What comes through a proxy
/// may be its own refusal, so that only the direct answer is final.
async fn post_some_way(agent: &Arc<Agent>, url: &str) -> Result<(), String> {
    let body = agent.heartbeat_post().await;
    let mut failures = Vec::new();
    for proxy in ways_to(url, &agent.settings().proxies) {
        let mut ask = Ask::get(url);
        ask.method = Method::POST;
        ask.json = Some(body.clone());
        ask.proxy = proxy.as_ref();
        ask.total = WAY;
        ask.extra_ca = agent.settings().authority();
        let failure = match ask.send().await {
            Ok((status, _)) if status.is_success() => return Ok(()),
            Ok((status, body)) => {
                let answer: HeartbeatAnswer = serde_json::from_slice(&body).unwrap_or_default();
                let said = answer.error.unwrap_or_default();
                format!("status {}: {}", status.as_u16(), said.escape_debug())
            }
            Err(error) => error.to_string(),
        };
        failures.push(match proxy {
            Some(proxy) => format!("through {proxy}: {failure}"),
            None => failure,
        });
    }
    Err(failures.join("; "))
}
