//! Reading the files of a round, each once for all requests that want it.

use super::content::{self, Question, Room, Unread, Wanted};
use super::files::{Answer, Counts, Reading};
use super::pattern::{GroupPattern, Weight};
use crate::document::shown;
use mig_plugin_sdk::{Failure, Session};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Patterns that are compiled to be fast, at most.
const FULL_PATTERNS: usize = 64;
/// Memory for compiled patterns, in bytes; beyond it they are made again.
const PATTERN_MEMORY: usize = 8 << 20;
/// Values that a run remembers of files, and their bytes.
const MAX_VALUES: usize = 200_000;
const MAX_VALUE_BYTES: usize = 8 << 20;

/// What a run remembers of files so far.
#[derive(Debug, Default)]
pub struct Used {
    values: usize,
    bytes: usize,
}

/// Reads files for the requests of a round.
pub struct Reader<'r> {
    /// What each answer reads.
    asked: &'r [&'r Reading],
    weight: Weight,
    patterns: HashMap<&'r str, Result<Rc<GroupPattern>, String>>,
    pattern_memory: usize,
    used: &'r mut Used,
    counts: &'r mut Counts,
}

impl<'r> Reader<'r> {
    /// For requests of which each asks this.
    pub fn new(asked: &'r [&'r Reading], used: &'r mut Used, counts: &'r mut Counts) -> Self {
        let weight = match asked.len() {
            ..=FULL_PATTERNS => Weight::Full,
            _ => Weight::Light,
        };
        Self {
            asked,
            weight,
            patterns: HashMap::new(),
            pattern_memory: 0,
            used,
            counts,
        }
    }

    fn pattern(&mut self, expression: &'r str) -> Result<Rc<GroupPattern>, String> {
        if let Some(pattern) = self.patterns.get(expression) {
            return pattern.clone();
        }
        let pattern = GroupPattern::new(expression, self.weight)
            .map(Rc::new)
            .map_err(|error| format!("expression: {}", shown(&error.to_string())));
        self.pattern_memory += pattern.as_ref().map_or(0, |pattern| pattern.memory());
        self.patterns.insert(expression, pattern.clone());
        pattern
    }

    /// Reads one file for some slots of some answers.
    ///
    /// # Errors
    /// When the host asks for the end.
    pub fn file(
        &mut self,
        path: &Arc<[u8]>,
        jobs: &[(usize, usize)],
        answers: &mut [Answer],
        session: &Session<'_>,
    ) -> Result<(), Failure> {
        session.check()?;
        if self.pattern_memory > PATTERN_MEMORY {
            self.patterns.clear();
            self.pattern_memory = 0;
        }
        let mut questions = Vec::new();
        let mut askers = Vec::new();
        for &(answer, slot) in jobs {
            let (wanted, expression) = match self.asked[answer] {
                Reading::Groups(expression) => (Wanted::Groups, expression),
                Reading::Line(expression) => (Wanted::Line, expression),
                Reading::Name => continue,
            };
            if answers[answer].is_err() {
                continue;
            }
            match self.pattern(expression) {
                Ok(pattern) => {
                    questions.push(Question::new(wanted, pattern, self.weight));
                    askers.push((answer, slot, wanted));
                }
                Err(error) => answers[answer] = Err(error),
            }
        }
        if questions.is_empty() {
            return Ok(());
        }
        let mut room = Room {
            values: MAX_VALUES.saturating_sub(self.used.values),
            bytes: MAX_VALUE_BYTES.saturating_sub(self.used.bytes),
            exceeded: false,
        };
        let before = (room.values, room.bytes);
        let os_path = Path::new(std::ffi::OsStr::from_bytes(path));
        let cancelled = || session.cancelled();
        self.counts.read += 1;
        match content::read(os_path, &mut questions, &mut room, &cancelled) {
            Ok(()) => {}
            Err(Unread::Cancelled) => return Err(Failure::cancelled()),
            // Such a file has always been passed over in silence.
            Err(Unread::Failed(error)) => {
                session.debug(&format!("passed over {}: {error}", os_path.display()));
                self.counts.unreadable += 1;
                self.counts.read -= 1;
                return Ok(());
            }
            Err(Unread::NoRoom) => {
                // Part of what a pattern finds would be a wrong answer.
                for (answer, _, wanted) in askers {
                    if wanted == Wanted::Groups {
                        answers[answer] = Err(format!(
                            "expression: more than {MAX_VALUES} values or {MAX_VALUE_BYTES} bytes \
                             match in all files; narrow it"
                        ));
                    }
                }
                // The others have not seen all of it.
                return self.file(path, jobs, answers, session);
            }
        }
        self.used.values += before.0 - room.values;
        self.used.bytes += before.1 - room.bytes;
        for (question, (answer, slot, wanted)) in questions.into_iter().zip(askers) {
            if let Ok(files) = &mut answers[answer] {
                files[slot].matched = question.matched;
                files[slot].values = match wanted {
                    Wanted::Groups => question.values,
                    Wanted::Line if question.matched => vec![(*b"true").into()],
                    Wanted::Line => vec![(*b"false").into()],
                };
            }
        }
        Ok(())
    }
}
