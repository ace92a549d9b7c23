//! Searches: every filter on every type it works for.

use std::sync::Arc;

use mig_protocol::{CommandStatus, Id, ModuleResult};

use super::fixtures::{
    action, agent, answer, at, heard, ids, investigator, result, started, stored,
};
use crate::{Search, Store};

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
