//! Whether a command may run here: its form and time, who signed it, what they
//! may do, and whether this host is meant.

use mig_protocol::action::{Invalid, validate_for_agent};
use mig_protocol::openpgp::{SignatureRefused, VerifyError};
use mig_protocol::{Agent as Record, Command, Time};
use mig_target::{AgentFacts, Target, TargetError, Verdict};
use thiserror::Error;

use crate::agent::Agent;
use crate::trust::TrustError;

/// Why a command is refused: one line for the investigator.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The action breaks a rule, or is not valid now.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// A signature does not count.
    #[error("{0}")]
    Signature(#[from] SignatureRefused),
    /// The signers may not do this, or keys or ACL cannot be read.
    #[error("{0}")]
    Trust(#[from] TrustError),
    /// The target makes no sense.
    #[error("the target cannot be understood: {0}")]
    Target(#[from] TargetError),
    /// The action is for others.
    #[error("this agent does not match the action's target")]
    NotMeant,
    /// The action came before under another command.
    #[error("the action was already taken: it is a replay under another command identifier")]
    Replayed,
    /// Nothing runs that could not be recognised if it came again.
    #[error("{0}")]
    NotJournalled(String),
}

impl Refusal {
    /// Whether it is for a signature by a key nobody here knows.
    pub fn is_unknown_key(&self) -> bool {
        matches!(
            self,
            Self::Signature(SignatureRefused {
                reason: VerifyError::UnknownKey { .. },
                ..
            })
        )
    }
}

impl Agent {
    /// Everything but the replay check, which is the journal's.
    ///
    /// # Errors
    /// The first reason to refuse.
    pub(crate) fn authorise(&self, command: &Command, now: Time) -> Result<(), Refusal> {
        validate_for_agent(&command.action, now, self.settings().clock_tolerance)?;
        self.authorise_signers(command, now)?;
        let told = self.told();
        let known = [Some(self.record()), told];
        is_meant(&command.action.target, now, known.iter().flatten())
    }

    /// Who signed, and whether they may.
    ///
    /// # Errors
    /// The first reason to refuse.
    pub(crate) fn authorise_signers(&self, command: &Command, now: Time) -> Result<(), Refusal> {
        let trust = self.trust().current()?;
        let signers = trust.keyring.verify_action(&command.action, now)?;
        trust.permit(&command.action, &signers)?;
        Ok(())
    }
}

/// Refuses only what is definitely not for this agent, as it is or as the
/// scheduler was last told that it is. What an agent cannot know (its status,
/// its times, other tables) may be true.
fn is_meant<'a>(
    target: &str,
    now: Time,
    known: impl Iterator<Item = &'a Record>,
) -> Result<(), Refusal> {
    let target = Target::parse(target)?;
    for record in known {
        if target.evaluate(now.into(), &facts(record)) != Verdict::False {
            return Ok(());
        }
    }
    Err(Refusal::NotMeant)
}

fn facts(record: &Record) -> AgentFacts {
    let json = |value| serde_json::to_value(value).unwrap_or_default();
    AgentFacts {
        name: record.name.clone(),
        queueloc: record.queueloc.clone(),
        mode: record.mode.to_string(),
        version: record.version.clone(),
        pid: record.pid,
        environment: serde_json::to_value(&record.environment).unwrap_or_default(),
        tags: json(&record.tags),
    }
}

#[cfg(test)]
mod tests {
    use mig_protocol::{AgentMode, Environment};

    use super::*;

    fn record() -> Record {
        Record {
            name: "h1.example.net".into(),
            queueloc: "linux.x".into(),
            mode: AgentMode::Daemon,
            pid: 42,
            environment: Environment {
                os: "linux".into(),
                ident: "Debian 12 bookworm".into(),
                ..Environment::default()
            },
            tags: [("operator".to_owned(), "it".to_owned())].into(),
            ..Record::default()
        }
    }

    #[test]
    fn only_a_definite_no_refuses() {
        for (target, meant) in [
            ("status='online'", true),
            ("name='h1.example.net' AND status='offline'", true),
            ("name='h2.example.net'", false),
            ("name='h2.example.net' AND status='online'", false),
            ("name='h2.example.net' OR id=5", true),
            ("environment->>'os'='linux'", true),
            ("environment->>'os'='darwin'", false),
            ("environment->>'ident' ILIKE 'debian%'", true),
            ("tags->>'operator'='it'", true),
            ("tags->>'operator'='finance'", false),
            ("tags->>'absent'='x'", false),
            ("pid=42 AND queueloc='linux.x'", true),
            ("pid=43", false),
            ("heartbeattime > NOW() - INTERVAL '5 minutes'", true),
            (
                "id IN (SELECT agentid FROM commands WHERE actionid=5)",
                true,
            ),
        ] {
            let outcome = is_meant(target, Time::now(), [record()].iter());
            assert_eq!(outcome.is_ok(), meant, "{target}: {outcome:?}");
        }
    }

    #[test]
    fn what_the_scheduler_was_told_counts_too() {
        let mut told = record();
        told.tags.insert("operator".into(), "finance".into());
        let target = "tags->>'operator'='finance'";
        assert!(is_meant(target, Time::now(), [record()].iter()).is_err());
        assert!(is_meant(target, Time::now(), [record(), told].iter()).is_ok());
    }

    #[test]
    fn a_target_that_is_none_is_refused_with_its_place() {
        let error = is_meant("name=", Time::now(), [record()].iter()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the target cannot be understood: "),
            "{error}"
        );
    }
}
