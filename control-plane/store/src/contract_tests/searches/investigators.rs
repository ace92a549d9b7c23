//! Searches for investigators.

use std::sync::Arc;

use mig_protocol::Id;

use super::super::fixtures::{at, ids};
use super::{World, any, pattern, world};
use crate::{Search, Store};

/// By identifier, without keys.
pub async fn investigators_are_found_by_every_filter(store: Arc<dyn Store>) {
    let World { ada, bob, web, .. } = world(&*store).await;
    let both = [ada.0, bob.0];
    let cases: Vec<(&str, Search, &[u64])> = vec![
        ("all", any(), &both),
        (
            "page",
            Search {
                limit: 1,
                offset: 1,
                ..any()
            },
            &both[1..],
        ),
        (
            "id",
            Search {
                investigator_id: Some(bob),
                ..any()
            },
            &both[1..],
        ),
        (
            "name",
            Search {
                investigator_name: pattern("%love%"),
                ..any()
            },
            &both[..1],
        ),
        (
            "status",
            Search {
                status: pattern("active"),
                ..any()
            },
            &both,
        ),
        (
            "action",
            Search {
                action_id: Some(Id(2)),
                ..any()
            },
            &both,
        ),
        (
            "action's name",
            Search {
                action_name: pattern("passwd%"),
                ..any()
            },
            &both[..1],
        ),
        (
            "family",
            Search {
                threat_family: pattern("malware"),
                ..any()
            },
            &both,
        ),
        (
            "command",
            Search {
                command_id: Some(Id(20)),
                ..any()
            },
            &both,
        ),
        (
            "agent",
            Search {
                agent_id: Some(web),
                ..any()
            },
            &both[..1],
        ),
        (
            "agent's name",
            Search {
                agent_name: pattern("db1%"),
                ..any()
            },
            &both,
        ),
        (
            "after",
            Search {
                after: Some(at(1)),
                ..any()
            },
            &[],
        ),
        (
            "before",
            Search {
                before: Some(at(0)),
                ..any()
            },
            &both,
        ),
    ];
    for (what, search, expected) in cases {
        let found = store.search_investigators(&search).await.unwrap();
        assert_eq!(
            ids(&found, |investigator| investigator.id),
            expected,
            "{what}"
        );
        assert!(
            found
                .iter()
                .all(|investigator| investigator.publickey.is_empty())
        );
    }
}
