//! The contract, method by method.

use async_trait::async_trait;
use mig_protocol::{Action, Agent, Command, Id, Investigator, Time};
use mig_target::Target;

use super::{
    SqliteStore, actions, agents, answers, commands, deadlines, duties, holding, identifiers,
    investigators, retention, search, statistics,
};
use crate::{
    ActionStart, AgeLimits, AgedAgents, AgentStatistics, Answer, AnswerOutcome, ApiKey, Claim,
    DestroyOrder, Expired, HeartbeatOutcome, Holding, IdBlock, InvestigatorUpdate, NewInvestigator,
    Progress, Pruned, Recorded, Retention, Search, Signature, StatisticsRound, Store, StoreResult,
    StoredAction,
};

#[async_trait]
impl Store for SqliteStore {
    async fn issue_ids(&self, count: u32, now: Time) -> StoreResult<IdBlock> {
        self.writer
            .write("reserved identifiers", move |db| {
                identifiers::issue(db, count, now)
            })
            .await
    }

    async fn create_action(&self, action: &Action, signatures: &[Signature]) -> StoreResult<()> {
        let (action, signatures) = (action.clone(), signatures.to_vec());
        let work = move |db: &_| actions::create(db, &action, &signatures);
        self.writer.write("stored an action", work).await
    }

    async fn action(&self, id: Id) -> StoreResult<StoredAction> {
        self.readers
            .read("read an action", move |db| actions::get(db, id))
            .await
    }

    async fn action_progress(&self, id: Id) -> StoreResult<Progress> {
        self.readers
            .read("read an action", move |db| actions::progress(db, id))
            .await
    }

    async fn claim_actions(&self, claim: &Claim) -> StoreResult<Vec<Action>> {
        let claim = *claim;
        self.writer
            .write("claimed actions", move |db| actions::claim(db, claim))
            .await
    }

    async fn start_action(&self, start: &ActionStart) -> StoreResult<()> {
        let start = start.clone();
        self.writer
            .write("stored commands", move |db| commands::start(db, &start))
            .await
    }

    async fn invalidate_action(&self, id: Id, reason: &str, now: Time) -> StoreResult<()> {
        let reason = reason.to_owned();
        let work = move |db: &_| actions::invalidate(db, id, &reason, now);
        self.writer.write("invalidated an action", work).await
    }

    async fn outbox(&self, after: Id, limit: u32) -> StoreResult<Vec<Command>> {
        self.readers
            .read("read the outbox", move |db| {
                commands::outbox(db, after, limit)
            })
            .await
    }

    async fn take_outbox(
        &self,
        holding: &Holding,
        after: Id,
        limit: u32,
    ) -> StoreResult<Vec<Command>> {
        let holding = *holding;
        self.writer
            .write("took commands out of the outbox", move |db| {
                holding::take(db, holding, after, limit)
            })
            .await
    }

    async fn release_outbox(&self, holder: u64) -> StoreResult<()> {
        self.writer
            .write("released the outbox", move |db| {
                holding::release(db, Id(holder))
            })
            .await
    }

    async fn outbox_done(&self, commands: &[Id]) -> StoreResult<()> {
        let done = commands.to_vec();
        self.writer
            .write("emptied the outbox", move |db| {
                commands::published(db, &done)
            })
            .await
    }

    async fn finish_commands(&self, answers: &[Answer]) -> StoreResult<Vec<AnswerOutcome>> {
        let answers = answers.to_vec();
        self.writer
            .write("stored answers", move |db| answers::finish(db, &answers))
            .await
    }

    async fn expire_due(&self, now: Time) -> StoreResult<Expired> {
        self.writer
            .write("expired commands", move |db| deadlines::expire(db, now))
            .await
    }

    async fn next_deadline(&self, now: Time) -> StoreResult<Option<Time>> {
        self.readers
            .read("looked for deadlines", move |db| deadlines::next(db, now))
            .await
    }

    async fn command(&self, id: Id) -> StoreResult<Command> {
        self.readers
            .read("read a command", move |db| commands::get(db, id))
            .await
    }

    async fn agents_by_target(
        &self,
        target: &Target,
        now: Time,
        limit: u32,
    ) -> StoreResult<Vec<Agent>> {
        let target = target.clone();
        let work = move |db: &_| agents::by_target(db, &target, now, limit);
        self.readers.read("evaluated a target", work).await
    }

    async fn agent(&self, id: Id) -> StoreResult<Agent> {
        self.readers
            .read("read an agent", move |db| agents::get(db, id))
            .await
    }

    async fn record_heartbeats(
        &self,
        agents: &[Agent],
        now: Time,
    ) -> StoreResult<Vec<HeartbeatOutcome>> {
        let heard = agents.to_vec();
        self.writer
            .write("stored heartbeats", move |db| {
                agents::heartbeats(db, &heard, now)
            })
            .await
    }

    async fn age_agents(&self, limits: AgeLimits) -> StoreResult<AgedAgents> {
        self.writer
            .write("aged agents", move |db| agents::age(db, limits))
            .await
    }

    async fn agent_statistics(&self, now: Time) -> StoreResult<AgentStatistics> {
        self.readers
            .read("counted agents", move |db| statistics::of_agents(db, now))
            .await
    }

    async fn latest_actions(&self, limit: u32) -> StoreResult<Vec<Action>> {
        self.readers
            .read("read actions", move |db| actions::latest(db, limit))
            .await
    }

    async fn search_actions(&self, search: &Search) -> StoreResult<Vec<Action>> {
        let search = search.clone();
        self.readers
            .read("searched actions", move |db| {
                search::of_actions(db, &search)
            })
            .await
    }

    async fn search_commands(&self, search: &Search) -> StoreResult<Vec<Command>> {
        let search = search.clone();
        self.readers
            .read("searched commands", move |db| {
                search::of_commands(db, &search)
            })
            .await
    }

    async fn search_agents(&self, search: &Search) -> StoreResult<Vec<Agent>> {
        let search = search.clone();
        self.readers
            .read("searched agents", move |db| search::of_agents(db, &search))
            .await
    }

    async fn search_investigators(&self, search: &Search) -> StoreResult<Vec<Investigator>> {
        let search = search.clone();
        let work = move |db: &_| search::of_investigators(db, &search);
        self.readers.read("searched investigators", work).await
    }

    async fn investigator(&self, id: Id) -> StoreResult<Investigator> {
        self.readers
            .read("read an investigator", move |db| investigators::get(db, id))
            .await
    }

    async fn investigator_by_fingerprint(&self, fingerprint: &str) -> StoreResult<Investigator> {
        let fingerprint = fingerprint.to_owned();
        let work = move |db: &_| investigators::by_fingerprint(db, &fingerprint);
        self.readers.read("read an investigator", work).await
    }

    async fn active_investigators(&self) -> StoreResult<Vec<Investigator>> {
        self.readers
            .read("read investigators", investigators::active)
            .await
    }

    async fn create_investigator(&self, new: &NewInvestigator) -> StoreResult<Id> {
        let new = new.clone();
        self.writer
            .write("stored an investigator", move |db| {
                investigators::create(db, &new)
            })
            .await
    }

    async fn update_investigator(
        &self,
        id: Id,
        update: &InvestigatorUpdate,
        now: Time,
    ) -> StoreResult<()> {
        let update = update.clone();
        let work = move |db: &_| investigators::update(db, id, &update, now);
        self.writer.write("changed an investigator", work).await
    }

    async fn api_keys(&self) -> StoreResult<Vec<ApiKey>> {
        self.readers
            .read("read API keys", investigators::api_keys)
            .await
    }

    async fn record_statistics(&self, round: &StatisticsRound) -> StoreResult<Recorded> {
        let round = *round;
        self.writer
            .write("recorded statistics", move |db| {
                statistics::record(db, &round)
            })
            .await
    }

    async fn duplicate_agents(
        &self,
        heard_since: Time,
        after: &str,
        queues: u32,
    ) -> StoreResult<Vec<Agent>> {
        let after = after.to_owned();
        let work = move |db: &_| duties::duplicates(db, heard_since, &after, queues);
        self.readers.read("looked for duplicate agents", work).await
    }

    async fn destroy_agent(&self, order: &DestroyOrder) -> StoreResult<()> {
        let order = order.clone();
        let work = move |db: &_| duties::destroy(db, &order);
        self.writer.write("ordered the end of an agent", work).await
    }

    async fn lost_queues(
        &self,
        silent_since: Time,
        after: &str,
        limit: u32,
    ) -> StoreResult<Vec<String>> {
        let after = after.to_owned();
        let work = move |db: &_| duties::lost_queues(db, silent_since, &after, limit);
        self.readers.read("looked for lost agents", work).await
    }

    async fn queues_deleted(&self, queuelocs: &[String], silent_since: Time) -> StoreResult<()> {
        let queuelocs = queuelocs.to_vec();
        let work = move |db: &_| duties::queues_deleted(db, &queuelocs, silent_since);
        self.writer.write("forgot queues", work).await
    }

    async fn unannounced_agents(&self, started_since: Time, limit: u32) -> StoreResult<Vec<Agent>> {
        let work = move |db: &_| duties::unannounced(db, started_since, limit);
        self.readers.read("looked for new agents", work).await
    }

    async fn announce_agents(&self, agents: &[Id]) -> StoreResult<Vec<Id>> {
        let agents = agents.to_vec();
        let work = move |db: &_| duties::announce(db, &agents);
        self.writer.write("announced agents", work).await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.writer
            .write("deleted what is old", move |db| {
                retention::prune(db, retention)
            })
            .await
    }
}
