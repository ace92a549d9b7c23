//! Searches for agents.

use std::sync::Arc;

use mig_protocol::Id;

use super::super::fixtures::{at, ids};
use super::{World, any, pattern, world};
use crate::{Search, Store};

/// Newest heartbeat first.
pub async fn agents_are_found_by_every_filter(store: Arc<dyn Store>) {
    let World { ada, bob, web, db } = world(&*store).await;
    let both = [db.0, web.0];
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
                agent_id: Some(web),
                ..any()
            },
            &both[1..],
        ),
        (
            "name",
            Search {
                agent_name: pattern("%EXAMPLE.org"),
                ..any()
            },
            &both,
        ),
        (
            "version",
            Search {
                agent_version: pattern("2019%"),
                ..any()
            },
            &both[..1],
        ),
        (
            "status",
            Search {
                status: pattern("ON%"),
                ..any()
            },
            &both,
        ),
        (
            "other status",
            Search {
                status: pattern("idle"),
                ..any()
            },
            &[],
        ),
        (
            "action",
            Search {
                action_id: Some(Id(2)),
                ..any()
            },
            &both[..1],
        ),
        (
            "action's name",
            Search {
                action_name: pattern("passwd%"),
                ..any()
            },
            &both,
        ),
        (
            "family",
            Search {
                threat_family: pattern("malware"),
                ..any()
            },
            &both[..1],
        ),
        (
            "command",
            Search {
                command_id: Some(Id(10)),
                ..any()
            },
            &both[1..],
        ),
        (
            "signer",
            Search {
                investigator_id: Some(bob),
                ..any()
            },
            &both[..1],
        ),
        (
            "signer's name",
            Search {
                investigator_name: pattern("ada%"),
                ..any()
            },
            &both,
        ),
        (
            "other signer",
            Search {
                investigator_id: Some(ada),
                agent_id: Some(web),
                ..any()
            },
            &both[1..],
        ),
        (
            "after",
            Search {
                after: Some(at(15)),
                ..any()
            },
            &both[..1],
        ),
        (
            "before",
            Search {
                before: Some(at(15)),
                ..any()
            },
            &both[1..],
        ),
    ];
    for (what, search, expected) in cases {
        let found = store.search_agents(&search).await.unwrap();
        assert_eq!(ids(&found, |agent| agent.id), expected, "{what}");
    }
}
