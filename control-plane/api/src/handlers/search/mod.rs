//! `GET search`.

mod parameters;

use ::http::StatusCode;
use mig_target::Target;
use serde_json::{Value, json};

use self::parameters::{Kind, Parameters};
use crate::collection::{DataValue, Item};
use crate::error::{ApiError, ApiResult};
use crate::http::{Answer, Call};
use crate::state::State;

pub(super) async fn search(state: &State, call: &Call) -> ApiResult<Answer> {
    let parameters = Parameters::read(&call.query, state.now())?;
    let shown = || {
        Item::new(
            call.href.clone(),
            "search parameters",
            DataValue::Other(parameters.shown()),
        )
    };
    let mut items = match hits(state, &parameters).await {
        Ok(items) if items.is_empty() => Err(ApiError::not_found("no results found")),
        other => other,
    }
    .map_err(|error| error.with_items(vec![shown()]))?;
    if parameters.search.offset > 0 {
        let pagination = DataValue::Other(pagination(state, call, &parameters));
        items.push(Item::new(call.href.clone(), "pagination", pagination));
    }
    items.push(shown());
    Answer::items(call, StatusCode::OK, items)
}

async fn hits(state: &State, parameters: &Parameters) -> ApiResult<Vec<Item>> {
    let (store, items, search) = (&state.store, &state.items, &parameters.search);
    Ok(match parameters.kind() {
        Kind::Action => {
            let found = store.search_actions(search).await?;
            found.into_iter().map(|hit| items.action(hit)).collect()
        }
        Kind::Command => {
            let found = store.search_commands(search).await?;
            found.into_iter().map(|hit| items.command(hit)).collect()
        }
        Kind::Agent => {
            let found = match parameters.target.as_str() {
                "" => store.search_agents(search).await?,
                text => {
                    let target = Target::parse(text)
                        .map_err(|error| ApiError::bad_request(error.to_string()))?;
                    store
                        .agents_by_target(&target, state.now(), search.limit)
                        .await?
                }
            };
            found.into_iter().map(|hit| items.agent(hit)).collect()
        }
        Kind::Investigator => {
            let found = store.search_investigators(search).await?;
            found
                .into_iter()
                .map(|hit| items.investigator(hit))
                .collect()
        }
        Kind::Unavailable => {
            return Err(ApiError::bad_request(format!(
                "this server keeps no {}s; search for action, command, agent or investigator",
                parameters.type_name
            )));
        }
        Kind::Unknown => return Err(ApiError::bad_request("search type is invalid")),
    })
}

/// Where the next page is: the same search, further on.
fn pagination(state: &State, call: &Call, parameters: &Parameters) -> Value {
    let (limit, offset) = (parameters.search.limit, parameters.search.offset);
    let mut next = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.query.pairs() {
        if !matches!(name, "limit" | "offset") {
            next.append_pair(name, value);
        }
    }
    next.append_pair("limit", &limit.to_string());
    next.append_pair("offset", &offset.saturating_add(limit).to_string());
    json!({
        "limit": limit,
        "offset": offset,
        "next": format!("{}/search?{}", state.items.base, next.finish()),
    })
}
