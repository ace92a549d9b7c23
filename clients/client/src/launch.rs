//! From parameters or a file to an action the API has accepted.

use std::path::Path;
use std::time::Duration;

use mig_protocol::{Action, Agent, Operation, Time};
use serde_json::Value;

use crate::error::ClientError;
use crate::http::Api;

/// The only action syntax there is.
const SYNTAX_VERSION: u16 = 2;
/// How far the validity begins in the past: clocks differ.
const CLOCK_ALLOWANCE: Duration = Duration::from_secs(60);
/// Questions that far apart are different actions; 1000 ms of it are less than a
/// minute of seconds.
const DISTINCT: Duration = Duration::from_millis(17);
/// Longest default name; more is cut.
const NAME_LENGTH: usize = 100;
/// The most agents a target question asks for.
const MOST_AGENTS: &str = "1000000";

/// An action with one operation, not yet dated or signed.
pub fn from_parameters(
    module: &str,
    parameters: Value,
    compress: bool,
    name: String,
    target: String,
) -> Action {
    Action {
        name,
        target,
        operations: Some(vec![Operation {
            module: module.to_owned(),
            parameters,
            want_compressed: compress,
            ..Operation::default()
        }]),
        syntaxversion: SYNTAX_VERSION,
        ..Action::default()
    }
}

/// Reads an action from a file.
///
/// # Errors
/// When it cannot be read or is no action.
pub fn from_file(path: &Path) -> Result<Action, ClientError> {
    let text = std::fs::read(path).map_err(|source| ClientError::File {
        path: path.display().to_string(),
        source,
    })?;
    let mut action = mig_protocol::parse_action(&text)
        .map_err(|error| ClientError::Action(format!("{}: {error}", path.display())))?;
    action.syntaxversion = SYNTAX_VERSION;
    Ok(action)
}

/// The name of an action nobody named: its command line, cut at 100 characters.
pub fn default_name(words: &[String]) -> String {
    let name = words.join(" ");
    if name.chars().count() <= NAME_LENGTH {
        return name;
    }
    let mut cut: String = name.chars().take(NAME_LENGTH).collect();
    cut.push_str("...");
    cut
}

/// Dates an action from now for `period`, unless it has dates: an action that
/// somebody has signed already must keep them. Says whether it set them.
pub fn date(action: &mut Action, period: Duration) -> bool {
    date_at(action, period, Time::now().to_utc())
}

/// Signatures cover whole seconds, and agents take an action whose signed text
/// they have seen for a replay. So the fraction of the second goes into the start
/// of the validity: the same question asked again a moment later is another one.
fn date_at(action: &mut Action, period: Duration, now: Time) -> bool {
    if !action.validfrom.is_zero() {
        return false;
    }
    let fraction = now.since(Time::from_unix(now.unix_seconds()));
    let apart = fraction.as_millis() / DISTINCT.as_millis();
    let earlier = Duration::from_secs(u64::try_from(apart).unwrap_or(0));
    action.validfrom = now - CLOCK_ALLOWANCE - earlier;
    action.expireafter = now + period;
    true
}

/// The agents a target means now.
///
/// # Errors
/// When the target is refused or matches nobody.
pub fn evaluate(api: &Api, target: &str) -> Result<Vec<Agent>, ClientError> {
    let query = [
        ("type", "agent"),
        ("limit", MOST_AGENTS),
        ("target", target),
    ];
    match api.get("search", &query) {
        Ok(collection) => {
            let agents: Vec<Agent> = collection.documents("agent")?;
            if agents.is_empty() {
                Err(ClientError::NoAgents(target.to_owned()))
            } else {
                Ok(agents)
            }
        }
        Err(error) if error.is_nothing_found() => Err(ClientError::NoAgents(target.to_owned())),
        Err(error) => Err(error),
    }
}

/// Posts a signed action and returns it as the API stored it.
///
/// # Errors
/// The API's reason when it refuses.
pub fn post(api: &Api, action: &Action) -> Result<Action, ClientError> {
    let document =
        mig_protocol::to_go_json(action).map_err(|error| ClientError::Action(error.to_string()))?;
    let text = String::from_utf8_lossy(&document);
    api.post("action/create/", &[("action", &text)])?
        .document("action")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_cut() {
        let short = ["file".to_owned(), "-path".to_owned(), "/etc".to_owned()];
        assert_eq!(default_name(&short), "file -path /etc");
        let long = default_name(&["ü".repeat(200)]);
        assert_eq!(long.chars().count(), 103);
        assert!(long.ends_with("..."));
    }

    #[test]
    fn dates_are_set_once_and_then_kept() {
        let mut action = Action::default();
        assert!(date(&mut action, Duration::from_secs(300)));
        let valid = action.expireafter.since(action.validfrom).as_secs();
        assert!((360..420).contains(&valid), "{valid}");
        let before = action.clone();
        assert!(!date(&mut action, Duration::from_secs(5)));
        assert_eq!(action, before);
    }

    #[test]
    fn the_same_question_asked_again_within_a_second_or_two_is_another_action() {
        let start = Time::from_unix(1_700_000_000);
        let mut signed = std::collections::BTreeSet::new();
        let moments = (0..2500).step_by(17);
        let count = moments.clone().count();
        for moment in moments {
            let mut action = Action::default();
            let now = start + Duration::from_millis(moment);
            assert!(date_at(&mut action, Duration::from_secs(300), now));
            let allowance = now.since(action.validfrom);
            assert!((60..120).contains(&allowance.as_secs()), "{allowance:?}");
            signed.insert(mig_protocol::signing_string(&action));
        }
        assert_eq!(signed.len(), count);
    }
}
