//! From parameters to compiled checks.

use super::name::{NameIndex, NamePattern, NamePatterns};
use super::verdict::ContentCheck;
use super::{Algorithm, Algorithms, Digest, Kind};
use crate::parameters::{Mtime, Parameters, Search, Size, pattern_of};
use crate::walk::paths::{clean, clean_text};
use mig_plugin_patterns::goregex::SyntaxError;
use mig_plugin_patterns::matching::{AnyOf, LinePattern, TextPattern};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of checks by the checksum they want.
pub type ByDigest = HashMap<Digest, Vec<usize>>;

/// Everything that does not change during a run.
#[derive(Debug)]
pub struct Plan {
    /// The searches, by label.
    pub searches: Vec<PlannedSearch>,
    /// Content patterns, each once however many checks use it.
    pub lines: Vec<LinePattern>,
    /// Rejects blocks that no content pattern matches.
    pub lines_filter: Option<AnyOf>,
    /// Name patterns, each once.
    pub names: Vec<NamePattern>,
    /// Tells which of them may match a name.
    pub names_index: NameIndex,
    /// A name that no pattern matches satisfies no search.
    pub needs_name: bool,
    /// Start of the run, nanoseconds since the epoch.
    pub now: i128,
}

/// One search, compiled.
#[derive(Debug)]
pub struct PlannedSearch {
    /// Its label.
    pub label: String,
    /// The search as received, with cleaned paths, for the results.
    pub search: Search,
    /// Where it starts: its paths, cleaned.
    pub roots: Vec<Vec<u8>>,
    /// It goes into file systems that the kernel makes up without being asked
    /// to start there.
    pub enters_pseudo: bool,
    /// Its checks, in the order of the results.
    pub checks: Vec<Check>,
    /// Number of its first check among the checks of all searches.
    pub first_check: usize,
    /// All checks must hold for the same file.
    pub matchall: bool,
    /// Deepest directory level.
    pub max_depth: f64,
    /// Hits after which it stops.
    pub match_limit: f64,
    /// It looks into gzip files.
    pub decompress: bool,
    /// Some check looks at mode, size or modification time.
    pub wants_stat: bool,
    /// Some check looks at the content.
    pub wants_lines: bool,
    /// Checksums that its checks need.
    pub digests: Algorithms,
    /// Its results carry a SHA-256.
    pub returns_sha256: bool,
    /// Content checks, and checksum checks that `mismatch` inverts.
    pub reading_checks: Vec<usize>,
    /// Number of all content and checksum checks.
    pub reading_count: usize,
    /// The other checksum checks, by algorithm and value.
    pub by_digest: Vec<(Algorithm, ByDigest)>,
    /// Hits so far.
    hits: AtomicU64,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// The list it comes from.
    pub kind: Kind,
    /// Its value, as results repeat it.
    pub value: String,
    /// Inverted by `!`.
    pub inverted: bool,
    /// Inverted by `mismatch`.
    pub mismatch: bool,
    /// What to compare.
    pub test: Test,
}

/// What a check compares.
#[derive(Debug)]
pub enum Test {
    /// The lines, with [`Plan::lines`] of this number.
    Lines(usize, ContentCheck),
    /// The base name, with [`Plan::names`] of this number.
    Name(usize),
    /// The mode string.
    Mode(TextPattern),
    /// The size.
    Size(Size),
    /// The modification time.
    Mtime(Mtime),
    /// A checksum.
    Digest(Algorithm, Digest),
}

impl PlannedSearch {
    /// Whether it reads files.
    pub fn reads(&self) -> bool {
        self.wants_lines || !self.digests.is_empty() || self.returns_sha256
    }

    /// Hits so far.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Whether the limit leaves room for more.
    pub fn is_open(&self) -> bool {
        (self.hits() as f64) < self.match_limit
    }

    /// Counts the hits of one file; false when the limit was reached before.
    /// A file is never cut in two, so a search whose checks report alone may
    /// exceed its limit by the hits of a file.
    pub fn take(&self, hits: u64) -> bool {
        self.hits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                ((before as f64) < self.match_limit).then_some(before + hits)
            })
            .is_ok()
    }
}

impl Plan {
    /// Compiles validated parameters.
    ///
    /// # Errors
    /// When a pattern is too large to compile, or the parameters were not
    /// validated; with the label of the search and the field.
    pub fn new(parameters: &Parameters, now: i128) -> Result<Self, (String, SyntaxError)> {
        let mut builder = Builder::default();
        let mut searches = Vec::with_capacity(parameters.searches.len());
        let mut first_check = 0;
        for (label, search) in &parameters.searches {
            let planned = builder
                .search(label, search, first_check)
                .map_err(|(field, error)| (format!("searches.{label}.{field}"), error))?;
            first_check += planned.checks.len();
            searches.push(planned);
        }
        let needs_name = searches.iter().all(|search| {
            let plain =
                |check: &Check| check.kind == Kind::Name && !check.inverted && !check.mismatch;
            search.matchall && search.checks.iter().any(plain)
        });
        let line_trees: Vec<_> = builder
            .lines
            .iter()
            .map(|line| line.ast().clone())
            .collect();
        Ok(Self {
            searches,
            lines_filter: AnyOf::blocks(&line_trees),
            lines: builder.lines,
            names_index: NameIndex::new(&builder.names.list),
            names: builder.names.list,
            needs_name,
            now,
        })
    }

    /// Number of checks of all searches.
    pub fn checks(&self) -> usize {
        self.searches
            .last()
            .map_or(0, |last| last.first_check + last.checks.len())
    }

    /// How many walking errors a result carries: the largest number among the
    /// searches that have result entries.
    pub fn max_errors(&self) -> usize {
        self.searches
            .iter()
            .filter(|search| search.matchall || !search.checks.is_empty())
            .map(|search| match search.search.options.maxerrors {
                0.0 => usize::MAX,
                // Saturates; a negative number is none.
                number => number as usize,
            })
            .max()
            .unwrap_or(0)
    }
}

#[derive(Default)]
struct Builder {
    lines: Vec<LinePattern>,
    line_numbers: HashMap<String, usize>,
    names: NamePatterns,
    name_numbers: HashMap<String, usize>,
}

type Refused = (&'static str, SyntaxError);

impl Builder {
    fn search(
        &mut self,
        label: &str,
        search: &Search,
        first_check: usize,
    ) -> Result<PlannedSearch, Refused> {
        let options = &search.options;
        let mut checks = Vec::new();
        let mut add = |kind: Kind, value: String, inverted: bool, test: Test| {
            let mismatch = options
                .mismatch
                .iter()
                .flatten()
                .any(|word| word == kind.word());
            checks.push(Check {
                kind,
                value,
                inverted,
                mismatch,
                test,
            });
        };
        for value in &search.contents {
            let (inverted, pattern) = pattern_of(value);
            let number = self.line(pattern).map_err(|error| ("contents", error))?;
            let check = ContentCheck {
                every_line: options.macroal,
                inverted,
                mismatch: options
                    .mismatch
                    .iter()
                    .flatten()
                    .any(|word| word == "content"),
            };
            add(
                Kind::Content,
                value.clone(),
                inverted,
                Test::Lines(number, check),
            );
        }
        for value in &search.names {
            let (inverted, pattern) = pattern_of(value);
            let number = self.name(pattern).map_err(|error| ("names", error))?;
            add(Kind::Name, value.clone(), inverted, Test::Name(number));
        }
        for value in &search.sizes {
            if let Ok(size) = Size::parse(value) {
                add(Kind::Size, value.clone(), false, Test::Size(size));
            }
        }
        for value in &search.modes {
            let pattern = TextPattern::new(value).map_err(|error| ("modes", error))?;
            add(Kind::Mode, value.clone(), false, Test::Mode(pattern));
        }
        for value in &search.mtimes {
            if let Ok(mtime) = Mtime::parse(value) {
                add(Kind::Mtime, value.clone(), false, Test::Mtime(mtime));
            }
        }
        for (kind, values) in [
            (Kind::Md5, &search.md5),
            (Kind::Sha1, &search.sha1),
            (Kind::Sha2, &search.sha2),
            (Kind::Sha3, &search.sha3),
        ] {
            for value in values {
                if let Some(algorithm) = Algorithm::of(kind, value.len())
                    && let Some(digest) = from_hex(value)
                {
                    let test = Test::Digest(algorithm, digest);
                    add(kind, value.to_ascii_uppercase(), false, test);
                }
            }
        }
        let mut digests = Algorithms::default();
        let mut by_digest: Vec<(Algorithm, ByDigest)> = Vec::new();
        let mut reading_checks = Vec::new();
        let mut reading_count = 0;
        for (number, check) in checks.iter().enumerate() {
            match &check.test {
                Test::Lines(..) => reading_checks.push(number),
                Test::Digest(algorithm, _) if check.mismatch => {
                    digests.insert(*algorithm);
                    reading_checks.push(number);
                }
                Test::Digest(algorithm, digest) => {
                    digests.insert(*algorithm);
                    let place = match by_digest.iter().position(|(a, _)| a == algorithm) {
                        Some(place) => place,
                        None => {
                            by_digest.push((*algorithm, HashMap::new()));
                            by_digest.len() - 1
                        }
                    };
                    let numbers = by_digest[place].1.entry(digest.clone()).or_default();
                    numbers.push(number);
                }
                _ => continue,
            }
            reading_count += 1;
        }
        let returns_sha256 = options.returnsha256 && options.matchall && !checks.is_empty();
        let has = |kinds: &[Kind]| checks.iter().any(|check| kinds.contains(&check.kind));
        Ok(PlannedSearch {
            label: label.to_owned(),
            search: Search {
                paths: search.paths.iter().map(|path| clean_text(path)).collect(),
                ..search.clone()
            },
            roots: search
                .paths
                .iter()
                .map(|path| clean(path.as_bytes()))
                .collect(),
            enters_pseudo: !(has(&[Kind::Content]) || !digests.is_empty() || returns_sha256),
            first_check,
            matchall: options.matchall,
            max_depth: unlimited_if_zero(options.maxdepth),
            match_limit: unlimited_if_zero(options.matchlimit),
            decompress: options.decompress,
            wants_stat: has(&[Kind::Size, Kind::Mode, Kind::Mtime]),
            wants_lines: has(&[Kind::Content]),
            digests,
            returns_sha256,
            reading_checks,
            reading_count,
            by_digest,
            checks,
            hits: AtomicU64::new(0),
        })
    }

    fn line(&mut self, pattern: &str) -> Result<usize, SyntaxError> {
        if let Some(&number) = self.line_numbers.get(pattern) {
            return Ok(number);
        }
        self.lines.push(LinePattern::new(pattern)?);
        let number = self.lines.len() - 1;
        self.line_numbers.insert(pattern.to_owned(), number);
        Ok(number)
    }

    fn name(&mut self, pattern: &str) -> Result<usize, SyntaxError> {
        if let Some(&number) = self.name_numbers.get(pattern) {
            return Ok(number);
        }
        self.names.push(pattern)?;
        let number = self.names.list.len() - 1;
        self.name_numbers.insert(pattern.to_owned(), number);
        Ok(number)
    }
}

fn unlimited_if_zero(number: f64) -> f64 {
    if number == 0.0 { f64::INFINITY } else { number }
}

/// The bytes of a validated checksum.
fn from_hex(text: &str) -> Option<Digest> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    Some(
        digits?
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}
