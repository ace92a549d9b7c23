//! `GET heartbeat`, which greets, and `POST heartbeat`, by which agents say that
//! they live.

use std::time::Duration;

use ::http::StatusCode;
use mig_protocol::{Agent, AgentMode, HeartbeatAnswer, HeartbeatPost, Time, parse_heartbeat};
use serde_json::json;

use crate::collection::{DataValue, Item};
use crate::error::ApiResult;
use crate::http::{Answer, Call};
use crate::state::State;

/// Oldest heartbeat that counts.
const OLDEST: Duration = Duration::from_secs(5 * 60);
/// Longest host name, in bytes.
const LONGEST_NAME: usize = 1024;
/// Longest version, in bytes.
const LONGEST_VERSION: usize = 128;
/// Longest queueloc: with the prefix `mig.agt.` it has to fit a routing key.
const LONGEST_QUEUELOC: usize = 247;

/// `GET heartbeat`: the original's greeting.
pub(super) fn greet(state: &State, call: &Call) -> ApiResult<Answer> {
    let greeting = DataValue::Other(json!("gatorz say hi"));
    let href = format!("{}/heartbeat", state.items.base);
    Answer::items(
        call,
        StatusCode::OK,
        vec![Item::new(href, "heartbeat", greeting)],
    )
}

/// `POST heartbeat`.
pub(super) async fn accept(state: &State, call: &Call) -> ApiResult<Answer> {
    let refused = |status, reason: String| {
        Answer::json(
            status,
            &HeartbeatAnswer {
                error: Some(reason),
            },
        )
    };
    let post = match parse_heartbeat(&call.body) {
        Ok(post) => post,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let now = state.now();
    if let Err(reason) = check(&post, now) {
        return refused(
            StatusCode::BAD_REQUEST,
            format!("Missing fields in request body: {reason}"),
        );
    }
    let welcome = match &state.config.heartbeats {
        None => false,
        Some(filter) => filter(&post.queue_loc),
    };
    if !welcome {
        if let Some(left_out) = state.complaints.allowed() {
            tracing::warn!(
                op = call.operation.0,
                "A heartbeat of {} was refused.{left_out}",
                post.queue_loc.escape_debug()
            );
        }
        return refused(
            StatusCode::UNAUTHORIZED,
            "heartbeats of this agent are not accepted here".to_owned(),
        );
    }
    let agent = Agent::from(post);
    let queueloc = agent.queueloc.clone();
    if !state.heartbeats.store(agent, now).await {
        return refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the heartbeat could not be stored".to_owned(),
        );
    }
    state.wake.agent_seen(&queueloc);
    Answer::json(StatusCode::OK, &HeartbeatAnswer { error: None })
}

/// The rules for a heartbeat. Unlike the original's they do not ask for a public
/// address, which agents find out only when told to.
fn check(post: &HeartbeatPost, now: Time) -> Result<(), String> {
    let environment = &post.environment;
    for (name, missing) in [
        ("name", post.name.is_empty()),
        ("mode", post.mode.is_empty()),
        ("version", post.version.is_empty()),
        ("queueLoc", post.queue_loc.is_empty()),
        ("pid", post.pid == 0),
        ("environment.init", environment.init.is_empty()),
        ("environment.ident", environment.ident.is_empty()),
        ("environment.os", environment.os.is_empty()),
        ("environment.arch", environment.arch.is_empty()),
    ] {
        if missing {
            return Err(format!("{name} is missing"));
        }
    }
    if !matches!(post.mode, AgentMode::Daemon | AgentMode::Checkin) {
        return Err(format!(
            "mode `{}` is neither daemon nor checkin",
            post.mode.as_str().escape_debug()
        ));
    }
    for (name, value, longest) in [
        ("name", &post.name, LONGEST_NAME),
        ("version", &post.version, LONGEST_VERSION),
        ("queueLoc", &post.queue_loc, LONGEST_QUEUELOC),
    ] {
        if value.len() > longest {
            return Err(format!("{name} is longer than {longest} bytes"));
        }
    }
    if post.queue_loc.chars().any(char::is_control) {
        return Err("queueLoc has control characters".to_owned());
    }
    if now.since(post.start_time) > OLDEST {
        return Err(format!(
            "startTime {} is more than five minutes ago",
            post.start_time
        ));
    }
    Ok(())
}
