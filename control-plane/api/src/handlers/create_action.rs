//! `POST action/create/`.

use ::http::StatusCode;
use mig_protocol::{Action, ActionStatus, Counters, Fingerprint, Id, Time, parse_action, validate};
use mig_store::{Signature, StoreError};
use mig_target::Target;

use crate::auth::ActiveKeys;
use crate::collection::{DataValue, Item};
use crate::error::{ApiError, ApiResult};
use crate::form::Form;
use crate::http::{Answer, Call};
use crate::state::State;

/// Longest name, in bytes; the width of the original's database column.
const LONGEST_NAME: usize = 2048;

pub(super) async fn create(state: &State, call: &Call) -> ApiResult<Answer> {
    let form = Form::read(&call.headers, call.body.clone()).await?;
    let document = form
        .bytes("action")
        .ok_or_else(|| ApiError::bad_request("the form has no field `action`"))?;
    let mut action = parse_action(document)
        .map_err(|error| ApiError::bad_request(format!("the action cannot be read: {error}")))?;
    check(&action, state.now())?;
    let active = state.authenticator.active_keys(state).await?;
    let signatures = signers(&action, &active, state.now())?;

    let now = state.now();
    let id = state.ids.next(now).await?;
    as_new(&mut action, id);
    match state.store.create_action(&action, &signatures).await {
        Ok(()) => {}
        Err(StoreError::Duplicate { what }) => {
            return Err(ApiError::bad_request(format!("{what} exists already")));
        }
        Err(error @ StoreError::Unsure { .. }) => {
            // If it is there, it is to start as any other.
            state.wake.wake();
            return Err(ApiError {
                message: format!(
                    "the connection to the server's database was lost, and it is not known \
                     whether action {id} was stored; look for it with action?actionid={id} or by \
                     its name before you send it again, or agents may do its work twice"
                ),
                ..error.into()
            });
        }
        Err(error) => return Err(error.into()),
    }
    state.wake.wake();
    state.changes.changed(id);
    tracing::info!(
        op = call.operation.0,
        action = id.0,
        "The action is stored, with {} signatures.",
        signatures.len()
    );
    let item = Item::new(
        format!("{}/action?actionid={id}", state.items.base),
        format!("action ID {id}"),
        DataValue::Action(Box::new(action)),
    );
    Answer::items(call, StatusCode::ACCEPTED, vec![item])
}

/// What can be said without looking at the signatures.
fn check(action: &Action, now: Time) -> ApiResult<()> {
    validate(action, now).map_err(|error| ApiError::bad_request(error.to_string()))?;
    // The original lets these pass and its agents never answer them.
    if action.operations().is_empty() {
        return Err(ApiError::bad_request("the action has no operations"));
    }
    if let Some(place) = action
        .operations()
        .iter()
        .position(|operation| operation.module.is_empty())
    {
        return Err(ApiError::bad_request(format!(
            "operation {place} names no module"
        )));
    }
    if action.name.len() > LONGEST_NAME {
        return Err(ApiError::bad_request(format!(
            "the name of the action is longer than {LONGEST_NAME} bytes"
        )));
    }
    Target::parse(&action.target).map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(())
}

/// Every signature has to be that of an active investigator, each of another.
fn signers(action: &Action, active: &ActiveKeys, now: Time) -> ApiResult<Vec<Signature>> {
    let signers: Vec<Fingerprint> = active
        .keyring
        .verify_action(action, now)
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let mut signatures: Vec<Signature> = Vec::with_capacity(signers.len());
    for (signer, signature) in signers.iter().zip(action.signatures()) {
        let investigator = active.investigator(signer).ok_or_else(|| {
            ApiError::bad_request(format!(
                "the action is signed by {signer}, who is no active investigator"
            ))
        })?;
        if signatures
            .iter()
            .any(|earlier| earlier.investigator == investigator.id)
        {
            return Err(ApiError::bad_request(format!(
                "the action is signed twice by {} ({signer}); each investigator may sign once",
                investigator.name.escape_debug()
            )));
        }
        signatures.push(Signature {
            investigator: investigator.id,
            signature: signature.clone(),
        });
    }
    Ok(signatures)
}

/// What the API sets, whatever the client said.
fn as_new(action: &mut Action, id: Id) {
    action.id = id;
    action.status = ActionStatus::Pending;
    action.starttime = Time::FAR_PAST;
    action.lastupdatetime = Time::FAR_PAST;
    action.finishtime = Time::FAR_FUTURE;
    action.counters = Counters::default();
    action.investigators = Vec::new();
}
