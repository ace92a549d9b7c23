//! Actions until they start.

use std::collections::HashSet;
use std::sync::Arc;

use mig_protocol::{ActionStatus, Id, Operation, Time};
use serde_json::json;

use super::fixtures::{action, at, claimed, heard, ids, investigator, start, started, stored};
use super::fixtures::{agent, answer};
use crate::{Claim, Signature, Store, StoreError};

/// Blocks do not overlap, also when the clock goes back.
pub async fn identifiers_never_repeat_and_look_like_the_originals(store: Arc<dyn Store>) {
    let now = at(0);
    let first = store.issue_ids(10, now).await.unwrap();
    assert_eq!((first.first, first.count), (Id::first_at(now), 10));
    let second = store.issue_ids(5, now).await.unwrap();
    assert_eq!(second.first, Id(first.first.0 + 10));
    let earlier = store.issue_ids(1, at(-3600)).await.unwrap();
    assert_eq!(earlier.first, Id(first.first.0 + 15));
    let later = store.issue_ids(1, at(3600)).await.unwrap();
    assert_eq!(later.first, Id::first_at(at(3600)));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.issue_ids(7, at(3600)).await.unwrap() })
        })
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for id in task.await.unwrap().ids() {
            assert!(seen.insert(id), "{id} was issued twice");
        }
    }
}

/// Everything but investigators and counters, which have their own tables.
pub async fn an_action_comes_back_as_it_was_stored(store: Arc<dyn Store>) {
    let ada = investigator(&*store, "Ada", "aa11").await;
    let mut given = action(
        28_044_140_937_216,
        "find <stray> \"é\" '; DROP TABLE actions; --",
    );
    given.target = "environment->>'os'='linux' AND name LIKE '%''%'".into();
    given.description.author = "Ada & Bob".into();
    given.description.revision = 202_401_020_304.0;
    given.validfrom = Time::parse("2024-03-01T12:00:00.123456789+02:00").unwrap();
    given.operations = Some(vec![
        Operation {
            module: "pkg".into(),
            parameters: json!(null),
            ..Operation::default()
        },
        Operation {
            module: "file".into(),
            parameters: json!("H4sIAAAA\u{2028}<&>"),
            is_compressed: true,
            want_compressed: true,
        },
    ]);
    stored(&*store, &given, &[ada]).await;
    let got = store.action(given.id).await.unwrap();
    assert_eq!(got.reason, None);
    let mut got = got.action;
    let signers: Vec<_> = got.investigators.drain(..).collect();
    assert_eq!(ids(&signers, |signer| signer.id), [ada.0]);
    assert_eq!(signers[0].name, "Ada");
    assert!(signers[0].publickey.is_empty() && signers[0].apikey.is_empty());
    let mut expected = given.clone();
    expected.validfrom = Time::parse("2024-03-01T10:00:00.123456Z").unwrap();
    // A database of microseconds does not hold the sentinels' 11 nanoseconds.
    expected.starttime = Time::FAR_PAST.truncated_to_micros();
    expected.finishtime = Time::FAR_FUTURE.truncated_to_micros();
    expected.lastupdatetime = expected.starttime;
    assert_eq!(got, expected);

    let missing = store.action(Id(1)).await.unwrap_err();
    assert_eq!(missing.to_string(), "action 1 does not exist");
    assert!(store.action(Id(u64::MAX)).await.unwrap_err().is_not_found());
    assert!(
        store
            .action_progress(Id(1))
            .await
            .unwrap_err()
            .is_not_found()
    );
}

/// Nothing of a refused action stays.
pub async fn a_duplicate_action_or_signer_stores_nothing(store: Arc<dyn Store>) {
    let ada = investigator(&*store, "Ada", "aa11").await;
    stored(&*store, &action(1, "first"), &[ada]).await;
    let again = store
        .create_action(&action(1, "second"), &[])
        .await
        .unwrap_err();
    assert!(matches!(again, StoreError::Duplicate { .. }), "{again}");
    assert_eq!(store.action(Id(1)).await.unwrap().action.name, "first");

    let twice = Signature {
        investigator: ada,
        signature: "s".into(),
    };
    let twice = [twice.clone(), twice];
    let refused = store
        .create_action(&action(2, "twice"), &twice)
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Duplicate { .. }), "{refused}");
    assert!(store.action(Id(2)).await.unwrap_err().is_not_found());

    let stranger = [Signature {
        investigator: Id(99),
        signature: "s".into(),
    }];
    let refused = store
        .create_action(&action(3, "stranger"), &stranger)
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "investigator 99 does not exist");
    assert!(store.action(Id(3)).await.unwrap_err().is_not_found());
}

/// Oldest first, at most as many as asked.
pub async fn actions_are_claimed_once_and_only_inside_their_window(store: Arc<dyn Store>) {
    let mut early = action(1, "early");
    early.validfrom = at(100);
    let mut late = action(2, "late");
    late.expireafter = at(50);
    stored(&*store, &early, &[]).await;
    stored(&*store, &late, &[]).await;
    stored(&*store, &action(3, "now"), &[]).await;
    stored(&*store, &action(4, "now"), &[]).await;
    assert_eq!(claimed(&*store, at(-1)).await, []);

    let claim = Claim {
        now: at(50),
        abandoned_before: at(0),
        limit: 1,
    };
    let taken = store.claim_actions(&claim).await.unwrap();
    assert_eq!(ids(&taken, |action| action.id), [3]);
    assert_eq!(taken[0].status, ActionStatus::Scheduled);
    assert_eq!(taken[0].lastupdatetime, at(50));
    assert_eq!(taken[0].operations, action(3, "now").operations);
    assert_eq!(claimed(&*store, at(50)).await, [Id(4)]);
    assert_eq!(claimed(&*store, at(100)).await, [Id(1)]);
    assert_eq!(claimed(&*store, at(100)).await, []);
    let progress = store.action_progress(Id(3)).await.unwrap();
    assert_eq!(
        (progress.status, progress.lastupdatetime),
        (ActionStatus::Scheduled, at(50))
    );
}

/// Claims running at the same time share the work.
pub async fn many_schedulers_never_share_an_action(store: Arc<dyn Store>) {
    for id in 1..=40 {
        stored(&*store, &action(id, "shared"), &[]).await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let claim = Claim {
                    now: at(1),
                    abandoned_before: at(0),
                    limit: 6,
                };
                store.claim_actions(&claim).await.unwrap()
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for action in task.await.unwrap() {
            assert!(seen.insert(action.id), "{} was claimed twice", action.id);
        }
    }
    assert_eq!(seen.len(), 40);
}

/// A scheduler died between claim and start.
pub async fn an_abandoned_claim_is_taken_again(store: Arc<dyn Store>) {
    stored(&*store, &action(1, "abandoned"), &[]).await;
    assert_eq!(claimed(&*store, at(1)).await, [Id(1)]);
    let claim = |abandoned_before| Claim {
        now: at(20),
        abandoned_before,
        limit: 10,
    };
    assert_eq!(store.claim_actions(&claim(at(1))).await.unwrap(), []);
    let again = store.claim_actions(&claim(at(10))).await.unwrap();
    assert_eq!(ids(&again, |action| action.id), [1]);
    store.start_action(&start(1, &[])).await.unwrap();
    assert_eq!(store.claim_actions(&claim(at(20))).await.unwrap(), []);
}

/// A scheduler whose clock was ahead died, and its successor's is right: what it
/// had claimed does not wait until the clock gets there.
pub async fn a_claim_of_the_future_is_taken_again(store: Arc<dyn Store>) {
    stored(&*store, &action(1, "ahead"), &[]).await;
    assert_eq!(claimed(&*store, at(50)).await, [Id(1)]);
    let claim = |abandoned_before| Claim {
        now: at(20),
        abandoned_before,
        limit: 10,
    };
    // Clocks may differ as much as somebody may be silent.
    assert_eq!(store.claim_actions(&claim(at(-10))).await.unwrap(), []);
    let again = store.claim_actions(&claim(at(-9))).await.unwrap();
    assert_eq!(ids(&again, |action| action.id), [1]);
    // The only scheduler of a database has nobody to wait for.
    assert_eq!(store.claim_actions(&claim(at(20))).await.unwrap(), []);
    stored(&*store, &action(2, "ahead, alone"), &[]).await;
    assert_eq!(claimed(&*store, at(50)).await, [Id(2)]);
    let again = store.claim_actions(&claim(at(20))).await.unwrap();
    assert_eq!(ids(&again, |action| action.id), [2]);
}

/// Only before it runs.
pub async fn an_action_is_invalidated_with_a_reason(store: Arc<dyn Store>) {
    stored(&*store, &action(1, "pending"), &[]).await;
    store
        .invalidate_action(Id(1), "no agent matches", at(7))
        .await
        .unwrap();
    let got = store.action(Id(1)).await.unwrap();
    assert_eq!(got.reason.as_deref(), Some("no agent matches"));
    assert_eq!(got.action.status, ActionStatus::Invalid);
    let times = [
        got.action.starttime,
        got.action.finishtime,
        got.action.lastupdatetime,
    ];
    assert_eq!(times, [at(7); 3]);
    let again = store
        .invalidate_action(Id(1), "other", at(8))
        .await
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        "action 1 is invalid, which does not allow this"
    );
    assert_eq!(store.action(Id(1)).await.unwrap(), got);
    let missing = store
        .invalidate_action(Id(9), "x", at(8))
        .await
        .unwrap_err();
    assert!(missing.is_not_found());
    assert_eq!(claimed(&*store, at(9)).await, []);
}

/// By start time, not by identifier.
pub async fn the_latest_actions_come_newest_first(store: Arc<dyn Store>) {
    let agent = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    stored(&*store, &action(5, "started"), &[]).await;
    started(&*store, 5, &[(50, agent, "linux.a")]).await;
    store
        .finish_commands(&[answer(50, "linux.a", at(3))])
        .await
        .unwrap();
    stored(&*store, &action(6, "pending"), &[]).await;
    stored(&*store, &action(7, "pending"), &[]).await;
    let latest = store.latest_actions(2).await.unwrap();
    assert_eq!(ids(&latest, |action| action.id), [5, 7]);
    assert_eq!(latest[0].counters.success, 1);
}
