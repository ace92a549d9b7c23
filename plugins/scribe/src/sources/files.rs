//! Everything that a document asks of files, answered together.

use super::pattern::{self, GroupPattern, Scratch, Text, Weight};
use super::reader::{Reader, Used};
use crate::document::shown;
use mig_module_file::{Parameters, Search, SearchOptions, locate_from};
use mig_plugin_patterns::goregex;
use mig_plugin_patterns::matching::{TextPattern, transcribe};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::{Failure, Session};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Directory levels below a start directory, itself being the first.
const MAX_DEPTH: f64 = 10.0;
/// Files located for one object, at most.
pub const MATCH_LIMIT: usize = 1000;

/// Where to look for files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Start directory, or a file; any bytes.
    pub path: Vec<u8>,
    /// Pattern for base names; `!` in front inverts.
    pub file: String,
}

/// What to find out about each file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Group 1 of the place's pattern on the base name.
    Name,
    /// The groups of this pattern on each line.
    Groups(String),
    /// Whether this pattern matches a line.
    Line(String),
}

/// A question about files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Where.
    pub place: Place,
    /// What.
    pub reading: Reading,
}

/// A file that an answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its path as walked.
    pub path: Arc<[u8]>,
    /// Some line matched.
    pub matched: bool,
    /// The values it gave, in order.
    pub values: Vec<Box<[u8]>>,
}

/// What came out for a request, in walk order, or why nothing could.
pub type Answer = Result<Vec<Located>, String>;

/// Counts for the statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Walks of the file system: one, and one for each level of chains.
    pub walks: u64,
    /// Files that were located, each once per walk.
    pub located: u64,
    /// Files that were opened and read.
    pub read: u64,
    /// Files that could not be read.
    pub unreadable: u64,
}

/// Requests and their answers.
#[derive(Debug, Default)]
pub struct Files {
    requests: Vec<Rc<Request>>,
    numbers: HashMap<Rc<Request>, usize>,
    answers: Vec<Option<Answer>>,
    /// Of the requests, those from this number on have not been answered.
    answered: usize,
    used: Used,
    /// Places where the limit of files was reached.
    pub limited: Vec<Place>,
    /// What was done.
    pub counts: Counts,
}

impl Files {
    /// Takes a request; equal ones have one number.
    pub fn request(&mut self, request: Request) -> usize {
        if let Some(&number) = self.numbers.get(&request) {
            return number;
        }
        let number = self.requests.len();
        let request = Rc::new(request);
        self.numbers.insert(Rc::clone(&request), number);
        self.requests.push(request);
        self.answers.push(None);
        number
    }

    /// The answer, once there is one.
    pub fn answer(&self, number: usize) -> Option<&Answer> {
        self.answers.get(number)?.as_ref()
    }

    /// Answers all requests that have come since the last time, with one walk
    /// and one reading of each file.
    ///
    /// # Errors
    /// When the host asks for the end.
    pub fn answer_all(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let first = self.answered;
        let requests = self.requests[first..].to_vec();
        let round = Round::new(&requests);
        let mut answers: Vec<Answer> = match round.places.is_empty() {
            true => Vec::new(),
            false => {
                self.counts.walks += 1;
                self.locate_and_read(&round, &requests, session)?
            }
        };
        answers.reverse();
        for (number, error) in round.errors.into_iter().enumerate() {
            let answer = match error {
                Some(error) => Err(error),
                None => answers.pop().unwrap_or_else(|| Ok(Vec::new())),
            };
            self.answers[first + number] = Some(answer);
        }
        self.answered = self.requests.len();
        Ok(())
    }

    /// Answers to the requests of a round that have no error.
    fn locate_and_read(
        &mut self,
        round: &Round<'_>,
        requests: &[Rc<Request>],
        session: &Session<'_>,
    ) -> Result<Vec<Answer>, Failure> {
        let located = locate_all(&round.places, session)?;
        for (place, paths) in round.places.iter().zip(&located) {
            if let Ok(paths) = paths
                && paths.len() >= MATCH_LIMIT
            {
                self.limited.push((*place).clone());
            }
        }
        let mut answers: Vec<Answer> = Vec::new();
        // Each file with the requests that want its lines.
        let mut order: Vec<Arc<[u8]>> = Vec::new();
        let mut readers: HashMap<Arc<[u8]>, Vec<(usize, usize)>> = HashMap::new();
        let mut shared: HashMap<&Path, Arc<[u8]>> = HashMap::new();
        let open = (0..requests.len()).filter(|&number| round.errors[number].is_none());
        let open: Vec<usize> = open.collect();
        for &number in &open {
            let request = &requests[number];
            let paths = match &located[round.place_of[number]] {
                Ok(paths) => paths,
                Err(error) => {
                    answers.push(Err(error.clone()));
                    continue;
                }
            };
            let mut files: Vec<Located> = Vec::with_capacity(paths.len());
            for path in paths {
                let path = shared
                    .entry(path.as_path())
                    .or_insert_with(|| path.as_os_str().as_bytes().into());
                files.push(Located {
                    path: Arc::clone(path),
                    matched: false,
                    values: Vec::new(),
                });
            }
            if request.reading == Reading::Name {
                answers.push(names(&request.place.file, files));
                continue;
            }
            for (slot, file) in files.iter().enumerate() {
                let jobs = readers.entry(Arc::clone(&file.path)).or_default();
                if jobs.is_empty() {
                    order.push(Arc::clone(&file.path));
                }
                jobs.push((answers.len(), slot));
            }
            answers.push(Ok(files));
        }
        self.counts.located += shared.len() as u64;
        let asked: Vec<&Reading> = open.iter().map(|&n| &requests[n].reading).collect();
        let mut reader = Reader::new(&asked, &mut self.used, &mut self.counts);
        for path in order {
            reader.file(&path, &readers[&path], &mut answers, session)?;
        }
        for answer in answers.iter_mut().flatten() {
            answer.retain(|file| file.matched || !file.values.is_empty());
        }
        Ok(answers)
    }
}

/// New requests, and where they look.
struct Round<'r> {
    places: Vec<&'r Place>,
    /// Number of the place of each request.
    place_of: Vec<usize>,
    /// Why a request cannot be answered.
    errors: Vec<Option<String>>,
}

impl<'r> Round<'r> {
    fn new(requests: &'r [Rc<Request>]) -> Self {
        let mut numbers: HashMap<&Place, usize> = HashMap::new();
        let mut round = Self {
            places: Vec::new(),
            place_of: Vec::new(),
            errors: Vec::new(),
        };
        for request in requests {
            let error = objection(request).err();
            let place = match error {
                Some(_) => usize::MAX,
                None => *numbers.entry(&request.place).or_insert_with(|| {
                    round.places.push(&request.place);
                    round.places.len() - 1
                }),
            };
            round.place_of.push(place);
            round.errors.push(error);
        }
        round
    }
}

/// What is wrong with the patterns of a request.
fn objection(request: &Request) -> Result<(), String> {
    let file = &request.place.file;
    let bad = |field: &str, pattern: &str, reason: &str| {
        let (pattern, reason) = (shown(pattern), shown(reason));
        format!("{field}: `{pattern}` is not a regex: {reason}")
    };
    if file.is_empty() {
        return Err("file: an empty regex is not permitted".to_owned());
    }
    goregex::parse(plain(file)).map_err(|error| bad("file", file, &error.to_string()))?;
    match &request.reading {
        Reading::Name => pattern::groups(file)
            .map(|_| ())
            .map_err(|error| bad("file", file, &error.to_string())),
        Reading::Groups(expression) | Reading::Line(expression) => goregex::parse(expression)
            .map(|_| ())
            .map_err(|error| bad("expression", expression, &error.to_string())),
    }
}

/// A pattern without the `!` that inverts it.
fn plain(file: &str) -> &str {
    match file.strip_prefix('!') {
        Some(rest) if !rest.is_empty() => rest,
        _ => file,
    }
}

/// Locates the files of all places with one walk.
fn locate_all(
    places: &[&Place],
    session: &Session<'_>,
) -> Result<Vec<Result<Vec<PathBuf>, String>>, Failure> {
    let mut refused: BTreeMap<usize, String> = BTreeMap::new();
    loop {
        let mut parameters = Parameters::default();
        let mut starts = BTreeMap::new();
        for (number, place) in places.iter().enumerate() {
            if refused.contains_key(&number) {
                continue;
            }
            let search = Search {
                paths: vec![transcribe::text(&place.path).into_owned()],
                names: vec![place.file.clone()],
                options: SearchOptions {
                    matchall: true,
                    maxdepth: MAX_DEPTH,
                    matchlimit: MATCH_LIMIT as f64,
                    ..SearchOptions::default()
                },
                ..Search::default()
            };
            parameters.searches.insert(label(number), search);
            let start = PathBuf::from(OsString::from_vec(place.path.clone()));
            starts.insert(label(number), start);
        }
        match locate_from(&parameters, &starts, session) {
            Ok(mut located) => {
                let found = (0..places.len()).map(|number| match refused.remove(&number) {
                    Some(error) => Err(error),
                    None => Ok(located.remove(&label(number)).unwrap_or_default()),
                });
                return Ok(found.collect());
            }
            // A pattern that is too large, perhaps one of several.
            Err(failure) if failure.code == code::BAD_PARAMETERS => {
                let before = refused.len();
                for (number, place) in places.iter().enumerate() {
                    if let Err(error) = TextPattern::new(plain(&place.file)) {
                        let (file, error) = (shown(&place.file), shown(&error.to_string()));
                        refused.insert(number, format!("file: `{file}`: {error}"));
                    }
                    session.check()?;
                }
                if refused.len() == before {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn label(number: usize) -> String {
    format!("{number:08}")
}

/// Group 1 of the pattern on the base names; a `!` is part of the pattern here.
fn names(file: &str, files: Vec<Located>) -> Answer {
    let pattern = GroupPattern::new(file, Weight::Full).map_err(|error| {
        let (file, error) = (shown(file), shown(&error.to_string()));
        format!("file: `{file}`: {error}")
    })?;
    let mut scratch: Scratch = pattern.scratch();
    let mut found = Vec::new();
    for located in files {
        let name = located.path.rsplit(|byte| *byte == b'/').next();
        let text = Text::new(name.unwrap_or_default());
        let groups = pattern.groups(&mut scratch, &text);
        let values: Vec<Box<[u8]>> = groups
            .into_iter()
            .flatten()
            .take(1)
            .map(Box::from)
            .collect();
        if !values.is_empty() {
            found.push(Located {
                path: Arc::clone(&located.path),
                matched: true,
                values,
            });
        }
    }
    Ok(found)
}
