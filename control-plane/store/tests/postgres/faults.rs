//! Connections and servers that end in the middle of something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mig_protocol::{ActionStatus, Id};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, heard, investigator, started, stored,
};
use mig_store::{AnswerOutcome, Signature, Store, StoreError};
use mig_test_servers::Postgres;
use tokio::sync::{Semaphore, watch};

use super::site::Site;

/// Ends every connection of the stores.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'mig' AND datname = current_database()";

#[tokio::test]
async fn cut_connections_lose_and_repeat_nothing() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let ada = investigator(&*store, "Ada", "aa11").await;
    let queues: Vec<_> = (0..60).map(|number| format!("linux.{number}")).collect();
    let mut commands = Vec::new();
    for (queue, id) in queues.iter().zip(1000..) {
        commands.push((
            id,
            heard(&*store, &agent("a", queue, 1), at(0)).await,
            queue.as_str(),
        ));
    }
    stored(&*store, &action(1, "go"), &[]).await;
    started(&*store, 1, &commands).await;

    let (steps, mut progress) = watch::channel(0);
    let (cuts, mut cut_once) = watch::channel(0);
    let work = {
        let store = Arc::clone(&store);
        let queues = queues.clone();
        tokio::spawn(async move {
            let step = || steps.send_modify(|step| *step += 1);
            for (number, queue) in (0..).zip(&queues) {
                // Half of it comes after a cut in any case.
                if number == 30 {
                    cut_once.wait_for(|cut| *cut > 0).await.expect("cuts");
                }
                let outcome = store
                    .finish_commands(&[answer(1000 + number, queue, at(5))])
                    .await;
                // Told twice, if the first time was stored without being heard of.
                let outcome = outcome.expect("answers are tried again")[0];
                let good = matches!(
                    outcome,
                    AnswerOutcome::Stored { .. } | AnswerOutcome::AlreadyAnswered { .. }
                );
                assert!(good, "{outcome:?}");
                step();
                let beats = store
                    .record_heartbeats(&[agent("a", queue, 1)], at(6))
                    .await;
                beats.expect("heartbeats are tried again");
                step();
                let signature = Signature {
                    investigator: ada,
                    signature: "s".into(),
                };
                let id = 2000 + number;
                let outcome = store.create_action(&action(id, "cut"), &[signature]).await;
                outcome.expect("actions are tried again and stored once");
                step();
            }
        })
    };
    let site = Arc::new(site);
    while !work.is_finished() {
        let site = Arc::clone(&site);
        let ended = tokio::task::spawn_blocking(move || site.database.sql(CUT));
        let ended = ended.await.unwrap();
        let ended = ended.lines().filter(|ended| *ended == "t").count();
        cuts.send_modify(|cuts| *cuts += ended);
        assert!(*cuts.borrow() > 0, "nothing was cut");
        // Where cuts follow each other more closely than a connection takes, nobody
        // could get anywhere: what was on then has its end, and what came after it. An
        // error is the end of the work.
        progress.borrow_and_update();
        for _ in 0..2 {
            let _ = progress.changed().await;
        }
    }
    work.await.unwrap();
    for id in (2000..2060).map(Id) {
        let found = store.action(id).await.expect("stored");
        assert_eq!(found.action.investigators.len(), 1, "{id}");
    }
    let progress = store.action_progress(Id(1)).await.unwrap();
    assert_eq!(
        (progress.status, progress.counters.success),
        (ActionStatus::Completed, 60)
    );
    let rows = site.database.sql("SELECT count(*) FROM agents");
    assert_eq!(rows.trim(), "60");
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_loses_nothing_that_was_confirmed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let server = Arc::new(server);
    let site = Site::empty(&server);
    mig_store::postgres::administer::migrate(&site.access())
        .await
        .unwrap();
    let store = site.store().await;
    let (confirmed, stop) = (
        Arc::new(Semaphore::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let load: Vec<_> = (0..4)
        .map(|worker| {
            let (store, confirmed, stop) = (Arc::clone(&store), confirmed.clone(), stop.clone());
            tokio::spawn(async move {
                let mut kept = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    let name = format!("linux.{worker}-{number}");
                    let id = Id(worker * 1_000_000 + number);
                    let heard = store
                        .record_heartbeats(&[agent("a", &name, 1)], at(0))
                        .await;
                    let created = store.create_action(&action(id.0, "load"), &[]).await;
                    // A server that stays away longer than the store's patience
                    // is reported, never ignored.
                    if heard.is_ok() && created.is_ok() {
                        kept.push((name, id));
                        confirmed.add_permits(1);
                    }
                }
                kept
            })
        })
        .collect();
    let some_more = async || {
        let some = confirmed.acquire_many(20);
        let some = tokio::time::timeout(Duration::from_secs(60), some).await;
        some.expect("work goes on").unwrap().forget();
    };
    for _ in 1..=3 {
        some_more().await;
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            server.kill();
            server.restart();
        })
        .await
        .unwrap();
        // What was confirmed before the end says nothing about what came after it.
        confirmed.forget_permits(usize::MAX);
    }
    some_more().await;
    stop.store(true, Ordering::SeqCst);
    let mut kept = Vec::new();
    for task in load {
        kept.extend(task.await.unwrap());
    }
    let stored = site
        .database
        .sql("SELECT queueloc FROM agents UNION ALL SELECT id::text FROM actions");
    let stored: std::collections::HashSet<_> = stored.lines().collect();
    for (name, id) in kept {
        assert!(stored.contains(name.as_str()), "{name} is lost");
        assert!(stored.contains(id.to_string().as_str()), "{id} is lost");
    }
    let twice = site
        .database
        .sql("SELECT queueloc FROM agents GROUP BY 1 HAVING count(*) > 1");
    assert_eq!(twice, "");
}

/// Nor is a standby used by somebody who wants to write.
#[tokio::test]
async fn a_server_that_is_away_or_takes_no_changes_is_named() {
    let (Some(site), Some(standby)) = (Site::new().await, Site::new().await) else {
        return;
    };
    let name = standby.database.name();
    standby.database.sql(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    let mut access = site.access();
    access.port = mig_testkit::free_port();
    let (away, standby) = tokio::join!(
        mig_store::PostgresStore::connect(access.clone()),
        mig_store::PostgresStore::connect(standby.access()),
    );
    let line = away.unwrap_err().to_string();
    let expected = format!(
        "PostgreSQL database {} at 127.0.0.1:{} cannot be reached: ",
        access.dbname, access.port
    );
    assert!(
        line.starts_with(&expected) && line.contains("refused"),
        "{line}"
    );
    assert!(
        !line.contains('\n') && !line.contains(&access.password),
        "{line}"
    );
    let error = standby.unwrap_err();
    let line = error.to_string();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{line}");
    assert!(line.contains("writ"), "{line}");
}

/// Of several servers the first one is used that answers.
#[tokio::test]
async fn a_server_that_took_over_is_found() {
    let Some(site) = Site::new().await else {
        return;
    };
    let mut access = site.access();
    access.host = "127.0.0.2, 127.0.0.1".into();
    let nobody = std::net::TcpStream::connect(("127.0.0.2", access.port)).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::ConnectionRefused);
    let store = mig_store::PostgresStore::connect(access).await.unwrap();
    stored(&store, &action(1, "go"), &[]).await;
}
