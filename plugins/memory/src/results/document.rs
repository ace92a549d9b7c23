//! The result document.

use crate::parameters::{Search, SearchOptions};
use crate::plan::{Check, Kind, Plan, PlannedSearch};
use mig_plugin_patterns::matching::transcribe;
use mig_plugin_sdk::payload::assemble::place;
use mig_plugin_sdk::payload::rawpath;
use mig_plugin_sdk::{Failure, Session};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A process that satisfied something.
#[derive(Debug)]
pub struct Find {
    /// Its number.
    pub pid: i32,
    /// Its name.
    pub name: Vec<u8>,
    /// Where its executable lay before it was deleted.
    pub deleted: Option<Vec<u8>>,
    /// Search and check, sorted; with `matchall` the check is 0.
    pub hits: Vec<(u32, u32)>,
}

/// One entry of `elements`.
#[derive(Serialize)]
struct Element<'a> {
    process: Process<'a>,
    search: &'a Search,
}

#[derive(Serialize)]
struct Process<'a> {
    name: Cow<'a, str>,
    pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rawpath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<Cow<'a, str>>,
}

/// Streams the elements of all searches. Returns the labels for the final
/// result, and the number of hits.
///
/// # Errors
/// When the host takes no more.
pub fn emit(plan: &Plan, finds: &[Find], session: &Session<'_>) -> Result<(Value, u64), Failure> {
    let mut elements = Map::new();
    let mut hits = 0;
    for (number, search) in plan.searches.iter().enumerate() {
        let empty = !search.matchall() && search.checks.is_empty();
        let value = if empty {
            Value::Null
        } else {
            Value::Array(Vec::new())
        };
        elements.insert(search.label.clone(), value);
        let place = place(&[&search.label]);
        for (check, echo) in echoes(search).iter().enumerate() {
            let wanted = (number as u32, check as u32);
            let before = hits;
            for find in finds
                .iter()
                .filter(|find| find.hits.binary_search(&wanted).is_ok())
            {
                session.element(&place, &element(find, echo))?;
                hits += 1;
            }
            if hits == before {
                session.element(&place, &placeholder(echo))?;
            }
        }
    }
    Ok((Value::Object(elements), hits))
}

fn element<'a>(find: &'a Find, search: &'a Search) -> Element<'a> {
    let bytes = find.deleted.as_deref().unwrap_or(&find.name);
    Element {
        process: Process {
            name: transcribe::text(&find.name),
            pid: find.pid,
            rawpath: rawpath::describe(bytes).1,
            deleted: find.deleted.as_deref().map(transcribe::text),
        },
        search,
    }
}

fn placeholder(search: &Search) -> Element<'_> {
    Element {
        process: Process {
            name: "".into(),
            pid: 0,
            rawpath: None,
            deleted: None,
        },
        search,
    }
}

/// What results repeat of a search: everything but its limits with `matchall`,
/// otherwise one check at a time.
fn echoes(search: &PlannedSearch) -> Vec<Search> {
    let options = SearchOptions {
        offset: 0.0,
        maxlength: 0.0,
        ..search.search.options.clone()
    };
    if search.matchall() {
        return vec![Search {
            options,
            ..search.search.clone()
        }];
    }
    let one = |check: &Check| {
        let mut echo = Search {
            options: options.clone(),
            ..Search::default()
        };
        let list = match check.kind {
            Kind::Name => &mut echo.names,
            Kind::Library => &mut echo.libraries,
            Kind::Content => &mut echo.contents,
            Kind::Bytes => &mut echo.bytes,
        };
        list.push(check.value.clone());
        echo
    };
    search.checks.iter().map(one).collect()
}
