//! Searches for commands.

use std::sync::Arc;

use mig_protocol::Id;

use super::super::fixtures::{at, ids};
use super::{World, any, pattern, world};
use crate::{Search, Store};

/// With complete actions, and of the agent what a list shows.
pub async fn commands_are_found_by_every_filter(store: Arc<dyn Store>) {
    let World { ada, bob, web, db } = world(&*store).await;
    let cases: Vec<(&str, Search, &[u64])> = vec![
        ("all", any(), &[20, 11, 10]),
        (
            "page",
            Search {
                limit: 1,
                offset: 1,
                ..any()
            },
            &[11],
        ),
        (
            "id",
            Search {
                command_id: Some(Id(20)),
                ..any()
            },
            &[20],
        ),
        (
            "action",
            Search {
                action_id: Some(Id(1)),
                ..any()
            },
            &[11, 10],
        ),
        (
            "action's name",
            Search {
                action_name: pattern("open%"),
                ..any()
            },
            &[20],
        ),
        (
            "agent",
            Search {
                agent_id: Some(db),
                ..any()
            },
            &[20, 11],
        ),
        (
            "agent's name",
            Search {
                agent_name: pattern("WEB%"),
                ..any()
            },
            &[10],
        ),
        (
            "agent's version",
            Search {
                agent_version: pattern("2024%"),
                ..any()
            },
            &[10],
        ),
        (
            "signer",
            Search {
                investigator_id: Some(bob),
                ..any()
            },
            &[20],
        ),
        (
            "signer's name",
            Search {
                investigator_name: pattern("ada%"),
                ..any()
            },
            &[20, 11, 10],
        ),
        (
            "family",
            Search {
                threat_family: pattern("audit"),
                ..any()
            },
            &[11, 10],
        ),
        (
            "status",
            Search {
                status: pattern("failed"),
                ..any()
            },
            &[11],
        ),
        (
            "found",
            Search {
                found_anything: Some(true),
                ..any()
            },
            &[10],
        ),
        (
            "not found",
            Search {
                found_anything: Some(false),
                ..any()
            },
            &[10],
        ),
        (
            "after",
            Search {
                after: Some(at(2)),
                ..any()
            },
            &[20, 11, 10],
        ),
        (
            "too late",
            Search {
                after: Some(at(3)),
                ..any()
            },
            &[],
        ),
        (
            "before",
            Search {
                before: Some(at(1)),
                ..any()
            },
            &[],
        ),
        (
            "all at once",
            Search {
                action_id: Some(Id(1)),
                agent_id: Some(web),
                investigator_id: Some(ada),
                status: pattern("success"),
                found_anything: Some(true),
                agent_name: pattern("web%"),
                ..any()
            },
            &[10],
        ),
    ];
    for (what, search, expected) in cases {
        let found = store.search_commands(&search).await.unwrap();
        assert_eq!(ids(&found, |command| command.id), expected, "{what}");
    }
    let found = store.search_commands(&any()).await.unwrap();
    let command = &found[2];
    assert_eq!(command.action, store.action(Id(1)).await.unwrap().action);
    assert_eq!(command.results().len(), 2);
    let listed = &command.agent;
    assert_eq!((listed.id, listed.name.as_str()), (web, "web1.example.org"));
    assert_eq!(
        (
            listed.environment.os.as_str(),
            listed.tags["operator"].as_str()
        ),
        ("linux", "it")
    );
    assert!(
        listed.queueloc.is_empty(),
        "a list shows no secret of the agent"
    );
}
