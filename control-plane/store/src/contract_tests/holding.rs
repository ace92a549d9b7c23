//! Several schedulers that publish from one outbox.

use std::collections::HashSet;
use std::sync::Arc;

use mig_protocol::{Id, Time};

use super::fixtures::{action, agent, answer, at, heard, ids, started, stored};
use crate::{Holding, Store};

/// Silence after which a scheduler is gone, in seconds.
const PATIENCE: i64 = 60;

/// What a scheduler gets at `now`.
async fn taken(store: &dyn Store, holder: u64, now: i64, after: u64, limit: u32) -> Vec<u64> {
    let holding = Holding {
        holder,
        now: at(now),
        abandoned_before: at(now - PATIENCE),
    };
    let commands = store.take_outbox(&holding, Id(after), limit).await.unwrap();
    ids(&commands, |command| command.id)
}

/// An action in flight whose commands have the identifiers `first` and following.
async fn commands(store: &dyn Store, first: u64, count: u64) {
    let mut rows = Vec::new();
    for id in first..first + count {
        let queueloc = format!("linux.{id}");
        let row = heard(store, &agent("a", &queueloc, 1), at(0)).await;
        rows.push((id, row, queueloc));
    }
    stored(store, &action(1, "go"), &[]).await;
    let rows: Vec<_> = rows
        .iter()
        .map(|(id, row, queueloc)| (*id, *row, queueloc.as_str()))
        .collect();
    started(store, 1, &rows).await;
}

/// Taking is reading for the one who holds, and leaves the others what is free.
pub async fn what_one_scheduler_publishes_no_other_does(store: Arc<dyn Store>) {
    let store = &*store;
    commands(store, 10, 4).await;
    assert_eq!(taken(store, 1, 10, 0, 2).await, [10, 11]);
    assert_eq!(taken(store, 2, 11, 0, 1).await, [12]);
    assert_eq!(taken(store, 1, 12, 11, 9).await, [13]);
    assert_eq!(taken(store, 1, 13, 0, 9).await, [10, 11, 13]);
    assert_eq!(taken(store, 1, 13, 10, 1).await, [11]);
    assert_eq!(taken(store, 2, 14, 0, 9).await, [12]);
    assert_eq!(taken(store, 3, 15, 0, 9).await, [0; 0]);
    // Documents are those of the outbox, which shows all of them to everybody.
    let all = store.outbox(Id(0), 9).await.unwrap();
    assert_eq!(ids(&all, |command| command.id), [10, 11, 12, 13]);
    let holding = Holding {
        holder: 2,
        now: at(16),
        abandoned_before: Time::ZERO,
    };
    let own = store.take_outbox(&holding, Id(0), 9).await.unwrap();
    assert_eq!(own[..], all[2..3]);

    store.outbox_done(&[Id(10)]).await.unwrap();
    store
        .finish_commands(&[answer(11, "linux.11", at(17))])
        .await
        .unwrap();
    assert_eq!(taken(store, 1, 18, 0, 9).await, [13]);
    store.expire_due(at(600)).await.unwrap();
    assert_eq!(taken(store, 1, 19, 0, 9).await, [0; 0]);
}

/// Whether it said so or not.
pub async fn what_a_scheduler_held_that_is_gone_another_takes(store: Arc<dyn Store>) {
    let store = &*store;
    commands(store, 10, 4).await;
    assert_eq!(taken(store, 1, 10, 0, 2).await, [10, 11]);
    assert_eq!(taken(store, 2, 10, 0, 9).await, [12, 13]);
    store.release_outbox(2).await.unwrap();
    store.release_outbox(2).await.unwrap();
    assert_eq!(taken(store, 3, 11, 0, 9).await, [12, 13]);
    // The first one keeps saying that it lives, until it does no more.
    assert_eq!(taken(store, 1, 60, 0, 0).await, [0; 0]);
    assert_eq!(taken(store, 3, 60 + PATIENCE, 0, 9).await, [12, 13]);
    assert_eq!(taken(store, 3, 61 + PATIENCE, 0, 9).await, [10, 11, 12, 13]);
    assert_eq!(taken(store, 1, 62 + PATIENCE, 0, 9).await, [0; 0]);
}

/// Its clock was ahead; nobody waits until theirs get there.
pub async fn what_a_scheduler_held_whose_clock_was_ahead_another_takes(store: Arc<dyn Store>) {
    let store = &*store;
    commands(store, 10, 2).await;
    assert_eq!(taken(store, 1, 100, 0, 9).await, [10, 11]);
    // A little is no reason: clocks differ.
    assert_eq!(taken(store, 2, 100 - PATIENCE, 0, 9).await, [0; 0]);
    assert_eq!(taken(store, 2, 99 - PATIENCE, 0, 9).await, [10, 11]);
    // Once its clock is right again it is one of several.
    assert_eq!(taken(store, 1, 100 - PATIENCE, 0, 9).await, [0; 0]);
}

/// At the same time.
pub async fn many_schedulers_never_share_a_command(store: Arc<dyn Store>) {
    commands(&*store, 100, 60).await;
    let tasks: Vec<_> = (1..=8)
        .map(|holder| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut all = Vec::new();
                let mut after = 0;
                loop {
                    let page = taken(&*store, holder, 10, after, 3).await;
                    let Some(last) = page.last() else {
                        return all;
                    };
                    after = *last;
                    all.extend(page);
                }
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for command in task.await.unwrap() {
            assert!(seen.insert(command), "{command} was taken twice");
        }
    }
    assert_eq!(seen.len(), 60);
}
