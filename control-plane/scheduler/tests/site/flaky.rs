//! A store that fails when told to: once, over one target for ever, or for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use mig_protocol::{Action, Agent, Command, Id, Investigator, Time};
use mig_store::{
    ActionStart, AgeLimits, AgedAgents, AgentStatistics, Answer, AnswerOutcome, ApiKey, Claim,
    DestroyOrder, Expired, HeartbeatOutcome, Holding, IdBlock, InvestigatorUpdate, NewInvestigator,
    Progress, Pruned, Recorded, Retention, Search, Signature, StatisticsRound, Store, StoreError,
    StoreResult, StoredAction,
};
use mig_target::Target;

/// Passes everything on, but fails one call: before it does anything, or after
/// it has done everything.
pub struct Flaky {
    store: Arc<dyn Store>,
    /// Calls left until the one that fails.
    left: AtomicI64,
    after: bool,
    /// The call that always fails.
    never: Option<&'static str>,
    /// The call from which on every call fails.
    last_straw: Option<&'static str>,
    /// Whether that one was made.
    away: AtomicBool,
    /// Whether it is over.
    back: AtomicBool,
}

/// What an action's target has to hold for the store to fail over it, as a
/// database does over one that takes too long.
pub const ENDLESS: &str = "endless";

impl Flaky {
    pub fn new(store: Arc<dyn Store>, failing_call: i64, after: bool) -> Flaky {
        Flaky {
            store,
            left: AtomicI64::new(failing_call),
            after,
            never: None,
            last_straw: None,
            away: AtomicBool::new(false),
            back: AtomicBool::new(false),
        }
    }

    /// Fails whenever it is asked for this.
    pub fn without(store: Arc<dyn Store>, call: &'static str) -> Flaky {
        Flaky {
            never: Some(call),
            ..Flaky::new(store, i64::MAX, false)
        }
    }

    /// Fails from the first answer that is to be stored, until told to come back.
    pub fn away_at_an_answer(store: Arc<dyn Store>) -> Flaky {
        Flaky {
            last_straw: Some("finish_commands"),
            ..Flaky::new(store, i64::MAX, false)
        }
    }

    /// No call fails any more.
    pub fn come_back(&self) {
        self.back.store(true, Ordering::SeqCst);
    }

    /// Fails over [`ENDLESS`] only.
    pub fn over_targets(store: Arc<dyn Store>) -> Flaky {
        Flaky::new(store, i64::MAX, false)
    }

    /// True when the call that fails has come.
    pub fn failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn fails_now(&self, call: &str) -> bool {
        if self.last_straw == Some(call) {
            self.away.store(true, Ordering::SeqCst);
        }
        let away = self.away.load(Ordering::SeqCst) && !self.back.load(Ordering::SeqCst);
        away || self.never == Some(call) || self.left.fetch_sub(1, Ordering::SeqCst) == 0
    }
}

fn injected<T>() -> StoreResult<T> {
    Err(StoreError::Database {
        doing: "was made to fail",
        source: "injected".into(),
    })
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        #[async_trait]
        impl Store for Flaky {
            async fn agents_by_target(
                &self,
                target: &Target,
                now: Time,
                limit: u32,
            ) -> StoreResult<Vec<Agent>> {
                let fails = self.fails_now("agents_by_target");
                if fails && !self.after || target.to_string().contains(ENDLESS) {
                    return injected();
                }
                let outcome = self.store.agents_by_target(target, now, limit).await;
                if fails { injected() } else { outcome }
            }
            $(async fn $name(&self, $($argument: $kind),*) -> StoreResult<$result> {
                let fails = self.fails_now(stringify!($name));
                if fails && !self.after {
                    return injected();
                }
                let outcome = self.store.$name($($argument),*).await;
                if fails { injected() } else { outcome }
            })+
        }
    };
}

pass_on! {
    issue_ids(count: u32, now: Time) -> IdBlock;
    create_action(action: &Action, signatures: &[Signature]) -> ();
    action(id: Id) -> StoredAction;
    action_progress(id: Id) -> Progress;
    claim_actions(claim: &Claim) -> Vec<Action>;
    start_action(start: &ActionStart) -> ();
    invalidate_action(id: Id, reason: &str, now: Time) -> ();
    outbox(after: Id, limit: u32) -> Vec<Command>;
    take_outbox(holding: &Holding, after: Id, limit: u32) -> Vec<Command>;
    release_outbox(holder: u64) -> ();
    outbox_done(commands: &[Id]) -> ();
    finish_commands(answers: &[Answer]) -> Vec<AnswerOutcome>;
    expire_due(now: Time) -> Expired;
    next_deadline(now: Time) -> Option<Time>;
    command(id: Id) -> Command;
    agent(id: Id) -> Agent;
    record_heartbeats(agents: &[Agent], now: Time) -> Vec<HeartbeatOutcome>;
    age_agents(limits: AgeLimits) -> AgedAgents;
    agent_statistics(now: Time) -> AgentStatistics;
    latest_actions(limit: u32) -> Vec<Action>;
    search_actions(search: &Search) -> Vec<Action>;
    search_commands(search: &Search) -> Vec<Command>;
    search_agents(search: &Search) -> Vec<Agent>;
    search_investigators(search: &Search) -> Vec<Investigator>;
    investigator(id: Id) -> Investigator;
    investigator_by_fingerprint(fingerprint: &str) -> Investigator;
    active_investigators() -> Vec<Investigator>;
    create_investigator(new: &NewInvestigator) -> Id;
    update_investigator(id: Id, update: &InvestigatorUpdate, now: Time) -> ();
    api_keys() -> Vec<ApiKey>;
    record_statistics(round: &StatisticsRound) -> Recorded;
    duplicate_agents(heard_since: Time, after: &str, queues: u32) -> Vec<Agent>;
    destroy_agent(order: &DestroyOrder) -> ();
    lost_queues(silent_since: Time, after: &str, limit: u32) -> Vec<String>;
    queues_deleted(queuelocs: &[String], silent_since: Time) -> ();
    unannounced_agents(started_since: Time, limit: u32) -> Vec<Agent>;
    announce_agents(agents: &[Id]) -> Vec<Id>;
    prune(retention: Retention) -> Pruned;
}
