//! Single commands, agents and public keys.

use ::http::StatusCode;
use mig_protocol::Id;
use mig_store::{StoreError, StoreResult};

use crate::error::{ApiError, ApiResult};
use crate::http::{Answer, Call};
use crate::state::State;

/// Says in the original's words what is not there.
pub(super) fn found<T>(result: StoreResult<T>, what: &str, id: Id) -> ApiResult<T> {
    result.map_err(|error| match error {
        StoreError::NotFound { .. } => ApiError::not_found(format!("{what} ID '{id}' not found")),
        other => other.into(),
    })
}

/// `GET command`.
pub(super) async fn command(state: &State, call: &Call) -> ApiResult<Answer> {
    let id = call.query.id("commandid", "Command")?;
    let command = found(state.store.command(id).await, "Command", id)?;
    Answer::items(call, StatusCode::OK, vec![state.items.command(command)])
}

/// `GET agent`.
pub(super) async fn agent(state: &State, call: &Call) -> ApiResult<Answer> {
    let id = call.query.id("agentid", "Agent")?;
    let agent = found(state.store.agent(id).await, "Agent", id)?;
    Answer::items(call, StatusCode::OK, vec![state.items.agent(agent)])
}

/// `GET publickey/<fingerprint>`: of an investigator of any status.
pub(super) async fn public_key(state: &State, call: &Call) -> ApiResult<Answer> {
    let fingerprint = call.last_part.as_deref().unwrap_or_default();
    let unknown = || {
        ApiError::not_found(format!(
            "no public key with fingerprint '{}'",
            fingerprint.escape_debug()
        ))
    };
    match state.store.investigator_by_fingerprint(fingerprint).await {
        Ok(investigator) if !investigator.publickey.is_empty() => {
            Ok(Answer::text(StatusCode::OK, investigator.publickey))
        }
        Ok(_) => Err(unknown()),
        Err(error) if error.is_not_found() => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
