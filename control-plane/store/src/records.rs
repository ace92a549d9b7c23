//! What goes into and comes out of the store beside the documents themselves.

use std::time::Duration;

use mig_protocol::{
    Action, CommandStatus, Counters, Id, InvestigatorStatus, ModuleResult, Permissions, Time,
};

/// Consecutive identifiers reserved for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdBlock {
    /// The first one.
    pub first: Id,
    /// How many.
    pub count: u32,
}

impl IdBlock {
    /// The identifiers.
    pub fn ids(self) -> impl Iterator<Item = Id> {
        (0..u64::from(self.count)).map(move |offset| Id(self.first.0 + offset))
    }
}

/// One signature of an action and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signer.
    pub investigator: Id,
    /// The one-line signature.
    pub signature: String,
}

/// An action as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAction {
    /// With counters and investigators.
    pub action: Action,
    /// Why it is invalid.
    pub reason: Option<String>,
}

/// What changes while an action runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Where it stands.
    pub status: mig_protocol::ActionStatus,
    /// When it last changed.
    pub lastupdatetime: Time,
    /// How its commands stand.
    pub counters: Counters,
}

/// Which actions a scheduler takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The time now.
    pub now: Time,
    /// Claims older than this were abandoned by a scheduler that died; `now`
    /// when there is only one scheduler and it holds none.
    pub abandoned_before: Time,
    /// How many at most.
    pub limit: u32,
}

impl Claim {
    /// What was claimed later than this was claimed under a clock that was ahead,
    /// by somebody who died before it was set right: waiting for the clock to
    /// come there would take as long as it was ahead.
    pub(crate) fn impossible_after(&self) -> Time {
        mirrored(self.abandoned_before, self.now)
    }
}

impl Holding {
    /// As [`Claim::impossible_after`], for schedulers heard of later than this.
    pub(crate) fn impossible_after(&self) -> Time {
        mirrored(self.abandoned_before, self.now)
    }
}

/// As far after now as `before` is before it.
fn mirrored(before: Time, now: Time) -> Time {
    now + now.since(before)
}

/// Which scheduler publishes, and when another one counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The scheduler: a number that no other one has, below 2^63.
    pub holder: u64,
    /// The time now.
    pub now: Time,
    /// Schedulers not heard of since are gone.
    pub abandoned_before: Time,
}

/// Everything needed to set an action in flight.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionStart {
    /// Which action.
    pub action: Id,
    /// When the scheduler took it up; also the start time of its commands.
    pub started: Time,
    /// What each command's results are until the agent answers: one empty
    /// result per operation.
    pub results: Vec<ModuleResult>,
    /// One per agent.
    pub commands: Vec<NewCommand>,
}

/// One command to be stored and published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// From [`crate::Store::issue_ids`].
    pub id: Id,
    /// The agent's row.
    pub agent: Id,
    /// The agent's identity, which its answer must carry.
    pub queueloc: String,
}

/// What an agent sent back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Which command.
    pub command: Id,
    /// Who answers.
    pub queueloc: String,
    /// A terminal status, never `sent`.
    pub status: CommandStatus,
    /// One per operation; what the agent sent.
    pub results: Vec<ModuleResult>,
    /// When it arrived; becomes the command's finish time.
    pub received: Time,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// It is stored.
    Stored {
        /// The action it belongs to.
        action: Id,
        /// The command had been given up.
        replaced_expired: bool,
        /// It was the last one missing.
        completed: bool,
    },
    /// An answer is stored already; this one was dropped.
    AlreadyAnswered {
        /// The action it belongs to.
        action: Id,
    },
    /// There is no such command.
    UnknownCommand,
    /// The command was made for another agent.
    OtherAgent,
}

/// What time ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many commands expired.
    pub commands: u64,
    /// Actions whose status or counters changed, each once.
    pub actions: Vec<Id>,
    /// Those among them that never started and are invalid now.
    pub invalidated: Vec<Id>,
    /// There may be more to end: this was one portion of it.
    pub more: bool,
}

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// A row was added.
    New(Id),
    /// A row was updated.
    Known(Id),
    /// The agent was destroyed and still lives.
    Destroyed(Id),
}

/// When an agent counts as silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeLimits {
    /// Online agents not heard of since are idle.
    pub idle_before: Time,
    /// Idle agents not heard of since are offline. Those first heard of longer than
    /// [`NEWS`] before it need not be announced any more.
    pub offline_before: Time,
}

/// Agents first heard of longer ago are no news to anybody.
pub const NEWS: Duration = Duration::from_secs(600);

/// So long after the order to end it an agent that is heard of may still be about
/// to end; later, it lives on.
pub(crate) const ENDING: Duration = Duration::from_secs(60);

/// Of the agents of one queue, so many of the newest are looked at together.
pub const DUPLICATES_OF_ONE: u32 = 16;

/// Versions that are counted by themselves. Agents say what they like of their
/// version, and a table that is kept for long must not be what they fill a disk with.
pub(crate) const VERSIONS: u32 = 100;
/// Of each as many characters.
pub(crate) const VERSION_LENGTH: u32 = 128;
/// All other versions together.
pub(crate) const OTHER_VERSIONS: &str = "other";

/// How many agents changed their status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgedAgents {
    /// From online to idle.
    pub idle: u64,
    /// From idle or destroyed to offline.
    pub offline: u64,
}

/// One of the rows that tell over time how many agents there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatisticsRound {
    /// The time now.
    pub now: Time,
    /// Nothing is written when there is a row since then.
    pub none_since: Time,
    /// Rows from before are deleted.
    pub keep_since: Time,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// A row was added. Of several schedulers that ask at once, one hears this.
    pub written: bool,
    /// Rows deleted because they are old.
    pub deleted: u64,
    /// Rows deleted that were written under a clock that was ahead.
    pub ahead: u64,
}

impl StatisticsRound {
    /// Rows between these were written under a clock that was ahead: nothing would
    /// be written any more once the time gets there. Only as many as it gets to
    /// before somebody looks again, since it may be this clock that is wrong.
    pub(crate) fn impossible(&self) -> (Time, Time) {
        let period = self.now.since(self.none_since);
        (self.now + period, self.now + period * 4)
    }
}

/// The order to end an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct DestroyOrder {
    /// The row of the agent.
    pub agent: Id,
    /// Its destruction time as it was read: whoever orders first changes it.
    pub destroyed_before: Time,
    /// The signed action.
    pub action: Action,
    /// Fingerprint of whoever signed it: an active investigator.
    pub signer: String,
    /// The time now.
    pub now: Time,
}

/// Counts of agents. An endpoint is a queueloc.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentStatistics {
    /// Rows that are online.
    pub online_agents: u64,
    /// The same by version, most first, rare ones together as `other` at the end.
    pub online_agents_by_version: Vec<VersionCount>,
    /// Distinct endpoints online.
    pub online_endpoints: u64,
    /// Idle rows whose endpoint has no online row.
    pub idle_agents: u64,
    /// The same by version, most first.
    pub idle_agents_by_version: Vec<VersionCount>,
    /// Distinct endpoints idle without an online row.
    pub idle_endpoints: u64,
    /// Endpoints started in the last 24 hours and not heard of between seven
    /// days and 24 hours ago.
    pub new_endpoints: u64,
    /// Endpoints with more than one online row.
    pub multi_agents_endpoints: u64,
    /// Endpoints heard of in the last seven days and neither idle nor online.
    pub disappeared_endpoints: u64,
    /// Endpoints with more than one row online or idle.
    pub flapping_endpoints: u64,
}

/// How many agents have a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCount {
    /// Version of the agent.
    pub version: String,
    /// How many rows.
    pub count: u64,
}

impl VersionCount {
    /// As the original's column has it: `null` when there are none.
    pub(crate) fn document(counts: &[VersionCount]) -> String {
        let list = counts
            .iter()
            .map(|count| serde_json::json!({"version": count.version, "count": count.count}));
        let list: Vec<_> = list.collect();
        if list.is_empty() {
            "null".to_owned()
        } else {
            serde_json::Value::from(list).to_string()
        }
    }
}

/// What to search for. `None` means "any". Patterns are those of SQL's ILIKE:
/// `%` stands for many characters, `_` for one, letter case does not count.
/// Filters that mean nothing for the type searched are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Action identifier.
    pub action_id: Option<Id>,
    /// Agent identifier.
    pub agent_id: Option<Id>,
    /// Command identifier.
    pub command_id: Option<Id>,
    /// Identifier of a signer.
    pub investigator_id: Option<Id>,
    /// Pattern of the action's name.
    pub action_name: Option<String>,
    /// Pattern of the agent's name.
    pub agent_name: Option<String>,
    /// Pattern of the agent's version.
    pub agent_version: Option<String>,
    /// Pattern of a signer's name.
    pub investigator_name: Option<String>,
    /// Pattern of the action's threat family.
    pub threat_family: Option<String>,
    /// Pattern of the status of what is searched.
    pub status: Option<String>,
    /// Actions: `validfrom` at or after; commands: start; agents: heartbeat;
    /// investigators: last change.
    pub after: Option<Time>,
    /// Actions: `expireafter` at or before; the others as `after`.
    pub before: Option<Time>,
    /// Commands with status `success` and at least one result with this flag.
    pub found_anything: Option<bool>,
    /// How many at most.
    pub limit: u32,
    /// How many to leave out at the start.
    pub offset: u32,
}

/// A new investigator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvestigator {
    /// Name of the person.
    pub name: String,
    /// 40 hex digits of the primary key, or empty for one without a key.
    pub fingerprint: String,
    /// The armored public key, or empty.
    pub public_key: Vec<u8>,
    /// What they may do.
    pub permissions: Permissions,
    /// When.
    pub created: Time,
}

/// A change of an investigator. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvestigatorUpdate {
    /// New status.
    pub status: Option<InvestigatorStatus>,
    /// New permissions, all of them.
    pub permissions: Option<Permissions>,
    /// New or removed API key.
    pub api_key: Option<ApiKeyChange>,
}

/// What happens to an API key.
#[derive(Clone, PartialEq, Eq)]
pub enum ApiKeyChange {
    /// Set or replace.
    Set {
        /// 16 random bytes.
        salt: Vec<u8>,
        /// PBKDF2 of the key.
        hash: Vec<u8>,
    },
    /// Remove.
    Remove,
}

impl std::fmt::Debug for ApiKeyChange {
    /// Without the hash, which does not belong into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ApiKeyChange::Set { .. } => "Set",
            ApiKeyChange::Remove => "Remove",
        })
    }
}

/// The stored form of an API key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose.
    pub investigator: Id,
    /// 16 random bytes.
    pub salt: Vec<u8>,
    /// PBKDF2 of the key.
    pub hash: Vec<u8>,
}

impl std::fmt::Debug for ApiKey {
    /// Without the hash, which does not belong into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey(investigator {})", self.investigator)
    }
}

/// What is old enough to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Actions that finished, and agents last heard of, before.
    pub before: Time,
    /// Of agents whose queue may still be on the relay, and who alone can name it,
    /// those last heard of before this as well.
    pub queues_before: Time,
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Actions.
    pub actions: u64,
    /// Commands of these actions.
    pub commands: u64,
    /// Agents.
    pub agents: u64,
    /// Of these, agents whose queue nobody has deleted, and nobody else's agent has.
    pub queues_left: u64,
    /// There may be more to delete: this was one portion of it.
    pub more: bool,
}
