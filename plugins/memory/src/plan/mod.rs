//! What is asked, compiled: each pattern once, whoever asks for it.

use crate::content::{Literals, Regex, needle_of};
use crate::parameters::{Parameters, Search, decode_hex};
use mig_plugin_patterns::goregex::{self, Ast};
use mig_plugin_patterns::matching::TextPattern;
use std::collections::HashMap;

/// Memory for the states of all automata of one thread together, in bytes.
const STATES: usize = 4 << 20;
/// No automaton gets more than this, nor less than the other.
const STATES_OF_ONE: std::ops::RangeInclusive<usize> = (32 << 10)..=(1 << 20);

/// What a check looks at, in the order in which checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The path of the executable.
    Name,
    /// The other mapped files.
    Library,
    /// A pattern in memory.
    Content,
    /// A byte sequence in memory.
    Bytes,
}

/// What decides a check.
#[derive(Debug)]
pub enum Judge {
    /// A pattern for texts, by its place in [`Plan::texts`].
    Text(usize),
    /// A byte sequence, by lane and place in it.
    Literal(usize, usize),
    /// An automaton, by lane and place in it.
    Regex(usize, usize),
}

/// One check of a search.
#[derive(Debug)]
pub struct Check {
    /// What it looks at.
    pub kind: Kind,
    /// As it was asked.
    pub value: String,
    /// What decides it.
    pub judge: Judge,
}

/// One search.
#[derive(Debug)]
pub struct PlannedSearch {
    /// Its label.
    pub label: String,
    /// As it was asked.
    pub search: Search,
    /// Its checks: names, libraries, contents, bytes.
    pub checks: Vec<Check>,
}

/// The searches that look at the same part of memory.
#[derive(Debug)]
pub struct Lane {
    /// Lowest address.
    pub offset: u64,
    /// Bytes of each process.
    pub length: u64,
    /// Its byte sequences.
    pub literals: Literals,
    /// Its automata.
    pub regexes: Vec<Regex>,
}

/// All searches of a run.
#[derive(Debug)]
pub struct Plan {
    /// In the order of their labels.
    pub searches: Vec<PlannedSearch>,
    /// Patterns for names and libraries.
    pub texts: Vec<TextPattern>,
    /// What is looked for in memory.
    pub lanes: Vec<Lane>,
}

impl PlannedSearch {
    /// Whether all checks must hold for the same process.
    pub fn matchall(&self) -> bool {
        self.search.options.matchall
    }
}

impl Plan {
    /// Compiles everything.
    ///
    /// # Errors
    /// With the field and the reason.
    pub fn new(parameters: &Parameters) -> Result<Self, (String, String)> {
        let mut builder = Builder::default();
        let mut searches = Vec::new();
        for (label, search) in &parameters.searches {
            searches.push(builder.search(label, search)?);
        }
        let regexes: usize = builder.lanes.iter().map(|lane| lane.asts.len()).sum();
        let states = (STATES / regexes.max(1)).clamp(*STATES_OF_ONE.start(), *STATES_OF_ONE.end());
        let lanes = builder
            .lanes
            .into_iter()
            .map(|lane| lane.compile(states))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            searches,
            texts: builder.texts,
            lanes,
        })
    }

    /// The most that has to be searched together with the next block, in bytes.
    pub fn overlap(&self) -> usize {
        let overlaps = self.lanes.iter().map(|lane| lane.literals.overlap());
        overlaps.max().unwrap_or(0)
    }
}

#[derive(Default)]
struct Builder {
    texts: Vec<TextPattern>,
    known_texts: HashMap<String, usize>,
    lanes: Vec<LaneBuilder>,
}

struct LaneBuilder {
    offset: u64,
    length: u64,
    needles: Vec<Vec<u8>>,
    known_needles: HashMap<Vec<u8>, usize>,
    /// Patterns with the field that asked first, and as they were written.
    asts: Vec<(Ast, String, String)>,
    known_asts: HashMap<String, usize>,
}

impl Builder {
    fn search(&mut self, label: &str, search: &Search) -> Result<PlannedSearch, (String, String)> {
        let field = |name: &str| format!("searches.{label}.{name}");
        let mut checks = Vec::new();
        for (kind, name, values) in [
            (Kind::Name, "names", &search.names),
            (Kind::Library, "libraries", &search.libraries),
        ] {
            for value in values {
                let judge = Judge::Text(self.text(value).map_err(|error| (field(name), error))?);
                checks.push(Check {
                    kind,
                    value: value.clone(),
                    judge,
                });
            }
        }
        if !search.contents.is_empty() || !search.bytes.is_empty() {
            let number = self.lane(search);
            let lane = &mut self.lanes[number];
            for value in &search.contents {
                let ast = goregex::parse(value)
                    .map_err(|error| (field("contents"), error.to_string()))?;
                let judge = match needle_of(&ast) {
                    Some(needle) => Judge::Literal(number, lane.needle(needle)),
                    None => Judge::Regex(number, lane.regex(ast, field("contents"), value)),
                };
                checks.push(Check {
                    kind: Kind::Content,
                    value: value.clone(),
                    judge,
                });
            }
            for value in &search.bytes {
                let needle = decode_hex(value)
                    .ok_or_else(|| (field("bytes"), format!("'{value}' is not hexadecimal")))?;
                checks.push(Check {
                    kind: Kind::Bytes,
                    value: value.clone(),
                    judge: Judge::Literal(number, lane.needle(needle)),
                });
            }
        }
        Ok(PlannedSearch {
            label: label.to_owned(),
            search: search.clone(),
            checks,
        })
    }

    fn text(&mut self, pattern: &str) -> Result<usize, String> {
        if let Some(&known) = self.known_texts.get(pattern) {
            return Ok(known);
        }
        let compiled = TextPattern::new(pattern).map_err(|error| error.to_string())?;
        self.texts.push(compiled);
        let place = self.texts.len() - 1;
        self.known_texts.insert(pattern.to_owned(), place);
        Ok(place)
    }

    fn lane(&mut self, search: &Search) -> usize {
        // Numbers beyond the last address become the last address.
        let offset = search.options.offset as u64;
        let length = match search.options.maxlength as u64 {
            0 => u64::MAX,
            length => length,
        };
        let mut lanes = self.lanes.iter();
        let known = lanes.position(|lane| lane.offset == offset && lane.length == length);
        known.unwrap_or_else(|| {
            self.lanes.push(LaneBuilder {
                offset,
                length,
                needles: Vec::new(),
                known_needles: HashMap::new(),
                asts: Vec::new(),
                known_asts: HashMap::new(),
            });
            self.lanes.len() - 1
        })
    }
}

impl LaneBuilder {
    fn needle(&mut self, needle: Vec<u8>) -> usize {
        let next = self.needles.len();
        let place = *self.known_needles.entry(needle.clone()).or_insert(next);
        if place == next {
            self.needles.push(needle);
        }
        place
    }

    fn regex(&mut self, ast: Ast, field: String, value: &str) -> usize {
        let next = self.asts.len();
        let place = *self.known_asts.entry(value.to_owned()).or_insert(next);
        if place == next {
            self.asts.push((ast, field, value.to_owned()));
        }
        place
    }

    fn compile(self, states: usize) -> Result<Lane, (String, String)> {
        let literals = Literals::new(&self.needles).ok_or_else(|| {
            let message = "all byte sequences together are too large".to_owned();
            ("searches".to_owned(), message)
        })?;
        let regexes = self
            .asts
            .into_iter()
            .map(|(ast, field, value)| {
                Regex::new(&ast, states)
                    .ok_or_else(|| (field, format!("the regex '{value}' is too large")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Lane {
            offset: self.offset,
            length: self.length,
            literals,
            regexes,
        })
    }
}
