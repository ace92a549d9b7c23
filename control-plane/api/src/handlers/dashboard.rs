//! `GET dashboard`: counts of agents and the newest actions.

use ::http::StatusCode;
use mig_store::{AgentStatistics, VersionCount};
use serde_json::{Value, json};

use crate::collection::{Data, DataValue, Item};
use crate::error::ApiResult;
use crate::http::{Answer, Call};
use crate::state::State;

/// How many actions are shown.
const ACTIONS: u32 = 10;

pub(super) async fn show(state: &State, call: &Call) -> ApiResult<Answer> {
    let statistics = state.store.agent_statistics(state.now()).await?;
    let actions = state.store.latest_actions(ACTIONS).await?;
    let mut items = vec![Item {
        href: format!("{}/dashboard", state.items.base),
        data: data(&statistics),
        links: Vec::new(),
    }];
    items.extend(actions.into_iter().map(|action| state.items.action(action)));
    Answer::items(call, StatusCode::OK, items)
}

fn data(statistics: &AgentStatistics) -> Vec<Data> {
    let values = [
        ("online agents", json!(statistics.online_agents)),
        (
            "online agents by version",
            versions(&statistics.online_agents_by_version),
        ),
        ("online endpoints", json!(statistics.online_endpoints)),
        ("idle agents", json!(statistics.idle_agents)),
        (
            "idle agents by version",
            versions(&statistics.idle_agents_by_version),
        ),
        ("idle endpoints", json!(statistics.idle_endpoints)),
        ("new endpoints", json!(statistics.new_endpoints)),
        (
            "endpoints running 2 or more agents",
            json!(statistics.multi_agents_endpoints),
        ),
        (
            "disappeared endpoints",
            json!(statistics.disappeared_endpoints),
        ),
        ("flapping endpoints", json!(statistics.flapping_endpoints)),
    ];
    let data = values.into_iter().map(|(name, value)| Data {
        name: name.to_owned(),
        value: DataValue::Other(value),
    });
    data.collect()
}

/// `null` when there are none, as the original has it.
fn versions(counts: &[VersionCount]) -> Value {
    if counts.is_empty() {
        return Value::Null;
    }
    let list = counts
        .iter()
        .map(|count| json!({"version": count.version, "count": count.count}));
    Value::Array(list.collect())
}
