//! From a stored action to commands in the outbox.

use std::sync::Arc;
use std::time::Duration;

use mig_logging::causes;
use mig_protocol::{Action, Agent, Id, ModuleResult, Time};
use mig_store::{ActionStart, Claim, NewCommand, StoreError, StoreResult};
use mig_target::Target;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::start::Shared;

/// How many actions are claimed at a time.
const CLAIMED_AT_ONCE: u32 = 64;
/// A deadline further away is looked at again after this time, because the
/// clock may have been set or the machine been asleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Times that the database fails over a target before its action is given up.
const MOST_REFUSALS: u32 = 5;
/// A deadline that has passed already is not looked at more often than this.
const SHORTEST_SLEEP: Duration = Duration::from_millis(2);

/// Works on actions until told to stop: whenever woken, and at deadlines.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut planner = Planner {
        shared: &shared,
        held: Vec::new(),
    };
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
    loop {
        let sleep = match planner.round().await {
            Ok(deadline) => {
                backoff.reset();
                deadline.map(|deadline| {
                    let left = deadline.since(shared.now());
                    left.clamp(SHORTEST_SLEEP, longest_sleep(&shared))
                })
            }
            Err(error) => {
                let pause = backoff.pause();
                tracing::error!("{}; trying again in {pause:?}", causes(&error));
                Some(pause)
            }
        };
        let timer = async {
            match sleep {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = shared.wake.woken() => {}
            () = timer => {}
        }
    }
}

/// Also how long it takes until what another scheduler claimed and left is seen;
/// as long as something is claimed there is a deadline, that of its expiry.
fn longest_sleep(shared: &Shared) -> Duration {
    if shared.config.sole {
        LONGEST_SLEEP
    } else {
        shared
            .config
            .abandoned_after
            .clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }
}

/// What the original writes for `logactions`.
fn log_commands(action: &Action, agents: &[Agent], commands: &[NewCommand]) {
    for (agent, command) in agents.iter().zip(commands) {
        tracing::info!(
            action = action.id.0,
            command = command.id.0,
            r#"Agent action: agent="{}" loader="" name="{}""#,
            agent.name.escape_debug(),
            action.name.escape_debug()
        );
    }
}

struct Planner<'a> {
    shared: &'a Shared,
    /// Claimed, but not started because the store failed; tried again.
    held: Vec<Held>,
}

/// An action that was claimed.
struct Held {
    action: Action,
    /// How often the database failed over its target.
    refused: u32,
}

impl Planner<'_> {
    /// Everything there is to do now; answers when there is something next.
    async fn round(&mut self) -> StoreResult<Option<Time>> {
        // What keeps it from ending what is over keeps nobody from beginning.
        let ended = self.expire().await;
        if let Err(error) = &ended
            && error.is_away()
        {
            return ended.map(|()| None);
        }
        let held = std::mem::take(&mut self.held);
        let mut outcome = self.start_all(held).await;
        if let Err(error) = &outcome
            && error.is_away()
        {
            return outcome.map(|()| None);
        }
        loop {
            let mut claimed = self.claim().await?;
            if claimed.is_empty() {
                break;
            }
            // With several schedulers, what is held for long is claimed again.
            claimed.retain(|action| self.held.iter().all(|held| held.action.id != action.id));
            let claimed = claimed
                .into_iter()
                .map(|action| Held { action, refused: 0 });
            outcome = outcome.and(self.start_all(claimed.collect()).await);
        }
        self.shared.outbox.notify_one();
        ended?;
        outcome?;
        self.shared.store.next_deadline(self.shared.now()).await
    }

    /// Starts actions. One that fails keeps neither the others waiting nor those
    /// still to be claimed; it is held. So are all the rest once the database is
    /// away, for which each would wait in turn.
    async fn start_all(&mut self, all: Vec<Held>) -> StoreResult<()> {
        let mut outcome = Ok(());
        let mut all = all.into_iter();
        while let Some(mut held) = all.next() {
            match self.start(&mut held).await {
                Ok(()) => {}
                Err(StoreError::Corrupt { what, reason }) => {
                    // Trying again would not help.
                    let reason = format!("{what} cannot be read: {reason}");
                    tracing::error!(action = held.action.id.0, "{reason}.");
                    outcome = outcome.and(self.invalidate(held.action.id, &reason).await);
                }
                Err(error) => {
                    self.held.push(held);
                    if error.is_away() {
                        self.held.extend(all);
                        return Err(error);
                    }
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    async fn expire(&self) -> StoreResult<()> {
        while self.expire_portion().await? {}
        Ok(())
    }

    /// Whether there is more.
    async fn expire_portion(&self) -> StoreResult<bool> {
        let expired = self.shared.store.expire_due(self.shared.now()).await?;
        self.shared.counts.commands_expired.add(expired.commands);
        for action in &expired.invalidated {
            self.shared.counts.actions_invalid.one();
            tracing::warn!(
                action = action.0,
                "The action expired before it could start."
            );
        }
        if expired.commands > 0 {
            tracing::info!("{} commands expired without an answer.", expired.commands);
        }
        for action in expired.actions {
            self.shared.changes.changed(action);
        }
        Ok(expired.more)
    }

    async fn claim(&self) -> StoreResult<Vec<Action>> {
        let now = self.shared.now();
        // If nothing is held and there is no other scheduler, whatever is claimed
        // was claimed by one that died, or by us in a call whose answer got lost.
        let abandoned_before = if !self.shared.config.sole {
            now - self.shared.config.abandoned_after
        } else if self.held.is_empty() {
            now
        } else {
            Time::FAR_PAST
        };
        let claim = Claim {
            now,
            abandoned_before,
            limit: CLAIMED_AT_ONCE,
        };
        self.shared.store.claim_actions(&claim).await
    }

    /// Creates the commands of one claimed action, or marks it invalid.
    async fn start(&self, held: &mut Held) -> StoreResult<()> {
        let shared = self.shared;
        let action = &held.action;
        let now = shared.now();
        let target = match Target::parse(&action.target) {
            Ok(target) => target,
            Err(error) => return self.invalidate(action.id, &error.to_string()).await,
        };
        let agents = match shared.store.agents_by_target(&target, now, u32::MAX).await {
            Ok(agents) => agents,
            // The database is there: it may be this target that takes too long.
            Err(error @ (StoreError::Database { .. } | StoreError::Refused { .. })) => {
                held.refused += 1;
                if held.refused < MOST_REFUSALS {
                    return Err(error);
                }
                let reason = format!("its target cannot be evaluated: {}", causes(&error));
                return self.invalidate(action.id, &reason).await;
            }
            Err(error) => return Err(error),
        };
        if agents.is_empty() {
            return self
                .invalidate(
                    action.id,
                    "no agent that is online or idle matches the target",
                )
                .await;
        }
        let start = ActionStart {
            action: action.id,
            started: now,
            results: vec![ModuleResult::default(); action.operations().len()],
            commands: self.commands(&agents, now).await?,
        };
        match shared.store.start_action(&start).await {
            Ok(()) => {
                shared.counts.actions_started.one();
                tracing::info!(
                    action = action.id.0,
                    "The action is in flight with {} commands.",
                    start.commands.len()
                );
                if shared.config.log_commands {
                    log_commands(action, &agents, &start.commands);
                }
                shared.changes.changed(action.id);
                // Publication need not wait for the other actions of this round.
                shared.outbox.notify_one();
                Ok(())
            }
            Err(StoreError::Conflict { found, .. }) => {
                tracing::info!(
                    action = action.id.0,
                    "Another scheduler took the action, which is {found} now."
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn commands(&self, agents: &[Agent], now: Time) -> StoreResult<Vec<NewCommand>> {
        let count = u32::try_from(agents.len()).unwrap_or(u32::MAX);
        let ids = self.shared.ids.take(count, now).await?;
        let commands = agents.iter().zip(ids.ids()).map(|(agent, id)| NewCommand {
            id,
            agent: agent.id,
            queueloc: agent.queueloc.clone(),
        });
        Ok(commands.collect())
    }

    async fn invalidate(&self, action: Id, reason: &str) -> StoreResult<()> {
        let now = self.shared.now();
        match self
            .shared
            .store
            .invalidate_action(action, reason, now)
            .await
        {
            Ok(()) => {
                self.shared.counts.actions_invalid.one();
                tracing::warn!(action = action.0, "The action is invalid: {reason}.");
                self.shared.changes.changed(action);
                Ok(())
            }
            // Somebody else ended it; nothing to do.
            Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
