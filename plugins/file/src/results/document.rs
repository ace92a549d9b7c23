//! The result document.

use super::finds::{self, Find, Finds};
use super::format::mode_string;
use crate::checks::{Check, Kind, Plan, PlannedSearch};
use crate::parameters::{Search, SearchOptions};
use mig_plugin_patterns::matching::transcribe;
use mig_plugin_sdk::payload::assemble::place;
use mig_plugin_sdk::payload::rawpath;
use mig_plugin_sdk::{Failure, Session, times};
use serde::Serialize;
use serde_json::{Map, Value};

/// One entry of `elements`.
#[derive(Serialize)]
struct Element<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rawpath: Option<String>,
    search: &'a Search,
    fileinfo: Fileinfo,
}

/// Metadata of a file in a result; all empty in a placeholder.
#[derive(Debug, Default, Serialize)]
pub struct Fileinfo {
    /// Size in bytes.
    pub size: u64,
    /// Mode string.
    pub mode: String,
    /// Modification time.
    pub lastmodified: String,
    /// SHA-256 in upper-case hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Fileinfo {
    fn of(find: &Find<'_>) -> Self {
        Self {
            size: find.size,
            mode: mode_string(find.mode),
            lastmodified: times::utc(find.mtime.0, find.mtime.1),
            sha256: find
                .sha256
                .map(|sum| sum.iter().map(|byte| format!("{byte:02X}")).collect()),
        }
    }
}

/// What the elements amount to.
#[derive(Debug)]
pub struct Outcome {
    /// The labels, in order, for the final result.
    pub elements: Value,
    /// Hits over all searches.
    pub hits: u64,
}

/// Streams the elements of all searches, sorted.
///
/// # Errors
/// When the host takes no more.
pub fn emit(plan: &Plan, threads: &[Finds], session: &Session<'_>) -> Result<Outcome, Failure> {
    let mut elements = Map::new();
    let mut hits = 0;
    for (number, search) in plan.searches.iter().enumerate() {
        let empty = !search.matchall && search.checks.is_empty();
        let value = if empty {
            Value::Null
        } else {
            Value::Array(Vec::new())
        };
        elements.insert(search.label.clone(), value);
        let emitter = Emitter {
            search,
            place: place(&[&search.label]),
            session,
        };
        hits += if search.matchall {
            emitter.all(threads, number)?
        } else {
            emitter.any(threads, number)?
        };
    }
    Ok(Outcome {
        elements: Value::Object(elements),
        hits,
    })
}

struct Emitter<'a> {
    search: &'a PlannedSearch,
    place: String,
    session: &'a Session<'a>,
}

impl Emitter<'_> {
    /// One entry per file, or one placeholder.
    fn all(&self, threads: &[Finds], number: usize) -> Result<u64, Failure> {
        let mut echo = self.search.search.clone();
        reset(&mut echo.options);
        let places = finds::sorted(threads, number);
        for &place in &places {
            self.file(&finds::at(threads, number, place), &echo)?;
        }
        if places.is_empty() {
            self.placeholder(&echo)?;
        }
        Ok(places.len() as u64)
    }

    /// Per check one entry per file, or one placeholder per check.
    fn any(&self, threads: &[Finds], number: usize) -> Result<u64, Failure> {
        let places = finds::sorted(threads, number);
        let mut rest = places.as_slice();
        for (number_of_check, check) in self.search.checks.iter().enumerate() {
            let count = rest.partition_point(|place| place.check as usize <= number_of_check);
            let (mine, others) = rest.split_at(count);
            rest = others;
            let mut echo = echo_of(check);
            if mine.is_empty() {
                echo.paths = self.search.search.paths.clone();
                self.placeholder(&echo)?;
            }
            for &place in mine {
                let find = finds::at(threads, number, place);
                echo.paths = vec![transcribe::text(directory(find.path)).into_owned()];
                self.file(&find, &echo)?;
            }
        }
        Ok(places.len() as u64)
    }

    fn file(&self, find: &Find<'_>, search: &Search) -> Result<(), Failure> {
        let (_, rawpath) = rawpath::describe(find.path);
        self.session.element(
            &self.place,
            &Element {
                file: &transcribe::text(find.path),
                rawpath,
                search,
                fileinfo: Fileinfo::of(find),
            },
        )
    }

    fn placeholder(&self, search: &Search) -> Result<(), Failure> {
        self.session.element(
            &self.place,
            &Element {
                file: "",
                rawpath: None,
                search,
                fileinfo: Fileinfo::default(),
            },
        )
    }
}

/// The limits of a search are not repeated in results.
fn reset(options: &mut SearchOptions) {
    options.maxdepth = 0.0;
    options.maxerrors = 0.0;
    options.matchlimit = 0.0;
}

/// A search with nothing but one check.
fn echo_of(check: &Check) -> Search {
    let mut echo = Search::default();
    let list = match check.kind {
        Kind::Content => &mut echo.contents,
        Kind::Name => &mut echo.names,
        Kind::Size => &mut echo.sizes,
        Kind::Mode => &mut echo.modes,
        Kind::Mtime => &mut echo.mtimes,
        Kind::Md5 => &mut echo.md5,
        Kind::Sha1 => &mut echo.sha1,
        Kind::Sha2 => &mut echo.sha2,
        Kind::Sha3 => &mut echo.sha3,
    };
    list.push(check.value.clone());
    echo
}

/// The directory part of a cleaned path.
fn directory(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None => b".",
        Some(0) => b"/",
        Some(at) => &path[..at],
    }
}
