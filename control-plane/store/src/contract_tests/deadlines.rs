//! What happens by time alone.

use std::sync::Arc;

use mig_protocol::{ActionStatus, CommandStatus, Counters, Id};

use super::fixtures::{action, agent, answer, at, claimed, heard, investigator, started, stored};
use crate::{AgeLimits, Expired, Pruned, Retention, Store};

/// Commands, and actions that never started.
pub async fn what_is_past_its_time_ends(store: Arc<dyn Store>) {
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(0)).await;
    stored(&*store, &action(1, "running"), &[]).await;
    started(&*store, 1, &[(10, a, "linux.a"), (11, b, "linux.b")]).await;
    store
        .finish_commands(&[answer(10, "linux.a", at(5))])
        .await
        .unwrap();
    stored(&*store, &action(2, "claimed"), &[]).await;
    assert_eq!(claimed(&*store, at(1)).await, [Id(2)]);
    stored(&*store, &action(3, "pending"), &[]).await;
    let mut long = action(4, "long");
    long.expireafter = at(10_000);
    stored(&*store, &long, &[]).await;

    assert_eq!(store.expire_due(at(599)).await.unwrap(), Expired::default());
    let expired = store.expire_due(at(600)).await.unwrap();
    let (actions, invalidated) = (vec![Id(1), Id(2), Id(3)], vec![Id(2), Id(3)]);
    assert_eq!(
        expired,
        Expired {
            commands: 1,
            actions,
            invalidated,
            more: false
        }
    );
    assert_eq!(store.expire_due(at(601)).await.unwrap(), Expired::default());

    let done = store.action(Id(1)).await.unwrap().action;
    assert_eq!(
        (done.status, done.finishtime),
        (ActionStatus::Completed, at(600))
    );
    let counters = Counters {
        sent: 2,
        done: 2,
        success: 1,
        expired: 1,
        ..Counters::default()
    };
    assert_eq!(done.counters, counters);
    let command = store.command(Id(11)).await.unwrap();
    assert_eq!(
        (command.status, command.finishtime),
        (CommandStatus::Expired, at(600))
    );
    assert_eq!(store.outbox(Id(0), 9).await.unwrap(), []);
    for id in [2, 3] {
        let got = store.action(Id(id)).await.unwrap();
        assert_eq!(
            (got.action.status, got.action.finishtime),
            (ActionStatus::Invalid, at(600))
        );
        assert!(
            got.reason
                .is_some_and(|reason| reason.starts_with("expired before"))
        );
    }
    assert_eq!(
        store.action_progress(Id(4)).await.unwrap().status,
        ActionStatus::Pending
    );
}

/// So that nobody has to look every second.
pub async fn the_next_deadline_is_the_next_start_or_expiry(store: Arc<dyn Store>) {
    assert_eq!(store.next_deadline(at(0)).await.unwrap(), None);
    let mut future = action(1, "future");
    future.validfrom = at(100);
    stored(&*store, &future, &[]).await;
    assert_eq!(store.next_deadline(at(0)).await.unwrap(), Some(at(100)));
    assert_eq!(store.next_deadline(at(100)).await.unwrap(), Some(at(600)));
    let mut short = action(2, "short");
    short.expireafter = at(50);
    stored(&*store, &short, &[]).await;
    assert_eq!(store.next_deadline(at(0)).await.unwrap(), Some(at(50)));
    assert_eq!(store.next_deadline(at(60)).await.unwrap(), Some(at(50)));
    store.expire_due(at(60)).await.unwrap();
    assert_eq!(store.next_deadline(at(60)).await.unwrap(), Some(at(100)));

    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    store
        .invalidate_action(Id(1), "out of the way", at(60))
        .await
        .unwrap();
    stored(&*store, &action(3, "running"), &[]).await;
    started(&*store, 3, &[(10, a, "linux.a")]).await;
    assert_eq!(store.next_deadline(at(60)).await.unwrap(), Some(at(600)));
    store
        .finish_commands(&[answer(10, "linux.a", at(70))])
        .await
        .unwrap();
    assert_eq!(store.next_deadline(at(70)).await.unwrap(), None);
}

/// Running actions and agents that are still referred to stay.
pub async fn what_finished_long_ago_is_deleted(store: Arc<dyn Store>) {
    let ada = investigator(&*store, "Ada", "aa11").await;
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(0)).await;
    stored(&*store, &action(1, "old"), &[ada]).await;
    started(&*store, 1, &[(10, a, "linux.a")]).await;
    store
        .finish_commands(&[answer(10, "linux.a", at(5))])
        .await
        .unwrap();
    stored(&*store, &action(2, "newer"), &[ada]).await;
    started(&*store, 2, &[(20, b, "linux.b")]).await;
    store
        .finish_commands(&[answer(20, "linux.b", at(50))])
        .await
        .unwrap();
    stored(&*store, &action(3, "open"), &[ada]).await;
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(40),
            offline_before: at(40),
        };
        store.age_agents(limits).await.unwrap();
    }
    let old = Retention {
        before: at(40),
        queues_before: at(40),
    };
    let pruned = store.prune(old).await.unwrap();
    assert_eq!(
        pruned,
        Pruned {
            actions: 1,
            commands: 1,
            agents: 1,
            queues_left: 1,
            more: false
        }
    );
    assert!(store.action(Id(1)).await.unwrap_err().is_not_found());
    assert!(store.command(Id(10)).await.unwrap_err().is_not_found());
    assert!(store.agent(a).await.unwrap_err().is_not_found());
    assert_eq!(
        store
            .action(Id(2))
            .await
            .unwrap()
            .action
            .investigators
            .len(),
        1
    );
    store.agent(b).await.unwrap();
    store.action(Id(3)).await.unwrap();
    assert_eq!(store.prune(old).await.unwrap(), Pruned::default());
}
