//! Looking at one file for all searches: what is cheap first.

use super::Run;
use super::directory::Directory;
use super::queue::Large;
use super::target::{Target, Unreadable};
use crate::checks::{NameAnswers, NameCache, Plan, PlannedSearch, Test, verdict};
use crate::content::{Pass, PassError, Subject, Verdicts};
use crate::results::{Finds, mode_string};
use crate::sys::{self, FileType, Stat};
use regex_automata::meta;
use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// A file of this size is read by itself, the largest first, so that the end of
/// a run does not wait for one thread.
const LARGE: u64 = 4 << 20;

/// Looks at files for one thread.
pub struct Evaluator<'r> {
    run: &'r Run<'r>,
    plan: &'r Plan,
    pass: Pass<'r>,
    finds: Finds,
    names: Vec<NameCache>,
    modes: Vec<Option<meta::Cache>>,
    /// Searches that the file may still satisfy.
    candidates: Vec<usize>,
    /// Whether a check holds, for searches whose checks report alone; by number
    /// among all checks.
    holding: Vec<bool>,
    name_answers: NameAnswers,
}

impl<'r> Evaluator<'r> {
    /// Prepares a thread.
    pub fn new(run: &'r Run<'r>) -> Self {
        let plan = run.plan;
        Self {
            run,
            plan,
            pass: Pass::new(plan, run.cancelled),
            finds: Finds::new(plan.searches.len()),
            names: plan.names.iter().map(|_| None).collect(),
            modes: (0..plan.checks()).map(|_| None).collect(),
            candidates: Vec::new(),
            holding: vec![false; plan.checks()],
            name_answers: NameAnswers::new(plan.names.len()),
        }
    }

    /// What was found.
    pub fn into_finds(self) -> Finds {
        self.finds
    }

    /// Looks at an entry of a directory: a file, a link, or what the file
    /// system did not tell.
    pub fn file(&mut self, directory: &Arc<Directory>, file_type: FileType, name: &CStr) {
        let mut target = Target::new(directory, name);
        let mut file_type = file_type;
        if file_type == FileType::Unknown {
            match target.stat() {
                Ok(stat) => file_type = stat.file_type(),
                Err(error) => return self.run.error("stat", &target.path(), &error),
            }
        }
        if file_type == FileType::Link {
            target.follow = true;
            target.stat = None;
            // Every link is looked at: one that leads nowhere is an error.
            match target.stat() {
                Ok(stat) => file_type = stat.file_type(),
                Err(error) => return self.run.link_failed(&target.path(), &error),
            }
        }
        if file_type == FileType::Regular {
            self.evaluate(&mut target);
        }
    }

    /// Looks at one file.
    pub fn evaluate(&mut self, target: &mut Target<'_>) {
        if !target.counted {
            self.run.count_file();
        }
        let plan = self.plan;
        self.candidates.clear();
        let name = target.name.to_bytes();
        let possible = plan.names_index.prepare(name, &mut self.name_answers);
        if !possible && plan.needs_name {
            return;
        }
        for member in target.directory.scope.members() {
            let search = &plan.searches[member.search];
            if !search.checks.is_empty() && search.is_open() {
                self.candidates.push(member.search);
            }
        }
        self.check_names(name);
        if self.candidates.is_empty() {
            return;
        }
        let wants_stat = self.any(|search| search.wants_stat);
        // One question serves both when every reader waits for it anyway.
        if wants_stat {
            match target.stat() {
                Ok(stat) => self.check_metadata(&stat),
                Err(error) => return self.vanished(target, &error),
            }
        }
        if self.any(PlannedSearch::reads) {
            self.read(target);
        } else {
            self.store(target, |_| None);
        }
    }

    fn any(&self, wants: impl Fn(&PlannedSearch) -> bool) -> bool {
        self.candidates
            .iter()
            .any(|&number| wants(&self.plan.searches[number]))
    }

    /// A file that went away or may not be asked about.
    fn vanished(&self, target: &Target<'_>, error: &io::Error) {
        self.run.error("stat", &target.path(), error);
    }

    /// Asks the name patterns that may match.
    fn check_names(&mut self, name: &[u8]) {
        let plan = self.plan;
        let (names, answers, holding) =
            (&mut self.names, &mut self.name_answers, &mut self.holding);
        self.candidates.retain(|&number| {
            let search = &plan.searches[number];
            for (index, check) in search.checks.iter().enumerate() {
                let holds = match &check.test {
                    Test::Name(pattern) => {
                        let found = answers.of(*pattern, || {
                            plan.names[*pattern].is_match(&mut names[*pattern], name)
                        });
                        verdict::plain(found, check.inverted, check.mismatch)
                    }
                    _ => {
                        holding[search.first_check + index] = false;
                        continue;
                    }
                };
                if search.matchall && !holds {
                    return false;
                }
                holding[search.first_check + index] = holds;
            }
            true
        });
    }

    fn check_metadata(&mut self, stat: &Stat) {
        let plan = self.plan;
        let mut mode = None;
        let (modes, holding) = (&mut self.modes, &mut self.holding);
        self.candidates.retain(|&number| {
            let search = &plan.searches[number];
            if !search.wants_stat {
                return true;
            }
            for (index, check) in search.checks.iter().enumerate() {
                let place = search.first_check + index;
                let found = match &check.test {
                    Test::Mode(pattern) => {
                        let mode = mode.get_or_insert_with(|| mode_string(stat.mode));
                        let cache = modes[place].get_or_insert_with(|| pattern.cache());
                        pattern.is_match(cache, mode.as_bytes())
                    }
                    Test::Size(size) => size.contains(stat.size),
                    Test::Mtime(mtime) => mtime.holds(stat.mtime(), plan.now),
                    _ => continue,
                };
                let holds = verdict::plain(found, check.inverted, check.mismatch);
                if search.matchall && !holds {
                    return false;
                }
                holding[place] = holds;
            }
            true
        });
    }

    /// The expensive checks, for the searches that are left.
    fn read(&mut self, target: &mut Target<'_>) {
        let plan = self.plan;
        let readers: Vec<usize> = self
            .candidates
            .iter()
            .copied()
            .filter(|&number| plan.searches[number].reads())
            .collect();
        if readers.is_empty() {
            return self.store(target, |_| None);
        }
        if target.unreadable.is_none() {
            if let Err(error) = target.open() {
                self.run.open_failed(&target.path(), &error);
                return self.without_content(target, &readers);
            }
            if self.put_aside(target) {
                return;
            }
        }
        let subject = match (&target.file, &target.stat, target.unreadable) {
            (_, _, Some(Unreadable::Directory)) => Subject::Nothing,
            (Some(file), Some(stat), None) => {
                if stat.size >= LARGE {
                    sys::will_read_all(file.as_fd());
                }
                Subject::File(file.as_fd(), stat.size)
            }
            _ => {
                let error = io::Error::other("not a regular file, its content is not read");
                self.run.error("read", &target.path(), &error);
                return self.without_content(target, &readers);
            }
        };
        let mut verdicts: Vec<(usize, Verdicts)> = Vec::with_capacity(readers.len());
        let outcome = self.pass.run(subject, &readers, |number, found| {
            verdicts.push((number, found))
        });
        match outcome {
            Ok(()) => {}
            // What is not known is not reported.
            Err(PassError::Cancelled) => return,
            Err(error) => {
                let path =
                    mig_plugin_patterns::matching::transcribe::text(&target.path()).into_owned();
                self.run.errors.error(&format!("read {path}: {error}"));
            }
        }
        let needs_digest = |number: usize| {
            let search = &plan.searches[number];
            !search.digests.is_empty() || search.returns_sha256
        };
        if target.unreadable == Some(Unreadable::Directory)
            && readers.iter().any(|&number| needs_digest(number))
        {
            let error = io::Error::from_raw_os_error(libc::EISDIR);
            self.run.error("read", &target.path(), &error);
        }
        self.note(&verdicts);
        self.store(target, |number| {
            verdicts
                .iter()
                .find(|(search, _)| *search == number)
                .and_then(|(_, found)| found.sha256)
        });
    }

    /// Leaves a large file to whoever is free. True when it was put aside.
    fn put_aside(&self, target: &mut Target<'_>) -> bool {
        let (false, Some(stat)) = (target.counted, target.stat) else {
            return false;
        };
        if stat.size < LARGE {
            return false;
        }
        let Some(file) = target.file.take() else {
            return false;
        };
        let large = Large {
            directory: Arc::clone(target.directory),
            name: target.name.to_owned(),
            file,
            stat,
            follow: target.follow,
        };
        match self.run.queue.push_large(large) {
            Ok(()) => true,
            Err(large) => {
                target.file = Some(large.file);
                false
            }
        }
    }

    /// The content cannot be known: checks on it do not hold, whichever way
    /// they are put, and the others stand.
    fn without_content(&mut self, target: &mut Target<'_>, readers: &[usize]) {
        let plan = self.plan;
        self.candidates
            .retain(|number| !(readers.contains(number) && plan.searches[*number].matchall));
        self.store(target, |_| None);
    }

    /// Takes over what reading found out.
    fn note(&mut self, verdicts: &[(usize, Verdicts)]) {
        let plan = self.plan;
        for (number, found) in verdicts {
            let search = &plan.searches[*number];
            for check in &found.holding {
                self.holding[search.first_check + check] = true;
            }
            if search.matchall && !found.all {
                self.candidates.retain(|candidate| candidate != number);
            }
        }
    }

    /// Stores the hits of the searches that are left.
    fn store(&mut self, target: &mut Target<'_>, sha256: impl Fn(usize) -> Option<[u8; 32]>) {
        let plan = self.plan;
        for index in 0..self.candidates.len() {
            let number = self.candidates[index];
            let search = &plan.searches[number];
            let holding = &self.holding[search.first_check..][..search.checks.len()];
            let hits = match search.matchall {
                true => 1,
                false => holding.iter().filter(|holds| **holds).count(),
            };
            if hits == 0 {
                continue;
            }
            let stat = match target.stat() {
                Ok(stat) => stat,
                Err(error) => return self.vanished(target, &error),
            };
            if !search.take(hits as u64) {
                continue;
            }
            let path = [target.directory.prefix.as_slice(), target.name.to_bytes()];
            let sum = sha256(number);
            if search.matchall {
                self.finds.add(number, path, &stat, sum, [0]);
            } else {
                let checks = holding.iter().enumerate().filter(|(_, holds)| **holds);
                self.finds
                    .add(number, path, &stat, None, checks.map(|(check, _)| check));
            }
        }
    }
}
