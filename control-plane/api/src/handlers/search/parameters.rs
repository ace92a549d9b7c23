//! The parameters of a search: read, with defaults, and shown as they were
//! understood.

use std::time::Duration;

use mig_protocol::{Id, Time};
use mig_store::Search;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::http::Query;

/// How far from now searches reach by default.
const WINDOW: Duration = Duration::from_secs(39_600 * 3600);
/// A bound this close to the end of the window is the default and no filter.
const WINDOW_MARGIN: Duration = Duration::from_secs(3600);
/// How many results by default.
const LIMIT: u32 = 100;
/// Most results of one search.
const LARGEST_LIMIT: u32 = 1_000_000;
/// "Any", as shown for identifiers.
const ANY_ID: &str = "∞";
/// "Any", as pattern.
const ANY: &str = "%";

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Action,
    Command,
    Agent,
    Investigator,
    /// Known to the original, not kept by this server.
    Unavailable,
    Unknown,
}

/// The parameters of one search.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) type_name: String,
    pub(super) target: String,
    pub(super) search: Search,
    after: Time,
    before: Time,
    /// Kept only to be shown: `(name, value)`.
    loader_id: Option<Id>,
    manifest_id: Option<Id>,
    loader_name: String,
    manifest_name: String,
}

impl Parameters {
    /// Reads them; unknown ones are ignored.
    ///
    /// # Errors
    /// A value that cannot be understood, named.
    pub(super) fn read(query: &Query, now: Time) -> ApiResult<Parameters> {
        let text = |name: &str| {
            let pattern = query.get(name).filter(|value| *value != ANY);
            pattern.map(str::to_owned)
        };
        let id = |name| match query.get(name) {
            None | Some(ANY_ID) => Ok(None),
            Some(_) => query.parsed::<Id>(name),
        };
        let (earliest, latest) = (now - WINDOW, now + WINDOW);
        let after = query.parsed::<Time>("after")?.unwrap_or(earliest);
        let before = query.parsed::<Time>("before")?.unwrap_or(latest);
        let found_anything = match query.get("foundanything") {
            None => None,
            Some(value) if value.eq_ignore_ascii_case("true") => Some(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Some(false),
            Some(_) => {
                return Err(ApiError::bad_request(
                    "parameter foundanything: must be true or false",
                ));
            }
        };
        Ok(Parameters {
            type_name: query.get("type").unwrap_or("action").to_owned(),
            target: query.get("target").unwrap_or_default().to_owned(),
            search: Search {
                action_id: id("actionid")?,
                agent_id: id("agentid")?,
                command_id: id("commandid")?,
                investigator_id: id("investigatorid")?,
                action_name: text("actionname"),
                agent_name: text("agentname"),
                agent_version: text("agentversion"),
                investigator_name: text("investigatorname"),
                threat_family: text("threatfamily"),
                status: text("status"),
                after: (after >= earliest + WINDOW_MARGIN).then_some(after),
                before: (before <= latest - WINDOW_MARGIN).then_some(before),
                found_anything,
                limit: count(query, "limit", LIMIT)?.min(LARGEST_LIMIT),
                offset: count(query, "offset", 0)?,
            },
            after,
            before,
            loader_id: id("loaderid")?,
            manifest_id: id("manifestid")?,
            loader_name: query.get("loadername").unwrap_or(ANY).to_owned(),
            manifest_name: query.get("manifestname").unwrap_or(ANY).to_owned(),
        })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.type_name.as_str() {
            "action" => Kind::Action,
            "command" => Kind::Command,
            "agent" => Kind::Agent,
            "investigator" => Kind::Investigator,
            "manifest" | "loader" => Kind::Unavailable,
            _ => Kind::Unknown,
        }
    }

    /// The parameters as they were understood.
    pub(super) fn shown(&self) -> Value {
        let search = &self.search;
        let id = |id: Option<Id>| id.map_or(ANY_ID.to_owned(), |id| id.to_string());
        let pattern = |text: &Option<String>| text.clone().unwrap_or_else(|| ANY.to_owned());
        json!({
            "actionid": id(search.action_id),
            "actionname": pattern(&search.action_name),
            "after": self.after,
            "agentid": id(search.agent_id),
            "agentname": pattern(&search.agent_name),
            "agentversion": pattern(&search.agent_version),
            "before": self.before,
            "commandid": id(search.command_id),
            "foundanything": search.found_anything.unwrap_or(false),
            "investigatorid": id(search.investigator_id),
            "investigatorname": pattern(&search.investigator_name),
            "limit": search.limit,
            "loaderid": id(self.loader_id),
            "loadername": self.loader_name,
            "manifestid": id(self.manifest_id),
            "manifestname": self.manifest_name,
            "offset": search.offset,
            "report": "",
            "status": pattern(&search.status),
            "target": self.target,
            "threatfamily": pattern(&search.threat_family),
            "type": self.type_name,
        })
    }
}

/// A count, which the original reads as a double.
fn count(query: &Query, name: &str, default: u32) -> ApiResult<u32> {
    match query.parsed::<f64>(name)? {
        None => Ok(default),
        // The cast saturates.
        Some(value) if value >= 0.0 => Ok(value as u32),
        Some(_) => Err(ApiError::bad_request(format!(
            "parameter {name}: must not be negative"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::parse("2026-11-20T12:35:20.550499686Z").expect("a time")
    }

    fn read(query: &str) -> ApiResult<Parameters> {
        Parameters::read(&Query::parse(query), now())
    }

    #[test]
    fn nothing_given_is_shown_as_the_original_shows_it() {
        let parameters = read("type=agent&status=online&limit=10").expect("good parameters");
        let shown = serde_json::to_string(&parameters.shown()).expect("JSON");
        assert_eq!(
            shown,
            r#"{"actionid":"∞","actionname":"%","after":"2022-05-15T12:35:20.550499686Z","agentid":"∞","agentname":"%","agentversion":"%","before":"2031-05-28T12:35:20.550499686Z","commandid":"∞","foundanything":false,"investigatorid":"∞","investigatorname":"%","limit":10,"loaderid":"∞","loadername":"%","manifestid":"∞","manifestname":"%","offset":0,"report":"","status":"online","target":"","threatfamily":"%","type":"agent"}"#
        );
        assert_eq!(
            parameters.search,
            Search {
                status: Some("online".into()),
                limit: 10,
                ..Search::default()
            }
        );
    }

    #[test]
    fn dates_filter_only_inside_the_window() {
        let parameters =
            read("after=2024-03-01T10:00:00Z&before=2031-05-28T12:00:00Z").expect("good");
        assert_eq!(
            parameters.search.after,
            Time::parse("2024-03-01T10:00:00Z").ok()
        );
        assert_eq!(parameters.search.before, None);
    }

    #[test]
    fn the_first_of_repeated_parameters_counts_and_the_infinity_sign_means_any() {
        let parameters = read("actionid=%E2%88%9E&agentid=5&agentid=6&limit=1e3").expect("good");
        assert_eq!(parameters.search.action_id, None);
        assert_eq!(parameters.search.agent_id, Some(Id(5)));
        assert_eq!(parameters.search.limit, 1000);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (query, name) in [
            ("actionid=x", "actionid"),
            ("after=yesterday", "after"),
            ("limit=-1", "limit"),
            ("foundanything=maybe", "foundanything"),
        ] {
            let error = read(query).expect_err(query).message;
            assert!(error.starts_with(&format!("parameter {name}: ")), "{error}");
        }
    }
}
