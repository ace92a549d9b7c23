//! What a scheduler does for all from time to time.

use std::sync::Arc;

use mig_protocol::{ActionStatus, AgentStatus, Id, Time};
use mig_target::Target;

use super::fixtures::{action, agent, at, heard, ids, investigator};
use crate::{
    AgeLimits, DUPLICATES_OF_ONE, DestroyOrder, HeartbeatOutcome, NEWS, Recorded, Retention,
    StatisticsRound, Store, StoreError,
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
    for (now, (written, deleted, ahead)) in [
        (69, (false, 0, 0)),
        (70, (true, 0, 0)),
        // The clock was set back: what lies ahead does not count.
        (5, (true, 0, 1)),
        (1060, (true, 2, 0)),
    ] {
        let expected = Recorded {
            written,
            deleted,
            ahead,
        };
        let recorded = store.record_statistics(&round(now, 60)).await.unwrap();
        assert_eq!(recorded, expected, "{now}");
    }
}

/// The clock was ahead for a while. When the time gets to the rows of then, the one
/// round of all is not theirs; and a clock that is behind does not cost what is
/// far ahead of it.
pub async fn statistics_of_a_clock_that_was_ahead_are_no_round(store: Arc<dyn Store>) {
    let round = async |now| {
        let round = StatisticsRound {
            now: at(now),
            none_since: at(now - 60),
            keep_since: at(-1_000_000),
        };
        store.record_statistics(&round).await.unwrap()
    };
    for ahead in (1000..1600).step_by(60) {
        assert!(round(ahead).await.written);
    }
    let rounds = (0..1800).step_by(60);
    let mut removed = 0;
    for now in rounds {
        let recorded = round(now).await;
        assert!(recorded.written, "{now}");
        assert!(recorded.ahead <= 4, "{now}: {recorded:?}");
        assert!(now > 700 || recorded.ahead == 0, "{now}: {recorded:?}");
        removed += recorded.ahead;
    }
    assert_eq!(removed, 10);
    // Somebody with a good clock stands beside one that is a little ahead.
    assert!(round(2000).await.written);
    assert_eq!(round(1940).await.ahead, 0);
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
        let found = store.duplicate_agents(at(50), "", 9).await.unwrap();
        ids(&found, |agent| agent.id)
    };
    assert_eq!(found().await, [first.0, second.0]);
    assert_eq!(store.duplicate_agents(at(0), "", 9).await.unwrap().len(), 3);

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

/// However many there are, and whatever they say of themselves.
pub async fn duplicates_are_looked_at_in_small_pieces(store: Arc<dyn Store>) {
    for queue in ["linux.a", "linux.b", "linux.c"] {
        let crowd: Vec<_> = (1..=40)
            .map(|pid| {
                let mut one = agent("x", queue, pid);
                one.environment.ident = "x".repeat(10_000);
                one
            })
            .collect();
        for (time, some) in (0..).zip(crowd.chunks(20)) {
            store.record_heartbeats(some, at(time)).await.unwrap();
        }
    }
    let page = async |after: &str, queues| {
        let found = store.duplicate_agents(at(0), after, queues).await.unwrap();
        assert!(found.iter().all(|agent| agent.environment.ident.is_empty()));
        assert!(found.iter().all(|agent| agent.starttime == at(1)));
        assert!(found.is_sorted_by_key(|agent| (&agent.queueloc, agent.id)));
        let of = |queue| found.iter().filter(|agent| agent.queueloc == queue).count();
        [of("linux.a"), of("linux.b"), of("linux.c")]
    };
    let most = DUPLICATES_OF_ONE as usize;
    assert_eq!(page("", 2).await, [most, most, 0]);
    assert_eq!(page("linux.b", 2).await, [0, 0, most]);
    assert_eq!(page("linux.c", 2).await, [0, 0, 0]);
}

/// Otherwise who can make others end it, or only say so, takes it away from all
/// targets.
pub async fn a_destroyed_agent_that_lives_on_is_online_again(store: Arc<dyn Store>) {
    investigator(&*store, "migscheduler", "aa11").await;
    let (old, new) = (agent("a", "linux.a", 1), agent("a", "linux.a", 2));
    let first = heard(&*store, &old, at(0)).await;
    heard(&*store, &new, at(1)).await;
    let never = store.agent(first).await.unwrap().destructiontime;
    store
        .destroy_agent(&order(first, 1, never, 10))
        .await
        .unwrap();
    let beat = async |now| {
        let beats = [old.clone()];
        let outcome = store.record_heartbeats(&beats, at(now)).await.unwrap();
        let row = store.agent(first).await.unwrap();
        (outcome[0], row.status, row.destructiontime)
    };
    // It may have been about to end.
    let destroyed = (
        HeartbeatOutcome::Destroyed(first),
        AgentStatus::Destroyed,
        at(10),
    );
    assert_eq!(beat(70).await, destroyed);
    let all = Target::parse("status='online' AND pid=1").unwrap();
    assert_eq!(store.agents_by_target(&all, at(70), 9).await.unwrap(), []);
    let lives = |ordered| (HeartbeatOutcome::Known(first), AgentStatus::Online, ordered);
    assert_eq!(beat(71).await, lives(at(10)));
    // Each further order leaves it what it is.
    store
        .destroy_agent(&order(first, 2, at(10), 80))
        .await
        .unwrap();
    assert_eq!(beat(81).await, lives(at(80)));
    let reached = store.agents_by_target(&all, at(81), 9).await.unwrap();
    assert_eq!(ids(&reached, |agent| agent.id), [first.0]);

    // One that did end is history, and its number may mean another process.
    let limits = AgeLimits {
        idle_before: at(200),
        offline_before: at(200),
    };
    for _ in 0..2 {
        store.age_agents(limits).await.unwrap();
    }
    let (outcome, ..) = beat(201).await;
    assert!(
        matches!(outcome, HeartbeatOutcome::New(id) if id != first),
        "{outcome:?}"
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

/// Not before its queue is deleted, unless that takes too long: no other row names it.
pub async fn an_agent_is_remembered_until_its_queue_is_deleted(store: Arc<dyn Store>) {
    // Restarted, it has a row of each process.
    let mut rows = Vec::new();
    for (queue, pid, time) in [
        ("linux.a", 1, 0),
        ("linux.a", 2, 10),
        ("linux.b", 1, 10),
        ("linux.c", 1, 0),
        ("linux.c", 2, 500),
    ] {
        rows.push(heard(&*store, &agent("x", queue, pid), at(time)).await);
    }
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: at(100),
            offline_before: at(100),
        };
        store.age_agents(limits).await.unwrap();
    }
    let prune = async |queues_before| {
        let retention = Retention {
            before: at(50),
            queues_before: at(queues_before),
        };
        let pruned = store.prune(retention).await.unwrap();
        (pruned.agents, pruned.queues_left)
    };
    // Of a and c there is a later row.
    assert_eq!(prune(5).await, (2, 0));
    assert!(store.agent(rows[0]).await.unwrap_err().is_not_found());
    assert!(store.agent(rows[3]).await.unwrap_err().is_not_found());
    let lost = async || store.lost_queues(at(50), "", 9).await.unwrap();
    assert_eq!(lost().await, ["linux.a", "linux.b"]);
    store
        .queues_deleted(&["linux.a".into()], at(50))
        .await
        .unwrap();
    assert_eq!(prune(10).await, (1, 0));
    assert_eq!(lost().await, ["linux.b"]);
    assert_eq!(prune(11).await, (1, 1));
    assert!(lost().await.is_empty());
    store.agent(rows[4]).await.unwrap();
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

/// Where nobody announces agents they would be looked through for ever.
pub async fn what_is_no_news_any_more_is_forgotten_as_news(store: Arc<dyn Store>) {
    let a = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    let b = heard(&*store, &agent("b", "linux.b", 1), at(1)).await;
    let news = i64::try_from(NEWS.as_secs()).unwrap();
    let limits = AgeLimits {
        idle_before: at(0),
        offline_before: at(1 + news),
    };
    store.age_agents(limits).await.unwrap();
    let waiting = store.unannounced_agents(at(-10), 9).await.unwrap();
    assert_eq!(ids(&waiting, |agent| agent.id), [b.0]);
    assert_eq!(store.announce_agents(&[a, b]).await.unwrap(), [b]);
}
