//! Whether a command may run here: its form and time, who signed it, what they
//! may do, and whether this host is meant.

use std::time::Duration;

use mig_protocol::action::{Invalid, validate_for_agent};
use mig_protocol::openpgp::{SignatureRefused, VerifyError};
use mig_protocol::{Action, Agent as Record, Command, Time};
use mig_target::{AgentFacts, Facts, Target, TargetError, Verdict};
use thiserror::Error;

use crate::agent::Agent;
use crate::record::entry::Signer;
use crate::trust::{Trust, TrustError};

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
    /// What kind of reason it is: one word for the owner's record.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(Invalid::NotSigned) | Self::Signature(_) => "signature",
            Self::Invalid(Invalid::Expired { .. } | Invalid::NotYetValid { .. }) => "time",
            Self::Invalid(_) => "invalid",
            Self::Trust(TrustError::Denied(_)) => "acl",
            Self::Trust(_) => "trust",
            Self::Target(_) | Self::NotMeant => "target",
            Self::Replayed => "replay",
            Self::NotJournalled(_) => "journal",
        }
    }

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
    /// Everything but the replay check, which is the journal's. Returns who
    /// signed.
    ///
    /// # Errors
    /// The first reason to refuse.
    pub(crate) fn authorise(&self, command: &Command, now: Time) -> Result<Vec<Signer>, Refusal> {
        let action = &command.action;
        is_in_order(action, now, self.settings().clock_tolerance)?;
        let signers = may_order(self.trust(), action, now)?;
        let facts: Vec<AgentFacts> = [Some(self.record()), self.told()]
            .iter()
            .flatten()
            .map(facts)
            .collect();
        is_meant(&action.target, now, facts.iter().map(|facts| facts as _))?;
        Ok(signers)
    }

    /// Who signed, and whether they may.
    ///
    /// # Errors
    /// The first reason to refuse.
    pub(crate) fn authorise_signers(
        &self,
        command: &Command,
        now: Time,
    ) -> Result<Vec<Signer>, Refusal> {
        may_order(self.trust(), &command.action, now)
    }
}

/// Whether an action is one, and valid now by a clock that may be off by
/// `tolerance`.
///
/// # Errors
/// It is not.
pub(crate) fn is_in_order(action: &Action, now: Time, tolerance: Duration) -> Result<(), Refusal> {
    Ok(validate_for_agent(action, now, tolerance)?)
}

/// Who signed an action, and whether they may have it carried out.
///
/// # Errors
/// The first reason to refuse.
pub(crate) fn may_order(trust: &Trust, action: &Action, now: Time) -> Result<Vec<Signer>, Refusal> {
    let trust = trust.current()?;
    let signers = trust.keyring.verify_action(action, now)?;
    trust.permit(action, &signers)?;
    Ok(signers
        .iter()
        .map(|key| Signer {
            fingerprint: key.to_string(),
            names: trust.names(key),
        })
        .collect())
}

/// Refuses only what is definitely not for this agent, as it is or as the
/// scheduler was last told that it is. What an agent cannot know (its status,
/// its times, other tables) may be true: whether that decided is returned.
///
/// # Errors
/// The target is none, or it is for others.
pub(crate) fn is_meant<'a>(
    target: &str,
    now: Time,
    known: impl Iterator<Item = &'a dyn Facts>,
) -> Result<Certainty, Refusal> {
    let target = Target::parse(target)?;
    let mut outcome = Err(Refusal::NotMeant);
    for facts in known {
        match target.evaluate(now.into(), facts) {
            Verdict::True => return Ok(Certainty::Known),
            Verdict::False => {}
            _ => outcome = Ok(Certainty::Possible),
        }
    }
    outcome
}

/// How sure it is that an agent is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// It is.
    Known,
    /// That depends on what an agent cannot know; it then takes the action.
    Possible,
}

/// What an agent's record says for a target.
pub(crate) fn facts(record: &Record) -> AgentFacts {
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

    fn judge(target: &str, known: &[Record]) -> Result<Certainty, Refusal> {
        let facts: Vec<AgentFacts> = known.iter().map(facts).collect();
        is_meant(target, Time::now(), facts.iter().map(|facts| facts as _))
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
            let outcome = judge(target, &[record()]);
            assert_eq!(outcome.is_ok(), meant, "{target}: {outcome:?}");
        }
    }

    #[test]
    fn what_the_scheduler_was_told_counts_too() {
        let mut told = record();
        told.tags.insert("operator".into(), "finance".into());
        let target = "tags->>'operator'='finance'";
        assert!(judge(target, &[record()]).is_err());
        assert!(judge(target, &[record(), told]).is_ok());
    }

    #[test]
    fn a_target_that_is_none_is_refused_with_its_place() {
        let error = judge("name=", &[record()]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the target cannot be understood: "),
            "{error}"
        );
    }
}
