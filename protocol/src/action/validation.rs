//! Whether an action may be accepted, signatures aside.

use std::time::Duration;

use super::signing_string::{SigningRefusal, check_unambiguous};
use crate::documents::Action;
use crate::timestamp::Time;

/// The first rule that an action breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The name is empty.
    #[error("the action has no name")]
    NoName,
    /// The target is empty.
    #[error("the action has no target")]
    NoTarget,
    /// The syntax version is not 2.
    #[error("the action has syntax version {0}, only version 2 is known")]
    SyntaxVersion(u16),
    /// The validity ends before it starts.
    #[error("the action expires at {expireafter}, before it becomes valid at {validfrom}")]
    EndsBeforeStart {
        /// Start of validity.
        validfrom: Time,
        /// End of validity.
        expireafter: Time,
    },
    /// The action is no longer valid.
    #[error("the action expired at {expireafter}; it is now {now}")]
    Expired {
        /// End of validity.
        expireafter: Time,
        /// When it was looked at.
        now: Time,
    },
    /// The action is not valid yet.
    #[error("the action is valid from {validfrom} only; it is now {now}")]
    NotYetValid {
        /// Start of validity.
        validfrom: Time,
        /// When it was looked at.
        now: Time,
    },
    /// The operations are absent, or empty where that is refused.
    #[error("the action has no operations")]
    NoOperations,
    /// There is no signature.
    #[error("the action is not signed")]
    NotSigned,
    /// Name or target would make the signature ambiguous.
    #[error(transparent)]
    Ambiguous(#[from] SigningRefusal),
}

/// The rules of the API. An empty list of operations passes, as in the original;
/// an absent one does not.
///
/// # Errors
/// The first rule that is broken.
pub fn validate(action: &Action, now: Time) -> Result<(), Invalid> {
    validate_at(action, now, Duration::ZERO)
}

/// The rules of an agent: also valid already, and at least one operation.
/// `tolerance` is how far this host's clock may be off, in either direction.
///
/// # Errors
/// The first rule that is broken.
pub fn validate_for_agent(action: &Action, now: Time, tolerance: Duration) -> Result<(), Invalid> {
    validate_at(action, now, tolerance)?;
    if action.operations().is_empty() {
        return Err(Invalid::NoOperations);
    }
    if now.saturating_add(tolerance) < action.validfrom {
        return Err(Invalid::NotYetValid {
            validfrom: action.validfrom,
            now,
        });
    }
    Ok(())
}

fn validate_at(action: &Action, now: Time, tolerance: Duration) -> Result<(), Invalid> {
    let Action {
        validfrom,
        expireafter,
        ..
    } = *action;
    if action.name.is_empty() {
        return Err(Invalid::NoName);
    }
    if action.target.is_empty() {
        return Err(Invalid::NoTarget);
    }
    if action.syntaxversion != 2 {
        return Err(Invalid::SyntaxVersion(action.syntaxversion));
    }
    if validfrom > expireafter {
        return Err(Invalid::EndsBeforeStart {
            validfrom,
            expireafter,
        });
    }
    if now > expireafter.saturating_add(tolerance) {
        return Err(Invalid::Expired { expireafter, now });
    }
    if action.operations.is_none() {
        return Err(Invalid::NoOperations);
    }
    if action.signatures().is_empty() {
        return Err(Invalid::NotSigned);
    }
    check_unambiguous(action)?;
    Ok(())
}
