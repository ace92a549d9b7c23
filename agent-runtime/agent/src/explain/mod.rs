//! `mig-agent explain ACTION.json`: what an action would do here and whether it
//! would be allowed, without running it.
//!
//! The checks are the agent's own, one after the other, and all of them where an
//! agent stops at the first that refuses. What only a running agent or the
//! scheduler can know is said to be unknown.

mod operation;
mod privacy;
mod show;
mod signatures;
mod target;

use std::path::Path;

use mig_host::ModuleStore;
use mig_protocol::action::replay_key;
use mig_protocol::clock::{Clock, SystemClock};
use mig_protocol::{Action, Time};
use serde::Serialize;

use crate::authorise::{self, Certainty, Refusal};
use crate::journal::{Journal, Remembered};
use crate::local::{LocalError, read_action};
use crate::settings::Settings;
use crate::trust::Trust;

pub use operation::Explained;

/// What there is to say about an action.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Its name.
    pub name: String,
    /// Its target.
    pub target: String,
    /// Whether all of it would run.
    pub runs: bool,
    /// What would be checked when it arrived.
    pub checks: Vec<Check>,
    /// What would be run.
    pub operations: Vec<Explained>,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What is asked.
    pub what: &'static str,
    /// How it comes out.
    pub answer: Answer,
    /// One line: why.
    pub why: String,
    /// Further lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// How a check comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The action passes.
    Yes,
    /// It is refused.
    No,
    /// That cannot be known here. An agent refuses only what it knows.
    Unknown,
}

impl Check {
    fn new(what: &'static str, answer: Answer, why: impl Into<String>) -> Self {
        Self {
            what,
            answer,
            why: why.into(),
            details: Vec::new(),
        }
    }

    fn of(what: &'static str, outcome: Result<String, Refusal>) -> Self {
        match outcome {
            Ok(why) => Self::new(what, Answer::Yes, why),
            Err(refusal) => Self::new(what, Answer::No, refusal.to_string()),
        }
    }
}

/// Explains the action in a file.
///
/// # Errors
/// The file holds no action.
pub fn explain(
    store: &ModuleStore,
    settings: &Settings,
    path: &Path,
) -> Result<Explanation, LocalError> {
    let action = read_action(path)?;
    let now = SystemClock.now();
    let checks = vec![
        validity(&action, settings, now),
        signers(&action, settings, now),
        meant(&action, store, settings, now),
        replay(&action, settings, now),
    ];
    let operations: Vec<Explained> = action
        .operations()
        .iter()
        .map(|operation| operation::explain(store, settings, operation))
        .collect();
    let runs = checks.iter().all(|check| check.answer != Answer::No)
        && operations.iter().all(|operation| operation.fails.is_none());
    Ok(Explanation {
        name: action.name,
        target: action.target,
        runs,
        checks,
        operations,
    })
}

fn validity(action: &Action, settings: &Settings, now: Time) -> Check {
    let outcome = authorise::is_in_order(action, now, settings.clock_tolerance);
    let period = format!("valid from {} to {}", action.validfrom, action.expireafter);
    let mut check = Check::of(
        "is it an action that is valid now",
        outcome.map(|()| period.clone()),
    );
    if check.answer == Answer::No {
        check.details.push(period);
    }
    check
}

fn signers(action: &Action, settings: &Settings, now: Time) -> Check {
    let what = "may its signers order it";
    let trust = match Trust::load(&settings.keyring, &settings.acl, settings.only_verify_key) {
        Ok(trust) => trust,
        Err(error) => return Check::new(what, Answer::No, error.to_string()),
    };
    let outcome = authorise::may_order(&trust, action, now).map(|signers| {
        let names: Vec<String> = signers.iter().map(signatures::name).collect();
        format!("signed by {}", names.join(" and "))
    });
    let mut check = Check::of(what, outcome);
    check.details = signatures::details(&trust, action, now);
    check
}

fn meant(action: &Action, store: &ModuleStore, settings: &Settings, now: Time) -> Check {
    let what = "is this machine meant";
    let known = target::Known::find(store, settings, &action.target, now);
    let facts = std::iter::once(&known as &dyn mig_target::Facts);
    match authorise::is_meant(&action.target, now, facts) {
        Ok(Certainty::Known) => Check::new(what, Answer::Yes, "the target fits"),
        Ok(Certainty::Possible) => {
            let mut check = Check::new(
                what,
                Answer::Unknown,
                "the target may fit; an agent refuses only what it knows not to fit",
            );
            check.details = known.unknown();
            check
        }
        Err(refusal) => Check::new(what, Answer::No, refusal.to_string()),
    }
}

fn replay(action: &Action, settings: &Settings, now: Time) -> Check {
    let what = "is it new";
    let key = replay_key(action);
    match Journal::remembers(&settings.run_directory, &key, now.unix_seconds()) {
        Ok(Remembered::No) => Check::new(what, Answer::Yes, "this agent did not take it before"),
        Ok(Remembered::Yes) => Check::of(what, Err(Refusal::Replayed)),
        Ok(Remembered::Full) => Check::of(
            what,
            Err(Refusal::NotJournalled(
                crate::journal::JournalError::Full.to_string(),
            )),
        ),
        Err(error) => Check::new(
            what,
            Answer::Unknown,
            format!("{error}; run this as the user mig-agent runs as"),
        ),
    }
}
