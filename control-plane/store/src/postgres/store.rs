//! The contract, method by method.

use async_trait::async_trait;
use mig_protocol::{Action, Agent, Command, Id, Investigator, Time};
use mig_target::Target;

use super::connection::{Kind, transaction};
use super::{
    PostgresStore, actions, agents, answers, commands, deadlines, duties, holding, identifiers,
    investigators, retention, search, statistics,
};
use crate::{
    ActionStart, AgeLimits, AgedAgents, AgentStatistics, Answer, AnswerOutcome, ApiKey, Claim,
    DestroyOrder, Expired, HeartbeatOutcome, Holding, IdBlock, InvestigatorUpdate, NewInvestigator,
    Progress, Pruned, Recorded, Retention, Search, Signature, StatisticsRound, Store, StoreResult,
    StoredAction,
};

#[async_trait]
impl Store for PostgresStore {
    async fn issue_ids(&self, count: u32, now: Time) -> StoreResult<IdBlock> {
        // Identifiers reserved twice are only lost.
        transaction!(&self.database, "reserved identifiers", Kind::Repeatable, tx => identifiers::issue(tx, count, now))
    }

    async fn create_action(&self, action: &Action, signatures: &[Signature]) -> StoreResult<()> {
        transaction!(&self.database, "stored an action", Kind::Confirmed, tx => actions::create(tx, action, signatures))
    }

    async fn action(&self, id: Id) -> StoreResult<StoredAction> {
        transaction!(&self.database, "read an action", Kind::Read, tx => actions::get(tx, id))
    }

    async fn action_progress(&self, id: Id) -> StoreResult<Progress> {
        transaction!(&self.database, "read an action", Kind::Read, tx => actions::progress(tx, id))
    }

    async fn claim_actions(&self, claim: &Claim) -> StoreResult<Vec<Action>> {
        // A claim nobody heard of is taken again once it is old; run again, this
        // would take other actions instead.
        transaction!(&self.database, "claimed actions", Kind::Once, tx => actions::claim(tx, claim))
    }

    async fn start_action(&self, start: &ActionStart) -> StoreResult<()> {
        transaction!(&self.database, "stored commands", Kind::Confirmed, tx => commands::start(tx, start))
    }

    async fn invalidate_action(&self, id: Id, reason: &str, now: Time) -> StoreResult<()> {
        transaction!(&self.database, "invalidated an action", Kind::Confirmed, tx => actions::invalidate(tx, id, reason, now))
    }

    async fn outbox(&self, after: Id, limit: u32) -> StoreResult<Vec<Command>> {
        transaction!(&self.database, "read the outbox", Kind::Read, tx => commands::outbox(tx, after, limit))
    }

    async fn take_outbox(
        &self,
        holding: &Holding,
        after: Id,
        limit: u32,
    ) -> StoreResult<Vec<Command>> {
        // Who holds a command gets it again.
        transaction!(&self.database, "took commands out of the outbox", Kind::Repeatable, tx => holding::take(tx, holding, after, limit))
    }

    async fn release_outbox(&self, holder: u64) -> StoreResult<()> {
        transaction!(&self.database, "released the outbox", Kind::Repeatable, tx => holding::release(tx, holder))
    }

    async fn outbox_done(&self, commands: &[Id]) -> StoreResult<()> {
        transaction!(&self.database, "emptied the outbox", Kind::Repeatable, tx => commands::published(tx, commands))
    }

    async fn finish_commands(&self, answers: &[Answer]) -> StoreResult<Vec<AnswerOutcome>> {
        // What was stored a moment ago is recognised the second time, and everybody
        // was told of it when it was committed.
        transaction!(&self.database, "stored answers", Kind::Repeatable, tx => answers::finish(tx, answers))
    }

    async fn expire_due(&self, now: Time) -> StoreResult<Expired> {
        // What ended is not due the second time; everybody was told.
        transaction!(&self.database, "expired commands", Kind::Repeatable, tx => deadlines::expire(tx, now))
    }

    async fn next_deadline(&self, now: Time) -> StoreResult<Option<Time>> {
        transaction!(&self.database, "looked for deadlines", Kind::Read, tx => deadlines::next(tx, now))
    }

    async fn command(&self, id: Id) -> StoreResult<Command> {
        transaction!(&self.database, "read a command", Kind::Read, tx => commands::get(tx, id))
    }

    async fn agents_by_target(
        &self,
        target: &Target,
        now: Time,
        limit: u32,
    ) -> StoreResult<Vec<Agent>> {
        transaction!(&self.database, "evaluated a target", Kind::Read, tx => agents::by_target(tx, target, now, limit))
    }

    async fn agent(&self, id: Id) -> StoreResult<Agent> {
        transaction!(&self.database, "read an agent", Kind::Read, tx => agents::get(tx, id))
    }

    async fn record_heartbeats(
        &self,
        agents: &[Agent],
        now: Time,
    ) -> StoreResult<Vec<HeartbeatOutcome>> {
        self.heartbeats.store(agents, now).await
    }

    async fn age_agents(&self, limits: AgeLimits) -> StoreResult<AgedAgents> {
        transaction!(&self.database, "aged agents", Kind::Repeatable, tx => agents::age(tx, limits))
    }

    async fn agent_statistics(&self, now: Time) -> StoreResult<AgentStatistics> {
        transaction!(&self.database, "counted agents", Kind::Read, tx => statistics::of_agents(tx, now))
    }

    async fn latest_actions(&self, limit: u32) -> StoreResult<Vec<Action>> {
        transaction!(&self.database, "read actions", Kind::Read, tx => actions::latest(tx, limit))
    }

    async fn search_actions(&self, search: &Search) -> StoreResult<Vec<Action>> {
        transaction!(&self.database, "searched actions", Kind::Read, tx => search::of_actions(tx, search))
    }

    async fn search_commands(&self, search: &Search) -> StoreResult<Vec<Command>> {
        transaction!(&self.database, "searched commands", Kind::Read, tx => search::of_commands(tx, search))
    }

    async fn search_agents(&self, search: &Search) -> StoreResult<Vec<Agent>> {
        transaction!(&self.database, "searched agents", Kind::Read, tx => search::of_agents(tx, search))
    }

    async fn search_investigators(&self, search: &Search) -> StoreResult<Vec<Investigator>> {
        transaction!(&self.database, "searched investigators", Kind::Read, tx => search::of_investigators(tx, search))
    }

    async fn investigator(&self, id: Id) -> StoreResult<Investigator> {
        transaction!(&self.database, "read an investigator", Kind::Read, tx => investigators::get(tx, id))
    }

    async fn investigator_by_fingerprint(&self, fingerprint: &str) -> StoreResult<Investigator> {
        transaction!(&self.database, "read an investigator", Kind::Read, tx => investigators::by_fingerprint(tx, fingerprint))
    }

    async fn active_investigators(&self) -> StoreResult<Vec<Investigator>> {
        transaction!(&self.database, "read investigators", Kind::Read, tx => investigators::active(tx))
    }

    async fn create_investigator(&self, new: &NewInvestigator) -> StoreResult<Id> {
        transaction!(&self.database, "stored an investigator", Kind::Confirmed, tx => investigators::create(tx, new))
    }

    async fn update_investigator(
        &self,
        id: Id,
        update: &InvestigatorUpdate,
        now: Time,
    ) -> StoreResult<()> {
        // It sets values, and sets them to the same the second time.
        transaction!(&self.database, "changed an investigator", Kind::Repeatable, tx => investigators::update(tx, id, update, now))
    }

    async fn api_keys(&self) -> StoreResult<Vec<ApiKey>> {
        transaction!(&self.database, "read API keys", Kind::Read, tx => investigators::api_keys(tx))
    }

    async fn record_statistics(&self, round: &StatisticsRound) -> StoreResult<Recorded> {
        // The second time, there is a row.
        transaction!(&self.database, "recorded statistics", Kind::Repeatable, tx => statistics::record(tx, round))
    }

    async fn duplicate_agents(
        &self,
        heard_since: Time,
        after: &str,
        queues: u32,
    ) -> StoreResult<Vec<Agent>> {
        transaction!(&self.database, "looked for duplicate agents", Kind::Read, tx => duties::duplicates(tx, heard_since, after, queues))
    }

    async fn destroy_agent(&self, order: &DestroyOrder) -> StoreResult<()> {
        transaction!(&self.database, "ordered the end of an agent", Kind::Confirmed, tx => duties::destroy(tx, order))
    }

    async fn lost_queues(
        &self,
        silent_since: Time,
        after: &str,
        limit: u32,
    ) -> StoreResult<Vec<String>> {
        transaction!(&self.database, "looked for lost agents", Kind::Read, tx => duties::lost_queues(tx, silent_since, after, limit))
    }

    async fn queues_deleted(&self, queuelocs: &[String], silent_since: Time) -> StoreResult<()> {
        transaction!(&self.database, "forgot queues", Kind::Repeatable, tx => duties::queues_deleted(tx, queuelocs, silent_since))
    }

    async fn unannounced_agents(&self, started_since: Time, limit: u32) -> StoreResult<Vec<Agent>> {
        transaction!(&self.database, "looked for new agents", Kind::Read, tx => duties::unannounced(tx, started_since, limit))
    }

    async fn announce_agents(&self, agents: &[Id]) -> StoreResult<Vec<Id>> {
        // Told once at most.
        transaction!(&self.database, "announced agents", Kind::Once, tx => duties::announce(tx, agents))
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        transaction!(&self.database, "deleted what is old", Kind::Repeatable, tx => retention::prune(tx, retention))
    }
}
