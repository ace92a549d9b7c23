//! Several processes on one database: who does what, and who hears of it.

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{ActionStatus, Id};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, claimed, heard, start, started, stored,
};
use mig_store::{
    AnswerOutcome, Changes, HeartbeatOutcome, PostgresAccess, PostgresStore, Search, Store, Wake,
};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use super::site::Site;

const PATIENCE: Duration = Duration::from_secs(60);

/// A process that follows the database and hears already.
async fn following(store: &PostgresStore) -> (Wake, Changes, Receiver<Id>, impl Drop) {
    let (wake, changes) = (Wake::new(), Changes::new());
    let mut listener = changes.subscribe();
    let following = store.follow(wake.clone(), changes.clone());
    hears(&mut listener, Changes::ANY).await;
    woken(&wake).await;
    (wake, changes, listener, following)
}

async fn hears(listener: &mut Receiver<Id>, expected: Id) {
    let hear = async { while listener.recv().await.expect("news") != expected {} };
    timeout(PATIENCE, hear).await.expect("news in time");
}

async fn woken(wake: &Wake) {
    timeout(PATIENCE, wake.woken())
        .await
        .expect("woken in time");
}

#[tokio::test]
async fn everybody_hears_what_one_does() {
    let Some(site) = Site::new().await else {
        return;
    };
    let (here, there) = (site.store().await, site.store().await);
    let (wake, _changes, mut listener, following) = following(&there).await;
    let a = heard(&*here, &agent("a", "linux.a", 1), at(0)).await;
    stored(&*here, &action(1, "go"), &[]).await;
    woken(&wake).await;
    started(&*here, 1, &[(10, a, "linux.a")]).await;
    hears(&mut listener, Id(1)).await;
    woken(&wake).await;

    // The queue did not exist when the command was published; now it does.
    wake.missed("linux.a");
    wake.missed("linux.b");
    heard(&*here, &agent("b", "linux.b", 1), at(1)).await;
    heard(&*here, &agent("a", "linux.a", 1), at(1)).await;
    woken(&wake).await;
    assert!(!wake.is_missed("linux.a"));
    assert!(wake.is_missed("linux.b"), "no command waits for it");

    here.finish_commands(&[answer(10, "linux.a", at(5))])
        .await
        .unwrap();
    hears(&mut listener, Id(1)).await;
    stored(&*here, &action(2, "late"), &[]).await;
    here.expire_due(at(600)).await.unwrap();
    hears(&mut listener, Id(2)).await;
    drop(following);
}

#[tokio::test]
async fn after_a_lost_connection_everything_is_looked_at_again() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let (wake, _changes, mut listener, _following) = following(&store).await;
    wake.missed("linux.a");
    let cut = site.database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'mig follows' AND datname = current_database()",
    );
    assert!(cut.lines().any(|cut| cut == "t"), "nothing was cut: {cut}");
    hears(&mut listener, Changes::ANY).await;
    woken(&wake).await;
    assert!(!wake.is_missed("linux.a"));
    stored(&*store, &action(1, "go"), &[]).await;
    woken(&wake).await;
}

/// Each store has connections of its own, as another process would.
#[tokio::test]
async fn the_last_answers_may_come_to_different_schedulers() {
    let Some(site) = Site::new().await else {
        return;
    };
    let stores = [site.store().await, site.store().await, site.store().await];
    let agents: Vec<_> = (0..30)
        .map(|number| agent("a", &format!("linux.{number}"), 1))
        .collect();
    let rows = stores[0].record_heartbeats(&agents, at(0)).await.unwrap();
    for round in 1..=5_u64 {
        stored(&*stores[0], &action(round, "go"), &[]).await;
        assert_eq!(claimed(&*stores[1], at(1)).await, [Id(round)]);
        let commands: Vec<_> = (0..30)
            .map(|number| {
                let row = match rows[number] {
                    HeartbeatOutcome::New(id) => id,
                    other => panic!("{other:?}"),
                };
                (
                    round * 100 + number as u64,
                    row,
                    agents[number].queueloc.as_str(),
                )
            })
            .collect();
        stores[2]
            .start_action(&start(round, &commands))
            .await
            .unwrap();
        let tasks: Vec<_> = commands
            .iter()
            .flat_map(|(id, _, queueloc)| {
                let answer = answer(*id, queueloc, at(5));
                // Each answer comes to two of them.
                [*id as usize % 3, (*id as usize + 1) % 3].map(|place| {
                    let (store, answer) = (Arc::clone(&stores[place]), answer.clone());
                    tokio::spawn(async move { store.finish_commands(&[answer]).await.unwrap()[0] })
                })
            })
            .collect();
        let (mut kept, mut completions) = (0, 0);
        for task in tasks {
            if let AnswerOutcome::Stored { completed, .. } = task.await.unwrap() {
                kept += 1;
                completions += usize::from(completed);
            }
        }
        assert_eq!((kept, completions), (30, 1), "round {round}");
        let progress = stores[0].action_progress(Id(round)).await.unwrap();
        assert_eq!(
            (progress.status, progress.counters.success),
            (ActionStatus::Completed, 30)
        );
    }
}

/// APIs behind one address hear of one new agent at the same time.
#[tokio::test]
async fn an_agent_heard_of_everywhere_at_once_is_one_row() {
    let Some(site) = Site::new().await else {
        return;
    };
    let stores = [site.store().await, site.store().await, site.store().await];
    let tasks: Vec<_> = (0..90)
        .map(|number| {
            let store = Arc::clone(&stores[number % 3]);
            let agents = [agent("a", "linux.a", 1), agent("b", "linux.b", 1)];
            tokio::spawn(async move { store.record_heartbeats(&agents, at(0)).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        let outcomes = task.await.unwrap();
        assert_eq!(outcomes.len(), 2);
        new += outcomes
            .iter()
            .filter(|one| matches!(one, HeartbeatOutcome::New(_)))
            .count();
    }
    assert_eq!(new, 2);
    assert_eq!(site.database.sql("SELECT count(*) FROM agents").trim(), "2");
}

/// Many heartbeats of one process cost one change of its row.
#[tokio::test]
async fn a_flood_of_heartbeats_collapses() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let flood = vec![agent("a", "linux.a", 1); 2000];
    let outcomes = store.record_heartbeats(&flood, at(0)).await.unwrap();
    let id = match outcomes[0] {
        HeartbeatOutcome::New(id) => id,
        other => panic!("{other:?}"),
    };
    assert!(
        outcomes[1..]
            .iter()
            .all(|one| *one == HeartbeatOutcome::Known(id))
    );
    // Every change of a row leaves the version before it behind.
    let changes = || site.database.sql("SELECT pg_relation_size('agents')");
    let before = changes();
    store.record_heartbeats(&flood, at(1)).await.unwrap();
    assert_eq!(changes(), before, "one page holds a few versions, not 2000");
    assert_eq!(store.agent(id).await.unwrap().heartbeatts, at(1));
}

/// A thousand agents are a few statements, and rows of several megabytes fit.
#[tokio::test]
async fn a_fleet_is_started_and_answers_in_a_few_statements() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let queues: Vec<_> = (0..1000)
        .map(|number| format!("linux.{number:04}"))
        .collect();
    let agents: Vec<_> = queues.iter().map(|queue| agent("a", queue, 1)).collect();
    let rows = store.record_heartbeats(&agents, at(0)).await.unwrap();
    let commands: Vec<_> = rows
        .iter()
        .zip(&queues)
        .zip(1000_u64..)
        .map(|((row, queue), id)| match row {
            HeartbeatOutcome::New(row) => (id, *row, queue.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &commands).await;
    assert_eq!(store.outbox(Id(0), 5000).await.unwrap().len(), 1000);
    let mut answers: Vec<_> = commands
        .iter()
        .map(|(id, _, queue)| answer(*id, queue, at(5)))
        .collect();
    for large in &mut answers[..40] {
        large.results[0].elements = serde_json::json!("x".repeat(1 << 20));
    }
    let outcomes = store.finish_commands(&answers).await.unwrap();
    let last = AnswerOutcome::Stored {
        action: Id(1),
        replaced_expired: false,
        completed: true,
    };
    assert_eq!(outcomes.last(), Some(&last));
    let progress = store.action_progress(Id(1)).await.unwrap();
    assert_eq!(
        (progress.status, progress.counters.success),
        (ActionStatus::Completed, 1000)
    );
    let one = store.command(Id(1000)).await.unwrap();
    assert_eq!(one.results()[0].elements, answers[0].results[0].elements);
}

/// The columns of the original's table, which reports read.
#[tokio::test]
async fn a_row_of_statistics_has_the_originals_columns() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    for pid in [1, 2] {
        heard(&*store, &agent("a", "linux.a", pid), at(0)).await;
    }
    let round = mig_store::StatisticsRound {
        now: at(10),
        none_since: at(0),
        keep_since: at(0),
    };
    assert!(store.record_statistics(&round).await.unwrap().written);
    let row = site.database.sql(
        "SELECT extract(epoch FROM \"timestamp\")::bigint, online_agents, online_endpoints,
             multi_agents_endpoints, flapping_endpoints, new_endpoints,
             online_agents_by_version -> 0 ->> 'count', idle_agents_by_version
         FROM agents_stats",
    );
    assert_eq!(
        row.trim(),
        format!("{}|2|1|1|1|1|2|null", at(10).unix_seconds())
    );
}

/// The original has no limit unless one is set, and a database has one hundred places.
#[tokio::test]
async fn a_crowd_shares_the_connections_that_the_file_allows() {
    for (maxconn, expected) in [(Some(3), "3"), (None, "10")] {
        let Some(site) = Site::new().await else {
            return;
        };
        let access = PostgresAccess {
            maxconn,
            ..site.access()
        };
        let store = Arc::new(PostgresStore::connect(access).await.expect("connected"));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let store = Arc::clone(&store);
            crowd.spawn(async move { store.search_agents(&Search::default()).await });
        }
        for outcome in crowd.join_all().await {
            outcome.expect("an answer");
        }
        let open = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid() \
                    AND backend_type = 'client backend'";
        // That of the migration may take a moment to end.
        let counted = async {
            while site.database.sql(open).trim() != expected {
                tokio::task::yield_now().await;
            }
        };
        let counted = timeout(PATIENCE, counted).await;
        counted.unwrap_or_else(|_| panic!("{maxconn:?}: {}", site.database.sql(open)));
    }
}
