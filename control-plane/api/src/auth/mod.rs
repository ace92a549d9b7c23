//! Who is calling, and may they.

mod api_key;
mod keys;

use ::http::HeaderMap;
use mig_protocol::{Investigator, Permissions, apikey, token};

use crate::endpoints::{Access, Endpoint};
use crate::error::{ApiError, ApiResult};
use crate::state::State;

pub(crate) use keys::ActiveKeys;

/// Name of the caller when authentication is off.
const NOBODY: &str = "authdisabled";

/// Remembers what makes authentication cheap the second time; decides nothing
/// from memory alone.
pub(crate) struct Authenticator {
    keys: keys::KeyCache,
    api_keys: api_key::Remembered,
}

impl Authenticator {
    pub(crate) fn new() -> Authenticator {
        Authenticator {
            keys: keys::KeyCache::default(),
            api_keys: api_key::Remembered::new(),
        }
    }

    /// The keys of the investigators that are active now.
    pub(crate) async fn active_keys(&self, state: &State) -> ApiResult<ActiveKeys> {
        self.keys.read(state).await
    }
}

/// Finds out who calls an endpoint and whether they may; `None` for a public
/// one.
///
/// # Errors
/// The caller is not known, or may not use the endpoint.
pub(crate) async fn authorize(
    state: &State,
    endpoint: &Endpoint,
    headers: &HeaderMap,
) -> ApiResult<Option<Investigator>> {
    let Access::Investigator(permission) = endpoint.access else {
        return Ok(None);
    };
    let caller = authenticate(state, headers).await?;
    if !caller.permissions.contains(permission) {
        return Err(ApiError::unauthorized(
            "Insufficient permissions to access endpoint",
        ));
    }
    Ok(Some(caller))
}

async fn authenticate(state: &State, headers: &HeaderMap) -> ApiResult<Investigator> {
    if !state.config.authentication {
        return Ok(Investigator {
            name: NOBODY.to_owned(),
            permissions: Permissions::ALL,
            ..Investigator::default()
        });
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = |reason: String| {
        ApiError::unauthorized(format!(
            "Authorization verification failed with error '{reason}'"
        ))
    };
    if let Some(given) = header(token::HEADER) {
        let active = state.authenticator.active_keys(state).await?;
        let signer = token::verify_token(
            given,
            &active.keyring,
            state.now(),
            state.config.token_duration,
        )
        .map_err(|error| refused(error.to_string()))?;
        return active
            .investigator(&signer)
            .cloned()
            .ok_or_else(|| refused("the signer is no active investigator".to_owned()));
    }
    if let Some(given) = header(apikey::HEADER) {
        return api_key::find(state, &state.authenticator.api_keys, given)
            .await?
            .ok_or_else(|| {
                refused("the API key is not that of an active investigator".to_owned())
            });
    }
    Err(ApiError::unauthorized(
        "Valid authentication header not found",
    ))
}
