//! Showing, adding and changing investigators.

use ::http::StatusCode;
use mig_protocol::apikey::{StoredKey, generate_api_key};
use mig_protocol::openpgp::inspect_key;
use mig_protocol::{Id, Investigator, InvestigatorStatus, Permissions};
use mig_store::{ApiKeyChange, InvestigatorUpdate, NewInvestigator, StoreError};

use super::records::found;
use crate::collection::{DataValue, Item};
use crate::error::{ApiError, ApiResult};
use crate::form::Form;
use crate::http::{Answer, Call};
use crate::state::State;

/// Longest name, in bytes; the width of the original's database column.
const LONGEST_NAME: usize = 1024;

/// `GET investigator`.
pub(super) async fn show(state: &State, call: &Call) -> ApiResult<Answer> {
    let id = call.query.id("investigatorid", "Investigator")?;
    let investigator = found(state.store.investigator(id).await, "Investigator", id)?;
    Answer::items(
        call,
        StatusCode::OK,
        vec![state.items.investigator(investigator)],
    )
}

/// `POST investigator/create/`.
pub(super) async fn create(state: &State, call: &Call) -> ApiResult<Answer> {
    let form = Form::read(&call.headers, call.body.clone()).await?;
    let name = form.text("name")?.unwrap_or_default();
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(ApiError::bad_request(format!(
            "the form needs a field `name` of at most {LONGEST_NAME} bytes"
        )));
    }
    let permissions = match form.text("permissions")? {
        None | Some("") => Permissions::NONE,
        Some(text) => read_permissions(text)?,
    };
    let public_key = form.bytes("publickey").unwrap_or_default().to_vec();
    let fingerprint = if public_key.is_empty() {
        String::new()
    } else {
        let report = inspect_key(&public_key).map_err(|error| {
            ApiError::bad_request(format!("the public key cannot be used: {error}"))
        })?;
        report.fingerprint.to_string()
    };
    let new = NewInvestigator {
        name: name.to_owned(),
        fingerprint: fingerprint.clone(),
        public_key,
        permissions,
        created: state.now(),
    };
    let id = match state.store.create_investigator(&new).await {
        Ok(id) => id,
        Err(StoreError::Duplicate { .. }) => {
            return Err(ApiError::bad_request(format!(
                "there is an investigator with the fingerprint {fingerprint} already"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    audit(call, id, &format!("created ({})", permissions.describe()));
    answer(state, call, StatusCode::CREATED, id, None).await
}

/// `POST investigator/update/`.
pub(super) async fn update(state: &State, call: &Call) -> ApiResult<Answer> {
    let form = Form::read(&call.headers, call.body.clone()).await?;
    let id: Id = form
        .text("id")?
        .and_then(|text| text.parse().ok())
        .filter(|id: &Id| !id.is_zero())
        .ok_or_else(|| ApiError::bad_request("the form needs a field `id`, a number above 0"))?;
    let given = |name| {
        form.text(name)
            .map(|text| text.filter(|text| !text.is_empty()))
    };
    let mut update = InvestigatorUpdate::default();
    let mut clear_key = None;
    if let Some(status) = given("status")? {
        update.status = Some(match InvestigatorStatus::from(status) {
            InvestigatorStatus::Other(_) => {
                return Err(ApiError::bad_request(
                    "the status of an investigator is `active` or `disabled`",
                ));
            }
            status => status,
        });
    }
    if let Some(permissions) = given("permissions")? {
        update.permissions = Some(read_permissions(permissions)?);
    }
    match given("apikey")? {
        None => {}
        Some("disabled") => update.api_key = Some(ApiKeyChange::Remove),
        Some("active") => {
            let key = generate_api_key().map_err(ApiError::internal)?;
            let stored = StoredKey::new(&key).map_err(ApiError::internal)?;
            update.api_key = Some(ApiKeyChange::Set {
                salt: stored.salt.to_vec(),
                hash: stored.hash.to_vec(),
            });
            clear_key = Some(key);
        }
        Some(_) => {
            return Err(ApiError::bad_request(
                "the API key is made `active` or `disabled`",
            ));
        }
    }
    if update == InvestigatorUpdate::default() {
        return Err(ApiError::bad_request(
            "nothing to change; give `status`, `permissions` or `apikey`",
        ));
    }
    let changed = state
        .store
        .update_investigator(id, &update, state.now())
        .await;
    found(changed, "Investigator", id)?;
    audit(call, id, &format!("changed: {update:?}"));
    answer(state, call, StatusCode::OK, id, clear_key).await
}

fn read_permissions(text: &str) -> ApiResult<Permissions> {
    serde_json::from_str(text)
        .map_err(|error| ApiError::bad_request(format!("the permissions cannot be read: {error}")))
}

/// Administrative changes are always in the log.
fn audit(call: &Call, id: Id, what: &str) {
    let caller = call.caller.as_ref();
    tracing::warn!(
        op = call.operation.0,
        "Investigator {id} was {what} by {} (investigator {}).",
        caller.map_or("nobody".into(), |caller| caller
            .name
            .escape_debug()
            .to_string()),
        caller.map_or(Id(0), |caller| caller.id)
    );
}

/// The investigator as it is now; a new API key is shown this once.
async fn answer(
    state: &State,
    call: &Call,
    status: StatusCode,
    id: Id,
    clear_key: Option<String>,
) -> ApiResult<Answer> {
    let mut investigator: Investigator = state.store.investigator(id).await?;
    if let Some(key) = clear_key {
        investigator.apikey = key;
    }
    let item = Item::new(
        state.items.investigator_address(id),
        format!("Investigator ID {id}"),
        DataValue::Investigator(Box::new(investigator)),
    );
    Answer::items(call, status, vec![item])
}
