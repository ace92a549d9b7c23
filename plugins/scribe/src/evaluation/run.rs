//! One run: look up what the document asks for, run its tests, hand out the
//! entries.

use super::objects::Objects;
use super::tests::{Judged, Tests, Verdict};
use crate::document::Document;
use crate::results::{Entry, SubResult};
use crate::sources::Packages;
use crate::sources::files::{Counts, MATCH_LIMIT};
use mig_plugin_sdk::{Failure, Session};
use std::time::{Duration, Instant};

/// Tests between two looks at whether the run should end.
const CHECK_EVERY: usize = 64;
/// How long a run that was told to end goes on saying what it knows.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Errors that a result carries, at most.
const MAX_ERRORS: usize = 10_000;

/// What a run amounts to, whether it came to its end or not.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Entries that were handed out.
    pub entries: u64,
    /// Errors for the result.
    pub errors: Vec<String>,
    /// What was done.
    pub counts: Counts,
    /// Why it ended early.
    pub failure: Option<Failure>,
}

/// Evaluates a validated document. Entries go to `emit` in document order;
/// with `only_true` those whose master result is true.
pub fn evaluate(
    document: &Document,
    only_true: bool,
    session: &Session<'_>,
    packages: impl FnOnce() -> Result<Packages, Failure>,
    mut emit: impl FnMut(&Entry<'_>) -> Result<(), Failure>,
) -> Outcome {
    let mut objects = Objects::new(document);
    let mut tests = Tests::new(document);
    let mut outcome = Outcome::default();
    let mut hopeless = vec![false; document.tests.len()];
    let prepared = prepare(
        document,
        only_true,
        session,
        packages,
        &mut objects,
        &mut tests,
        &mut hopeless,
    );
    outcome.failure = prepared.err();
    // After an interruption only what is known without effort is said.
    let silence = outcome
        .failure
        .is_some()
        .then(|| Instant::now() + LAST_WORDS);
    let mut left_out = 0_usize;
    for position in 0..document.tests.len() {
        let rest = document.tests.len() - position;
        let ended = match silence {
            Some(silence) => (Instant::now() > silence).then(Failure::cancelled),
            None if position.is_multiple_of(CHECK_EVERY) => session.check().err(),
            None => None,
        };
        if let Some(failure) = ended {
            outcome.failure.get_or_insert(failure);
            left_out += rest;
            break;
        }
        let number = tests.first(position);
        if hopeless[number] {
            continue;
        }
        let verdict = tests.run(number, &mut objects);
        if verdict == Verdict::Unknown {
            left_out += 1;
            continue;
        }
        let entry = entry(document, number, &verdict, &tests, &mut objects);
        if only_true && !entry.masterresult {
            continue;
        }
        if let Err(failure) = emit(&entry) {
            outcome.failure.get_or_insert(failure);
            left_out += rest;
            break;
        }
        outcome.entries += 1;
        if entry.iserror {
            outcome
                .errors
                .push(format!("Error: {} in \"{}\"", entry.error, entry.testid));
        }
    }
    limit(&mut outcome.errors);
    remarks(&objects, &mut outcome.errors);
    if let Some(failure) = &outcome.failure {
        outcome.errors.push(format!(
            "{failure}: {left_out} of {} tests were not evaluated",
            document.tests.len()
        ));
    }
    outcome.counts = objects.files.counts;
    outcome
}

/// Gets everything from the host that tests ask for.
fn prepare(
    document: &Document,
    only_true: bool,
    session: &Session<'_>,
    packages: impl FnOnce() -> Result<Packages, Failure>,
    objects: &mut Objects<'_>,
    tests: &mut Tests<'_>,
    hopeless: &mut Vec<bool>,
) -> Result<(), Failure> {
    let used = |objects: &Objects<'_>, hopeless: &[bool]| {
        let numbers = document.tests.iter().zip(hopeless);
        let wanted = numbers.filter(|(_, hopeless)| !**hopeless);
        objects.needed(wanted.filter_map(|(test, _)| objects.number(&test.object)))
    };
    let needed = used(objects, hopeless);
    objects.list_packages(&needed, packages)?;
    let needed = if only_true {
        // What cannot become true is not asked for and needs no file.
        *hopeless = tests.hopeless(objects);
        used(objects, hopeless)
    } else {
        needed
    };
    objects.look_up(&needed, session)
}

fn entry<'d>(
    document: &'d Document,
    number: usize,
    verdict: &Verdict,
    tests: &Tests<'d>,
    objects: &mut Objects<'_>,
) -> Entry<'d> {
    let test = &document.tests[number];
    let mut entry = Entry {
        testid: &test.test,
        name: &test.name,
        description: &test.description,
        tags: &test.tags,
        ..Entry::default()
    };
    match verdict {
        Verdict::Known { hastrue, master } => {
            entry.hastrueresults = *hastrue;
            entry.masterresult = *master;
            let mut results = Vec::new();
            let judged = tests.judge(number, objects, |criterion, result| {
                results.push(SubResult::new(result, &criterion.identifier));
            });
            // The second judgement is that of the first.
            if judged == Judged::Found(*hastrue) && !results.is_empty() {
                entry.results = Some(results);
            }
        }
        Verdict::Error(error) => {
            entry.iserror = true;
            entry.error.clone_from(error);
        }
        Verdict::Unknown => {}
    }
    entry
}

/// Keeps a result from growing with every erroneous test.
fn limit(errors: &mut Vec<String>) {
    let total = errors.len();
    if total > MAX_ERRORS {
        errors.truncate(MAX_ERRORS);
        errors.push(format!("{} more errors were left out", total - MAX_ERRORS));
    }
}

/// What was left out without being an error of a test.
fn remarks(objects: &Objects<'_>, errors: &mut Vec<String>) {
    for place in objects.limited().take(MAX_ERRORS) {
        errors.push(format!(
            "only {MATCH_LIMIT} files were taken of those named like `{}` in {}",
            crate::document::shown(&place.file),
            crate::document::shown(&String::from_utf8_lossy(&place.path)),
        ));
    }
    if let Some(packages) = &objects.packages {
        errors.extend(packages.problems.iter().cloned());
    }
}
