//! What a scheduler does for all from time to time.

use std::sync::Arc;

use mig_protocol::{ActionStatus, AgentStatus, Id, Time};
use mig_target::Target;

use super::fixtures::{action, agent, at, heard, ids, investigator};
use crate::{
    AgeLimits, DestroyOrder, HeartbeatOutcome, Recorded, StatisticsRound, Store, StoreError,
};

/// Of many schedulers that come at once, one writes; old rows go.
pub async fn statistics_are_recorded_once_a_round(store: Arc<dyn Store>) {
    heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let round = |now, every| StatisticsRound {
        now: at(now),
        none_since: at(now - every),
        keep_since: at(now - 1000),
    };
    let crowd: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.record_statistics(&round(10, 60)).await })
        })
        .collect();
    let mut written = 0;
    for one in crowd {
        written += u32::from(one.await.unwrap().unwrap().written);
    }
    assert_eq!(written, 1);
    for (now, expected) in [
        (69, (false, 0)),
        (70, (true, 0)),
        // The clock was set back: what lies ahead does not count.
        (5, (true, 0)),
        (1060, (true, 2)),
    ] {
        let (written, deleted) = expected;
        assert_eq!(
            store.record_statistics(&round(now, 60)).await.unwrap(),
            Recorded { written, deleted },
            "{now}"
        );
    }
}

fn order(agent: Id, number: u64, before: Time, now: i64) -> DestroyOrder {
    let mut action = action(number, "Kill agent old");
    action.target = "queueloc='linux.a'".into();
    DestroyOrder {
        agent,
        destroyed_before: before,
        action,
        signer: "aa11".into(),
        now: at(now),
    }
}

/// Those that are silent, offline or only check in share with nobody.
pub async fn agents_of_one_endpoint_are_found_and_ended_once(store: Arc<dyn Store>) {
    let silent = heard(&*store, &agent("old", "linux.a", 1), at(0)).await;
    let first = heard(&*store, &agent("a", "linux.a", 2), at(100)).await;
    let second = heard(&*store, &agent("a", "linux.a", 3), at(101)).await;
    heard(&*store, &agent("b", "linux.b", 1), at(100)).await;
    for pid in [1, 2] {
        let mut checkin = agent("c", "linux.c", pid);
        checkin.mode = "checkin".into();
        heard(&*store, &checkin, at(100)).await;
    }
    let found = async || {
        let found = store.duplicate_agents(at(50)).await.unwrap();
        ids(&found, |agent| agent.id)
    };
    assert_eq!(found().await, [first.0, second.0]);
    assert_eq!(store.duplicate_agents(at(0)).await.unwrap().len(), 3);

    // Only somebody whom agents may know signs.
    let never = store.agent(first).await.unwrap().destructiontime;
    let unknown = store.destroy_agent(&order(first, 1, never, 110)).await;
    assert!(unknown.unwrap_err().is_not_found());
    assert!(store.action(Id(1)).await.unwrap_err().is_not_found());
    let signer = investigator(&*store, "migscheduler", "AA11").await;

    let many: Vec<_> = (1..=6)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(
                async move { store.destroy_agent(&order(first, number, never, 110)).await },
            )
        })
        .collect();
    let mut stored = Vec::new();
    for (number, one) in (1..).zip(many) {
        match one.await.unwrap() {
            Ok(()) => stored.push(number),
            Err(StoreError::Conflict { what: "agent", .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let [number] = stored[..] else {
        panic!("one order, not {stored:?}");
    };
    let kept = store.action(Id(number)).await.unwrap().action;
    assert_eq!(
        (kept.status, kept.investigators[0].id),
        (ActionStatus::Pending, signer)
    );
    let ended = store.agent(first).await.unwrap();
    assert_eq!(
        (ended.status, ended.destructiontime),
        (AgentStatus::Destroyed, at(110))
    );
    // It gets no commands any more, and is still seen while it lives.
    let all = Target::parse("queueloc='linux.a'").unwrap();
    let reached = store.agents_by_target(&all, at(111), 9).await.unwrap();
    assert_eq!(ids(&reached, |agent| agent.id), [second.0]);
    assert_eq!(found().await, [first.0, second.0]);
    // Again, since it lives on.
    store
        .destroy_agent(&order(first, 99, at(110), 120))
        .await
        .unwrap();
    // Nothing is ordered for what is history.
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(50),
            offline_before: at(50),
        };
        store.age_agents(limits).await.unwrap();
    }
    let late = store.destroy_agent(&order(silent, 100, never, 130)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
}

/// Otherwise nobody would answer for its endpoint.
pub async fn a_destroyed_agent_that_is_the_last_one_comes_back(store: Arc<dyn Store>) {
    investigator(&*store, "migscheduler", "aa11").await;
    let [old, new] = [(1, 0), (2, 1)].map(|(pid, time)| (agent("a", "linux.a", pid), at(time)));
    let (first, second) = (
        heard(&*store, &old.0, old.1).await,
        heard(&*store, &new.0, new.1).await,
    );
    let never = store.agent(first).await.unwrap().destructiontime;
    store
        .destroy_agent(&order(first, 1, never, 10))
        .await
        .unwrap();
    let beat = async |agent, now| {
        let outcome = store.record_heartbeats(&[agent], at(now)).await.unwrap();
        outcome[0]
    };
    assert_eq!(
        beat(old.0.clone(), 100).await,
        HeartbeatOutcome::Destroyed(first)
    );
    let age = async |before, offline| {
        let limits = AgeLimits {
            idle_before: at(before),
            offline_before: at(offline),
        };
        let aged = store.age_agents(limits).await.unwrap();
        (aged.idle, aged.offline, aged.revived)
    };
    // The other one is there.
    assert_eq!(age(1, 0).await, (0, 0, 0));
    assert_eq!(age(50, 0).await, (1, 0, 0));
    assert_eq!(age(50, 50).await, (0, 1, 1));
    let back = store.agent(first).await.unwrap();
    assert_eq!(
        (back.status, back.destructiontime),
        (AgentStatus::Online, never)
    );
    assert_eq!(
        store.agent(second).await.unwrap().status,
        AgentStatus::Offline
    );
    // One that did end is history, and its number may mean another process.
    heard(&*store, &new.0, at(101)).await;
    store
        .destroy_agent(&order(first, 2, never, 102))
        .await
        .unwrap();
    assert_eq!(age(0, 101).await, (0, 1, 0));
    let fresh = beat(old.0, 200).await;
    assert!(
        matches!(fresh, HeartbeatOutcome::New(id) if id != first),
        "{fresh:?}"
    );
}

/// Not while any agent of the queue may come back for it.
pub async fn queues_of_agents_that_are_gone_are_named_until_deleted(store: Arc<dyn Store>) {
    for (queue, pid, time) in [
        ("linux.a", 1, 0),
        ("linux.b", 1, 1),
        ("linux.b", 2, 500),
        ("linux.c", 1, 2),
        ("linux.d", 1, 90),
    ] {
        heard(&*store, &agent("x", queue, pid), at(time)).await;
    }
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(100),
            offline_before: at(100),
        };
        store.age_agents(limits).await.unwrap();
    }
    let lost = async |after: &str, limit| store.lost_queues(at(50), after, limit).await.unwrap();
    assert_eq!(lost("", 9).await, ["linux.a", "linux.c"]);
    assert_eq!(lost("", 1).await, ["linux.a"]);
    assert_eq!(lost("linux.a", 9).await, ["linux.c"]);
    store
        .queues_deleted(&["linux.a".into(), "linux.b".into()], at(50))
        .await
        .unwrap();
    assert_eq!(lost("", 9).await, ["linux.c"]);
    // Back, and gone again: it had made its queue again.
    heard(&*store, &agent("x", "linux.a", 7), at(600)).await;
    store
        .queues_deleted(&["linux.a".into()], at(550))
        .await
        .unwrap();
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(700),
            offline_before: at(700),
        };
        store.age_agents(limits).await.unwrap();
    }
    let all = store.lost_queues(at(700), "", 9).await.unwrap();
    assert_eq!(all, ["linux.a", "linux.b", "linux.c", "linux.d"]);
}

/// However many schedulers tell of it.
pub async fn a_new_agent_is_announced_once(store: Arc<dyn Store>) {
    let old = heard(&*store, &agent("old", "linux.o", 1), at(-900)).await;
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(1)).await;
    let waiting = async |limit| {
        let found = store.unannounced_agents(at(-600), limit).await.unwrap();
        ids(&found, |agent| agent.id)
    };
    assert_eq!(waiting(9).await, [a.0, b.0]);
    assert_eq!(waiting(1).await, [a.0]);
    let crowd: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.announce_agents(&[b, a]).await.unwrap() })
        })
        .collect();
    let mut announced = Vec::new();
    for one in crowd {
        announced.extend(one.await.unwrap());
    }
    announced.sort_unstable();
    assert_eq!(announced, [a, b]);
    // A heartbeat of one that is known is no news.
    heard(&*store, &agent("a", "linux.a", 1), at(2)).await;
    assert!(waiting(9).await.is_empty());
    assert_eq!(store.announce_agents(&[old, a]).await.unwrap(), [old]);
}
