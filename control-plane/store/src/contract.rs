//! The contract every database fulfils; one test suite holds all of them to it.

use async_trait::async_trait;
use mig_protocol::{Action, Agent, Command, Id, Investigator, Time};
use mig_target::Target;

#[cfg(doc)]
use crate::StoreError;
use crate::StoreResult;
use crate::records::{
    ActionStart, AgeLimits, AgedAgents, AgentStatistics, Answer, AnswerOutcome, ApiKey, Claim,
    DestroyOrder, Expired, HeartbeatOutcome, Holding, IdBlock, InvestigatorUpdate, NewInvestigator,
    Progress, Pruned, Recorded, Retention, Search, Signature, StatisticsRound, StoredAction,
};

/// The memory of the control plane. Every method is one transaction: it happens
/// completely or not at all, and survives a crash once it has returned.
///
/// Times go in with nanoseconds and come out with microseconds.
///
/// A store that several processes share tells all of them what each of them would
/// tell its own [`crate::Wake`] and [`crate::Changes`]: that there is new work (a
/// stored action, commands in the outbox, commands that nobody holds any more),
/// which action changed, and that an agent was heard of for which a command waits.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reserves identifiers that nobody else gets, in the form of the original
    /// (see [`Id::first_at`]); never lower than any issued before, also after
    /// the clock went back.
    async fn issue_ids(&self, count: u32, now: Time) -> StoreResult<IdBlock>;

    /// Stores a new action as it is (identifier, status and times included)
    /// together with its signatures.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the identifier is taken, or when one
    /// investigator stands twice among the signatures; nothing is stored then.
    async fn create_action(&self, action: &Action, signatures: &[Signature]) -> StoreResult<()>;

    /// One action with counters, investigators (without keys) and, when it is
    /// invalid, the reason.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn action(&self, id: Id) -> StoreResult<StoredAction>;

    /// Only what changes while an action runs: cheap enough for every step of a
    /// long poll.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn action_progress(&self, id: Id) -> StoreResult<Progress>;

    /// Takes actions that may start: status `pending`, `validfrom` reached,
    /// `expireafter` not reached; and those another scheduler took before
    /// `claim.abandoned_before`, or as far in the future, without starting them. They
    /// become `scheduled`
    /// with `lastupdatetime` now. Nobody else gets them. Oldest first, without
    /// counters and investigators.
    async fn claim_actions(&self, claim: &Claim) -> StoreResult<Vec<Action>>;

    /// Stores the commands of a claimed action (status `sent`, results as given,
    /// finish time far in the future) and puts each into the outbox; the action
    /// becomes `inflight` with start and update time `start.started`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the action is not `scheduled` (somebody
    /// else started it), [`StoreError::Duplicate`] when a command identifier is
    /// taken.
    async fn start_action(&self, start: &ActionStart) -> StoreResult<()>;

    /// Marks a pending or scheduled action `invalid` with a reason for people;
    /// start, finish and update time become `now`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it runs or ended.
    async fn invalidate_action(&self, id: Id, reason: &str, now: Time) -> StoreResult<()>;

    /// Commands that wait to be published: complete documents as the agent gets
    /// them (action status `preparing` with `counters.sent`), by ascending
    /// identifier, only identifiers above `after`, at most `limit`. Commands
    /// that reached a terminal state are never among them.
    async fn outbox(&self, after: Id, limit: u32) -> StoreResult<Vec<Command>>;

    /// As [`Store::outbox`], for one of several schedulers: only commands that no
    /// other living scheduler holds. The caller holds them from now on, as long
    /// as it calls this (with any limit, 0 among them) at least once between
    /// `holding.abandoned_before` and `holding.now` of the others; what one that
    /// stayed away held may be taken by anybody.
    async fn take_outbox(
        &self,
        holding: &Holding,
        after: Id,
        limit: u32,
    ) -> StoreResult<Vec<Command>>;

    /// A scheduler holds nothing any more: it lost the relay or stops.
    async fn release_outbox(&self, holder: u64) -> StoreResult<()>;

    /// Takes commands out of the outbox: the relay confirmed them. Unknown
    /// identifiers are ignored.
    async fn outbox_done(&self, commands: &[Id]) -> StoreResult<()>;

    /// Stores answers of agents, one outcome per answer in the same order.
    ///
    /// An answer is stored when its command is `sent`, or `expired` by
    /// [`Store::expire_due`] (which happens at most once, because the answer
    /// replaces that state); the sender must be the queueloc the command was
    /// made for. Anything else changes nothing. A stored answer takes its
    /// command out of the outbox and sets the action's update time; the last one
    /// completes the action and sets its finish time.
    async fn finish_commands(&self, answers: &[Answer]) -> StoreResult<Vec<AnswerOutcome>>;

    /// Ends what is past its time: `sent` commands of actions with `expireafter`
    /// at or before `now` become `expired` (out of the outbox, finish time
    /// `now`, results unchanged), actions without an open command complete,
    /// actions that never started become `invalid` with a reason. Where there is very
    /// much of it, this is done in portions, one for each call, which says so.
    async fn expire_due(&self, now: Time) -> StoreResult<Expired>;

    /// The next moment after `now` at which [`Store::claim_actions`] or
    /// [`Store::expire_due`] has something to do by time alone: the start of a
    /// pending action or the expiry of one that is pending, scheduled or has
    /// open commands. May lie in the past for an expiry not yet carried out.
    async fn next_deadline(&self, now: Time) -> StoreResult<Option<Time>>;

    /// One command with its action (as signed, without counters) and agent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn command(&self, id: Id) -> StoreResult<Command>;

    /// Agents that are online or idle and match, one row per queueloc (the one
    /// heard of last), ordered by queueloc, at most `limit`.
    async fn agents_by_target(
        &self,
        target: &Target,
        now: Time,
        limit: u32,
    ) -> StoreResult<Vec<Agent>>;

    /// One agent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn agent(&self, id: Id) -> StoreResult<Agent>;

    /// Stores heartbeats, one outcome per agent in the same order. A row is
    /// identified by queueloc and pid (rows that are offline do not count). A
    /// new one gets an identifier, start time `now` and status `online`; a known
    /// one gets heartbeat time `now`, and, when anything in it differs, name,
    /// version, mode, environment, tags and refresh time, and becomes `online`;
    /// one that was `destroyed` does so a minute after that order, since it lives
    /// on, but keeps its destruction time.
    async fn record_heartbeats(
        &self,
        agents: &[Agent],
        now: Time,
    ) -> StoreResult<Vec<HeartbeatOutcome>>;

    /// Marks agents that were not heard of: online ones become idle, idle and
    /// destroyed ones offline.
    async fn age_agents(&self, limits: AgeLimits) -> StoreResult<AgedAgents>;

    /// Counts of agents for the dashboard, computed from the rows as they are.
    async fn agent_statistics(&self, now: Time) -> StoreResult<AgentStatistics>;

    /// The newest actions by start time, with counters and investigators.
    async fn latest_actions(&self, limit: u32) -> StoreResult<Vec<Action>>;

    /// Actions, newest `validfrom` first, with counters and investigators.
    async fn search_actions(&self, search: &Search) -> StoreResult<Vec<Action>>;

    /// Commands, newest start first, each with its complete action and, of the
    /// agent, id, name, version, tags and environment.
    async fn search_commands(&self, search: &Search) -> StoreResult<Vec<Command>>;

    /// Agents, newest heartbeat first.
    async fn search_agents(&self, search: &Search) -> StoreResult<Vec<Agent>>;

    /// Investigators by identifier, without public keys.
    async fn search_investigators(&self, search: &Search) -> StoreResult<Vec<Investigator>>;

    /// One investigator with public key; `apikey` is `set` when there is one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn investigator(&self, id: Id) -> StoreResult<Investigator>;

    /// One investigator of any status by fingerprint (in either letter case),
    /// with public key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn investigator_by_fingerprint(&self, fingerprint: &str) -> StoreResult<Investigator>;

    /// All active investigators that have a public key, with it.
    async fn active_investigators(&self) -> StoreResult<Vec<Investigator>>;

    /// Adds an active investigator; identifiers count from 1.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the fingerprint is known.
    async fn create_investigator(&self, new: &NewInvestigator) -> StoreResult<Id>;

    /// Changes an investigator and sets `lastmodified` to `now`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::LastAdmin`] when afterwards no
    /// active investigator could manage investigators although one can now.
    async fn update_investigator(
        &self,
        id: Id,
        update: &InvestigatorUpdate,
        now: Time,
    ) -> StoreResult<()>;

    /// The API keys of active investigators.
    async fn api_keys(&self) -> StoreResult<Vec<ApiKey>>;

    /// Writes the counts of agents into the table `agents_stats`, at most once a
    /// round, and deletes old rows and those of a clock that was ahead.
    async fn record_statistics(&self, round: &StatisticsRound) -> StoreResult<Recorded>;

    /// Agents in mode `daemon` that are not offline, were heard of since then and
    /// share a queueloc that comes after `after`; ordered by queueloc, the one that
    /// started first before the others. Of at most `queues` queues, and of each
    /// the newest [`DUPLICATES_OF_ONE`](crate::DUPLICATES_OF_ONE). Without
    /// environment and tags, which may be large.
    async fn duplicate_agents(
        &self,
        heard_since: Time,
        after: &str,
        queues: u32,
    ) -> StoreResult<Vec<Agent>>;

    /// Marks an agent destroyed (destruction time `order.now`), unless that was
    /// ordered before and it lives on, and stores the action that ends it, as
    /// [`Store::create_action`] does.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is offline or somebody else ordered it
    /// meanwhile; [`StoreError::NotFound`] for the agent, or when the signer is no
    /// active investigator; [`StoreError::Duplicate`] as for an action.
    async fn destroy_agent(&self, order: &DestroyOrder) -> StoreResult<()>;

    /// Queuelocs above `after` of which every row is offline and not heard of
    /// since then, and whose queue was not deleted yet; ascending, at most
    /// `limit`.
    async fn lost_queues(
        &self,
        silent_since: Time,
        after: &str,
        limit: u32,
    ) -> StoreResult<Vec<String>>;

    /// The queues of these are gone. Does not concern rows of agents that came
    /// back.
    async fn queues_deleted(&self, queuelocs: &[String], silent_since: Time) -> StoreResult<()>;

    /// New agents that nobody announced, started since then: oldest first, at
    /// most `limit`.
    async fn unannounced_agents(&self, started_since: Time, limit: u32) -> StoreResult<Vec<Agent>>;

    /// Announces agents; those come back that nobody else announced before.
    async fn announce_agents(&self, agents: &[Id]) -> StoreResult<Vec<Id>>;

    /// Deletes actions that finished long ago with their commands and signatures, and
    /// agents that are offline or destroyed, were last heard of long ago and have no
    /// commands left. The last one of a queue that was not deleted stays longer. Each
    /// call deletes one portion, actions first, and says whether there may be more:
    /// the first time on a site of years nobody else is to wait for all of it.
    async fn prune(&self, retention: Retention) -> StoreResult<Pruned>;
}
