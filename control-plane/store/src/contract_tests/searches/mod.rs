//! Searches: every filter on every type it works for.

mod actions;
mod agents;
mod commands;
mod investigators;

use std::sync::Arc;

use mig_protocol::{CommandStatus, Id, ModuleResult};

use super::fixtures::{action, agent, answer, at, heard, investigator, result, started, stored};
use crate::{Search, Store};

pub use actions::actions_are_found_by_every_filter;
pub use agents::agents_are_found_by_every_filter;
pub use commands::commands_are_found_by_every_filter;
pub use investigators::investigators_are_found_by_every_filter;

/// What the searches look through.
struct World {
    ada: Id,
    bob: Id,
    web: Id,
    db: Id,
}

/// Ada asked both agents (action 1), Ada and Bob the second one (action 2), and
/// nobody signed action 3, which is pending.
async fn world(store: &dyn Store) -> World {
    let ada = investigator(store, "Ada Lovelace", "AA11").await;
    let bob = investigator(store, "Bob", "BB22").await;
    let web = heard(store, &agent("web1.example.org", "linux.w", 1), at(10)).await;
    let mut db = agent("db1.example.org", "linux.d", 1);
    db.version = "20190913-0.old".into();
    let db = heard(store, &db, at(20)).await;
    stored(store, &action(1, "passwd file"), &[ada]).await;
    started(store, 1, &[(10, web, "linux.w"), (11, db, "linux.d")]).await;
    let mut second = action(2, "open ports");
    second.threat.family = "malware".into();
    second.validfrom = at(1);
    second.expireafter = at(900);
    stored(store, &second, &[ada, bob]).await;
    started(store, 2, &[(20, db, "linux.d")]).await;
    let mut third = action(3, "100% \"sure\"");
    third.threat.family = String::new();
    third.validfrom = at(100);
    stored(store, &third, &[]).await;

    let mut mixed = answer(10, "linux.w", at(30));
    mixed.results = vec![result(true), result(false)];
    let mut failed = answer(11, "linux.d", at(31));
    failed.status = CommandStatus::Failed;
    failed.results = vec![ModuleResult::from_error("refused")];
    store
        .finish_commands(&[mixed, failed])
        .await
        .expect("stored");
    World { ada, bob, web, db }
}

fn any() -> Search {
    Search {
        limit: 100,
        ..Search::default()
    }
}

fn pattern(text: &str) -> Option<String> {
    Some(text.into())
}

/// Whatever stands in a pattern, it is only compared.
pub async fn patterns_are_data(store: Arc<dyn Store>) {
    world(&*store).await;
    for text in [
        "'; DROP TABLE actions; --",
        "(",
        "[a",
        "\\",
        "%\\",
        ".*",
        "\u{0}",
        "é%",
        "?1",
    ] {
        let search = Search {
            action_name: pattern(text),
            agent_name: pattern(text),
            investigator_name: pattern(text),
            threat_family: pattern(text),
            status: pattern(text),
            ..any()
        };
        assert_eq!(store.search_actions(&search).await.unwrap(), [], "{text:?}");
        assert_eq!(
            store.search_commands(&search).await.unwrap(),
            [],
            "{text:?}"
        );
        assert_eq!(store.search_agents(&search).await.unwrap(), [], "{text:?}");
        assert_eq!(
            store.search_investigators(&search).await.unwrap(),
            [],
            "{text:?}"
        );
    }
    let search = Search {
        action_name: pattern("100\\% \"sure\""),
        ..any()
    };
    assert_eq!(store.search_actions(&search).await.unwrap().len(), 1);
}
