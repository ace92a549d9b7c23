//! Agents and the targets that select them.

use std::sync::Arc;

use mig_protocol::{AgentStatus, Id, Time};
use mig_target::Target;

use super::fixtures::{action, agent, answer, at, heard, ids, result, started, stored};
use crate::{AgeLimits, AgedAgents, AgentStatistics, HeartbeatOutcome, Store, VersionCount};

/// A row is an agent process: queueloc and pid.
pub async fn a_heartbeat_adds_or_updates_a_row(store: Arc<dyn Store>) {
    let mut given = agent("a", "linux.a", 1);
    given.environment.ident = "a \"quoted\" é".into();
    let outcomes = store
        .record_heartbeats(&[given.clone(), agent("b", "linux.b", 1)], at(0))
        .await;
    let [HeartbeatOutcome::New(a), HeartbeatOutcome::New(b)] = outcomes.unwrap()[..] else {
        panic!("two new rows");
    };
    assert_ne!(a, b);
    let mut expected = given.clone();
    expected.id = a;
    expected.status = AgentStatus::Online;
    expected.starttime = at(0);
    expected.heartbeatts = at(0);
    expected.destructiontime = Time::FAR_FUTURE.truncated_to_micros();
    assert_eq!(store.agent(a).await.unwrap(), expected);

    given.version = "2".into();
    given.tags.insert("site".into(), "x".into());
    given.environment.os = "darwin".into();
    given.refreshts = at(20);
    let known = store
        .record_heartbeats(std::slice::from_ref(&given), at(30))
        .await
        .unwrap();
    assert_eq!(known, [HeartbeatOutcome::Known(a)]);
    expected.version = "2".into();
    expected.tags = given.tags.clone();
    expected.environment = given.environment.clone();
    expected.refreshts = at(20);
    expected.heartbeatts = at(30);
    assert_eq!(store.agent(a).await.unwrap(), expected);

    given.pid = 2;
    let restarted = heard(&*store, &given, at(40)).await;
    assert_ne!(restarted, a);
    assert_eq!(store.agent(a).await.unwrap(), expected);
    assert_eq!(store.record_heartbeats(&[], at(50)).await.unwrap(), []);
}

/// Idle for a while first; a heartbeat brings an idle agent back.
pub async fn silent_agents_become_idle_then_offline(store: Arc<dyn Store>) {
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(100)).await;
    let limits = |idle, offline| AgeLimits {
        idle_before: at(idle),
        offline_before: at(offline),
    };
    assert_eq!(
        store.age_agents(limits(0, 0)).await.unwrap(),
        AgedAgents::default()
    );
    let aged = store.age_agents(limits(50, 50)).await.unwrap();
    assert_eq!(
        aged,
        AgedAgents {
            idle: 1,
            ..AgedAgents::default()
        }
    );
    let status = |id| {
        let store = store.clone();
        async move { store.agent(id).await.unwrap().status }
    };
    assert_eq!(
        (status(a).await, status(b).await),
        (AgentStatus::Idle, AgentStatus::Online)
    );
    assert_eq!(heard(&*store, &agent("a", "linux.a", 1), at(60)).await, a);
    assert_eq!(status(a).await, AgentStatus::Online);
    store.age_agents(limits(70, 0)).await.unwrap();
    let aged = store.age_agents(limits(70, 70)).await.unwrap();
    assert_eq!(
        aged,
        AgedAgents {
            offline: 1,
            ..AgedAgents::default()
        }
    );
    // An offline row is history; the process gets a new one.
    assert_ne!(heard(&*store, &agent("a", "linux.a", 1), at(80)).await, a);
    assert_eq!(status(a).await, AgentStatus::Offline);
}

async fn selected(store: &dyn Store, target: &str) -> Vec<u64> {
    let target = Target::parse(target).unwrap_or_else(|error| panic!("{target}: {error}"));
    let agents = store.agents_by_target(&target, at(1000), 100).await;
    ids(
        &agents.unwrap_or_else(|error| panic!("{target}: {error}")),
        |agent| agent.id,
    )
}

/// Ordered by queueloc; offline rows never count.
pub async fn a_target_selects_one_row_per_endpoint(store: Arc<dyn Store>) {
    let gone = heard(&*store, &agent("gone", "linux.0", 1), at(0)).await;
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(5),
            offline_before: at(5),
        };
        store.age_agents(limits).await.unwrap();
    }
    let old = heard(&*store, &agent("web1", "linux.b", 1), at(10)).await;
    let new = heard(&*store, &agent("Web1", "linux.b", 2), at(20)).await;
    let mut mac = agent("mac1", "darwin.a", 7);
    mac.environment.os = "darwin".into();
    mac.environment.isproxied = true;
    mac.environment.persistent = [("fswatch".to_owned(), "failing: gone".to_owned())].into();
    mac.tags.clear();
    let mac = heard(&*store, &mac, at(30)).await;
    let (mac, old, new) = (mac.0, old.0, new.0);
    assert_ne!(gone.0, mac);
    let cases: [(&str, &[u64]); 18] = [
        ("true", &[mac, new]),
        ("status='online'", &[mac, new]),
        ("status='offline'", &[]),
        ("name LIKE 'web%'", &[old]),
        ("name ILIKE 'WEB%'", &[new]),
        ("name ~ '^[wW]eb[0-9]$'", &[new]),
        ("environment->>'os'='linux'", &[new]),
        ("environment->>'os'='darwin' OR pid=1", &[mac, old]),
        ("environment->>'isproxied'='true'", &[mac]),
        ("environment->>'persistent' LIKE '%failing%'", &[mac]),
        ("(environment->>'isproxied')::boolean = false", &[new]),
        ("tags->>'operator'='it'", &[new]),
        ("tags->>'operator' IS NULL", &[mac]),
        (
            "environment#>>'{addresses,0}' LIKE '10.%' AND queueloc LIKE 'darwin.%'",
            &[mac],
        ),
        ("heartbeattime < NOW() - INTERVAL '16 minutes'", &[mac, new]),
        (
            "heartbeattime < NOW() - INTERVAL '16 minutes 15 seconds'",
            &[new],
        ),
        ("heartbeattime > '2024-03-01T10:00:25Z'", &[mac]),
        ("name = '''; DROP TABLE agents; --'", &[]),
    ];
    for (target, expected) in cases {
        assert_eq!(selected(&*store, target).await, expected, "{target}");
    }
    let all = Target::parse("true").unwrap();
    let one = store.agents_by_target(&all, at(0), 1).await.unwrap();
    assert_eq!(ids(&one, |agent| agent.id), [mac]);
}

/// What clients send for `-target-found` and `-target-notfound`.
pub async fn a_target_reaches_agents_by_what_they_found(store: Arc<dyn Store>) {
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(0)).await;
    heard(&*store, &agent("c", "linux.c", 1), at(0)).await;
    stored(&*store, &action(12, "file search"), &[]).await;
    started(&*store, 12, &[(20, a, "linux.a"), (21, b, "linux.b")]).await;
    let mut nothing = answer(21, "linux.b", at(5));
    nothing.results = vec![result(false)];
    store
        .finish_commands(&[answer(20, "linux.a", at(5)), nothing])
        .await
        .unwrap();
    // The agent that found something restarts.
    let a2 = heard(&*store, &agent("a", "linux.a", 2), at(10)).await;

    let clause = |flag| {
        format!(
            "id IN (select agentid from commands, json_array_elements(commands.results) as r \
             where actionid=12 and r#>>'{{foundanything}}' = '{flag}')"
        )
    };
    let with_status = format!("status='online' AND {}", clause(true));
    let cases: [(&str, &[u64]); 6] = [
        (&clause(true), &[a2.0]),
        (&clause(false), &[b.0]),
        (&with_status, &[a2.0]),
        (
            "id IN (SELECT agentid FROM commands WHERE commands.actionid = 12)",
            &[a2.0, b.0],
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE actionid=12 AND status='failed')",
            &[],
        ),
        (
            "id IN (SELECT agentid FROM commands, actions WHERE commands.actionid = actions.id \
             AND actions.name LIKE 'file%' AND commands.starttime < NOW())",
            &[a2.0, b.0],
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(selected(&*store, target).await, expected, "{target}");
    }
}

/// An endpoint with one online and one idle row is online and flaps.
pub async fn statistics_count_agents_and_endpoints(store: Arc<dyn Store>) {
    let day = 86_400;
    let now = at(30 * day);
    assert_eq!(
        store.agent_statistics(now).await.unwrap(),
        AgentStatistics::default()
    );
    let hear = |name: &'static str, queueloc: &'static str, pid, version: &str, days: i64| {
        let (store, mut agent) = (store.clone(), agent(name, queueloc, pid));
        agent.version = version.into();
        async move { heard(&*store, &agent, at((30 - days) * day + 60)).await }
    };
    let age = |idle_days: i64, offline_days: i64| {
        let store = store.clone();
        let limits = AgeLimits {
            idle_before: at((30 - idle_days) * day),
            offline_before: at((30 - offline_days) * day),
        };
        async move { store.age_agents(limits).await.unwrap() }
    };
    hear("ancient", "linux.ancient", 1, "1", 20).await;
    hear("vanished", "linux.vanished", 1, "1", 5).await;
    age(4, 4).await;
    age(4, 4).await;
    hear("sleeping", "linux.sleeping", 1, "1", 3).await;
    hear("flapping", "linux.flapping", 1, "1", 3).await;
    age(2, 4).await;
    hear("flapping", "linux.flapping", 2, "2", 1).await;
    hear("double", "linux.double", 1, "2", 1).await;
    hear("double", "linux.double", 2, "3", 1).await;
    let version = |version: &str, count| VersionCount {
        version: version.into(),
        count,
    };
    let expected = AgentStatistics {
        online_agents: 3,
        online_agents_by_version: vec![version("2", 2), version("3", 1)],
        online_endpoints: 2,
        idle_agents: 1,
        idle_agents_by_version: vec![version("1", 1)],
        idle_endpoints: 1,
        // The other one was heard of three days ago.
        new_endpoints: 1,
        multi_agents_endpoints: 1,
        disappeared_endpoints: 1,
        flapping_endpoints: 2,
    };
    assert_eq!(store.agent_statistics(now).await.unwrap(), expected);
    assert!(store.agent(Id(0)).await.unwrap_err().is_not_found());
}

/// Agents say of their version what they like.
pub async fn rare_versions_are_counted_together(store: Arc<dyn Store>) {
    let mut all = Vec::new();
    for pid in 1..=150_u64 {
        let mut one = agent("a", "linux.a", i64::try_from(pid).unwrap());
        // Texts of which only the start differs, and some that are frequent.
        one.version = format!("{:03}{}", pid.min(140), "x".repeat(1000));
        all.push(one);
    }
    store.record_heartbeats(&all, at(0)).await.unwrap();
    let counted = store.agent_statistics(at(1)).await.unwrap();
    assert_eq!(counted.online_agents, 150);
    let versions = &counted.online_agents_by_version;
    assert_eq!(versions.len(), 101);
    assert_eq!(
        (&versions[0].version[..3], versions[0].count),
        ("140", 11),
        "the most frequent one comes first"
    );
    assert!(versions[..100].iter().all(|one| one.version.len() == 128));
    assert_eq!(
        (versions[100].version.as_str(), versions[100].count),
        ("other", 40)
    );
}
