//! Searches for actions.

use std::sync::Arc;

use mig_protocol::Id;

use super::super::fixtures::{at, ids};
use super::{World, any, pattern, world};
use crate::{Search, Store};

/// Newest `validfrom` first, with counters and signers.
pub async fn actions_are_found_by_every_filter(store: Arc<dyn Store>) {
    let World { ada, bob, web, db } = world(&*store).await;
    let cases: Vec<(&str, Search, &[u64])> = vec![
        ("all", any(), &[3, 2, 1]),
        ("limit", Search { limit: 1, ..any() }, &[3]),
        (
            "offset",
            Search {
                limit: 1,
                offset: 1,
                ..any()
            },
            &[2],
        ),
        (
            "id",
            Search {
                action_id: Some(Id(2)),
                ..any()
            },
            &[2],
        ),
        (
            "no such id",
            Search {
                action_id: Some(Id(u64::MAX)),
                ..any()
            },
            &[],
        ),
        (
            "name",
            Search {
                action_name: pattern("%FILE%"),
                ..any()
            },
            &[1],
        ),
        (
            "whole name",
            Search {
                action_name: pattern("file"),
                ..any()
            },
            &[],
        ),
        (
            "one character",
            Search {
                action_name: pattern("open_ports"),
                ..any()
            },
            &[2],
        ),
        (
            "escape",
            Search {
                action_name: pattern("100\\%%"),
                ..any()
            },
            &[3],
        ),
        (
            "any name",
            Search {
                action_name: pattern("%"),
                ..any()
            },
            &[3, 2, 1],
        ),
        (
            "family",
            Search {
                threat_family: pattern("MAL%"),
                ..any()
            },
            &[2],
        ),
        (
            "status",
            Search {
                status: pattern("inflight"),
                ..any()
            },
            &[2],
        ),
        (
            "completed",
            Search {
                status: pattern("comp%"),
                ..any()
            },
            &[1],
        ),
        (
            "signer",
            Search {
                investigator_id: Some(bob),
                ..any()
            },
            &[2],
        ),
        (
            "signer's name",
            Search {
                investigator_name: pattern("ada%"),
                ..any()
            },
            &[2, 1],
        ),
        (
            "both of one signer",
            Search {
                investigator_id: Some(ada),
                investigator_name: pattern("bob"),
                ..any()
            },
            &[],
        ),
        (
            "agent",
            Search {
                agent_id: Some(web),
                ..any()
            },
            &[1],
        ),
        (
            "agent's name",
            Search {
                agent_name: pattern("db1%"),
                ..any()
            },
            &[2, 1],
        ),
        (
            "agent's version",
            Search {
                agent_version: pattern("%old"),
                ..any()
            },
            &[2, 1],
        ),
        (
            "command",
            Search {
                command_id: Some(Id(11)),
                ..any()
            },
            &[1],
        ),
        (
            "one command of that agent",
            Search {
                command_id: Some(Id(11)),
                agent_id: Some(web),
                ..any()
            },
            &[],
        ),
        (
            "after",
            Search {
                after: Some(at(1)),
                ..any()
            },
            &[3, 2],
        ),
        (
            "before",
            Search {
                before: Some(at(600)),
                ..any()
            },
            &[3, 1],
        ),
        (
            "other agent",
            Search {
                agent_id: Some(db),
                action_id: Some(Id(3)),
                ..any()
            },
            &[],
        ),
    ];
    for (what, search, expected) in cases {
        let found = store.search_actions(&search).await.unwrap();
        assert_eq!(ids(&found, |action| action.id), expected, "{what}");
    }
    let found = store.search_actions(&any()).await.unwrap();
    assert_eq!(
        ids(&found[1].investigators, |signer| signer.id),
        [ada.0, bob.0]
    );
    assert_eq!(
        (found[2].counters.success, found[2].counters.failed),
        (1, 1)
    );
}
