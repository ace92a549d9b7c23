//! What happens to a command when it arrives: read, recognised, authorised,
//! journalled. Each refusal has one reason, and whoever sent it gets to know
//! it. Nothing that arrives may stop the agent.

#[cfg(test)]
mod tests;

use mig_protocol::action::replay_key;
use mig_protocol::json::{command_id_hint, parse_command};
use mig_protocol::{Command, Id, Time};

use crate::agent::Agent;
use crate::answer;
use crate::authorise::Refusal;
use crate::journal::{Arrival, EntryId, JournalError, Open};

/// A replay key is remembered this many seconds past its action's expiry.
const REMEMBER: i64 = 600;

/// What to do with a command after it arrived.
#[derive(Debug)]
pub enum Received {
    /// Run it.
    Run(Box<Task>),
    /// An answer is stored and waits to be sent.
    Answered,
    /// Nothing.
    Nothing,
    /// Offer it again later: this host's disk does not take it now, and nothing was
    /// done.
    NotNow,
}

/// A command that is journalled and may run.
#[derive(Debug)]
pub struct Task {
    /// Its place in the journal.
    pub entry: EntryId,
    /// The command.
    pub command: Command,
    /// Operations that were started by an agent that then died.
    pub started: Vec<u32>,
}

impl Agent {
    /// Takes one message from the relay. Blocks for a write to the disk.
    pub fn receive(&self, body: &[u8]) -> Received {
        let command = match parse_command(body) {
            Ok(command) if !command.id.is_zero() => command,
            Ok(_) => {
                tracing::error!("a command without an identifier was ignored");
                self.record_malformed("a command without an identifier");
                return Received::Nothing;
            }
            Err(error) => return self.unreadable(body, &error.to_string()),
        };
        let (id, action) = (command.id, command.action.id);
        let key = replay_key(&command.action);
        // A redelivery was authorised when it first came, and may be answered
        // after its expiry.
        let known = self.journal().known(&key, id);
        match known {
            None | Some(Arrival::New(_) | Arrival::Replayed) => {}
            Some(Arrival::Running(_)) => {
                tracing::info!(command = %id, action = %action, "delivered again while it runs");
                return Received::Nothing;
            }
            Some(Arrival::Answered(_)) => {
                tracing::info!(command = %id, action = %action, "delivered again; the stored result is sent again");
                self.count_unsent(self.journal().totals());
                return Received::Answered;
            }
            Some(Arrival::Forgotten) => {
                tracing::info!(command = %id, action = %action, "delivered again; it was answered before");
                return Received::Nothing;
            }
        }
        let now = self.now();
        let signers = match self.authorise(&command, now) {
            Ok(signers) => signers,
            Err(refusal) => return self.refuse(command, &refusal, now),
        };
        let until = command
            .action
            .expireafter
            .unix_seconds()
            .saturating_add(REMEMBER);
        let arrival = self
            .journal()
            .accept(&key, id, until, now.unix_seconds(), body);
        match arrival {
            Ok(Arrival::New(entry)) => {
                self.history().add(&command.action, true, now);
                self.record_accepted(&command, &signers, false);
                tracing::info!(command = %id, action = %action, "accepted `{}`", one_line(&command.action.name));
                Received::Run(Box::new(Task {
                    entry,
                    command,
                    started: Vec::new(),
                }))
            }
            Ok(Arrival::Replayed) => self.refuse(command, &Refusal::Replayed, now),
            // The same command twice at the same moment.
            Ok(_) => Received::Nothing,
            // There may be room again before it expires.
            Err(error @ JournalError::Io { .. }) => {
                tracing::error!(command = %id, action = %action, "{error}; the command stays with the relay");
                Received::NotNow
            }
            Err(error) => self.refuse(command, &Refusal::NotJournalled(error.to_string()), now),
        }
    }

    /// What to do with a command that an earlier agent accepted and did not
    /// answer. Its signatures are checked again: keys may have been withdrawn.
    pub fn resume(&self, open: Open) -> Received {
        let Open {
            entry,
            command,
            started,
        } = open;
        let command = match parse_command(&command) {
            Ok(command) => command,
            Err(error) => {
                tracing::error!("a journalled command cannot be read: {error}");
                let reason = format!("the agent's journal is damaged: {error}");
                self.record_malformed(&reason);
                let answer = command_id_hint(&command)
                    .map(|id| answer::refuse_unreadable(id, &reason, &self.record()));
                self.store(entry, answer.unwrap_or_default());
                return Received::Answered;
            }
        };
        let (id, action) = (command.id, command.action.id);
        let signers = self.authorise_signers(&command, self.now());
        if let Err(refusal) = &signers {
            let reason = format!("the agent restarted while it ran this, and now {refusal}");
            tracing::warn!(command = %id, action = %action, "{reason}");
            self.record_refused(&command, refusal.kind(), &reason);
            let answer = answer::refuse(command, &reason, &self.record());
            self.store(entry, answer);
            return Received::Answered;
        }
        tracing::info!(command = %id, action = %action, "resumed after a restart");
        self.record_accepted(&command, &signers.unwrap_or_default(), true);
        Received::Run(Box::new(Task {
            entry,
            command,
            started,
        }))
    }

    /// Stores the answer to a journalled command.
    pub(crate) fn store(&self, entry: EntryId, answer: Vec<u8>) {
        let own = self.record();
        let mut journal = self.journal();
        let stored = journal.finish(entry, answer, self.now().unix_seconds(), &|command| {
            self.record_unsent(command, answer::SPOOL_FULL);
            answer::dropped(command, answer::SPOOL_FULL, &own)
        });
        if let Err(error) = stored {
            tracing::error!("a result is held in memory only: {error}");
        }
        self.count_unsent(journal.totals());
    }

    fn unreadable(&self, body: &[u8], reason: &str) -> Received {
        self.record_malformed(reason);
        let Some(id) = command_id_hint(body) else {
            tracing::error!("a message that is no command was ignored: {reason}");
            return Received::Nothing;
        };
        tracing::error!(command = %id, "refused: {reason}");
        let answer = answer::refuse_unreadable(id, reason, &self.record());
        self.store_refusal(id, answer)
    }

    fn refuse(&self, command: Command, refusal: &Refusal, now: Time) -> Received {
        let (id, action) = (command.id, command.action.id);
        tracing::error!(command = %id, action = %action, "refused: {refusal}");
        if refusal.is_unknown_key() {
            // Sites look for this in their logs.
            tracing::error!(command = %id, action = %action, "the signature was made by a key that is not in this agent's keyring");
        }
        self.history().add(&command.action, false, now);
        self.record_refused(&command, refusal.kind(), &refusal.to_string());
        let answer = answer::refuse(command, &refusal.to_string(), &self.record());
        self.store_refusal(id, answer)
    }

    fn store_refusal(&self, id: Id, answer: Vec<u8>) -> Received {
        let own = self.record();
        let mut journal = self.journal();
        let stored = journal.refuse(id, answer, self.now().unix_seconds(), &|command| {
            self.record_unsent(command, answer::SPOOL_FULL);
            answer::dropped(command, answer::SPOOL_FULL, &own)
        });
        if let Err(error) = stored {
            tracing::error!("a refusal is held in memory only: {error}");
        }
        self.count_unsent(journal.totals());
        Received::Answered
    }
}

/// Text from far away, for a log.
fn one_line(text: &str) -> String {
    text.chars()
        .take(200)
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}
