//! All checks on one process after the other.

use super::Run;
use super::region::Stretch;
use super::walk::{Ended, Walk, Witness};
use crate::plan::{Check, Judge, Kind, PlannedSearch};
use crate::processes::name::Name;
use crate::processes::{self, libraries};
use crate::results::{Find, Reason};
use crate::sys::{Memory, ProcessDirectory, reason};
use regex_automata::meta;
use std::io;
use std::ops::Range;

/// One of the threads.
pub struct Worker<'r> {
    run: &'r Run<'r>,
    texts: Vec<meta::Cache>,
    stretch: Stretch<'r>,
    page: u64,
    part: Part,
}

/// What a thread has found.
#[derive(Debug, Default)]
pub struct Part {
    /// In no order.
    pub finds: Vec<Find>,
    /// Processes that were looked at.
    pub processes: u64,
    /// Bytes of memory that were read.
    pub read: u64,
}

/// How the checks of one search stand for one process.
struct Standing {
    /// By number of the check.
    held: Vec<bool>,
    /// Whether the search can still report something of this process.
    alive: bool,
}

impl<'r> Worker<'r> {
    /// With working memory for a thread.
    pub fn new(run: &'r Run<'r>) -> Self {
        Self {
            run,
            texts: run.plan.texts.iter().map(|text| text.cache()).collect(),
            stretch: Stretch::new(run.plan),
            page: crate::sys::page_size(),
            part: Part::default(),
        }
    }

    /// Works until nothing is left.
    pub fn work(mut self) -> Part {
        while let Some(pid) = self.run.next() {
            self.process(pid);
            self.run.count();
        }
        self.part
    }

    fn process(&mut self, pid: i32) {
        // One that has ended meanwhile was never there.
        let Ok(process) = ProcessDirectory::open(pid) else {
            return;
        };
        let memory = match Memory::open(pid, &process) {
            Ok(memory) => Some(memory),
            Err(error) => match error.raw_os_error() {
                Some(libc::EACCES | libc::EPERM) if processes::has_memory(&process) => {
                    let line = format!("Permission denied to access memory of process {pid}");
                    return self.run.losses.process(pid, Reason::Permission, line);
                }
                // A kernel thread or a zombie has none, an ended process
                // neither; the latter has no name any more.
                Some(libc::ESRCH | libc::ENOENT | libc::EACCES | libc::EPERM) => None,
                _ => {
                    let why = reason(&error);
                    let line = format!("Cannot access memory of process {pid}: {why}");
                    return self.run.losses.process(pid, Reason::Inaccessible, line);
                }
            },
        };
        let Some(name) = Name::of(&process) else {
            return;
        };
        self.part.processes += 1;
        let mut standings: Vec<Standing> = self
            .run
            .plan
            .searches
            .iter()
            .map(|search| Standing {
                held: vec![false; search.checks.len()],
                alive: !search.checks.is_empty(),
            })
            .collect();
        self.names(&name, &mut standings);
        self.libraries(pid, &process, memory.as_ref(), &name, &mut standings);
        if let Some(memory) = &memory {
            self.memory(pid, &process, memory, &mut standings);
        }
        self.note(pid, name, &standings);
    }

    fn names(&mut self, name: &Name, standings: &mut [Standing]) {
        for (search, standing) in self.run.plan.searches.iter().zip(standings) {
            for (check, held) in search.checks.iter().zip(&mut standing.held) {
                if let (Kind::Name, Judge::Text(place)) = (check.kind, &check.judge) {
                    let (pattern, cache) = (&self.run.plan.texts[*place], &mut self.texts[*place]);
                    *held = name.texts().any(|text| pattern.is_match(cache, text));
                }
            }
            standing.settle(search, Kind::Name);
        }
    }

    fn libraries(
        &mut self,
        pid: i32,
        process: &ProcessDirectory,
        memory: Option<&Memory>,
        name: &Name,
        standings: &mut [Standing],
    ) {
        let searches = &self.run.plan.searches;
        let mut open: Vec<(usize, usize, usize)> = Vec::new();
        for (number, (search, standing)) in searches.iter().zip(standings.iter()).enumerate() {
            for (place, check) in search.checks.iter().enumerate() {
                if let (true, Kind::Library, Judge::Text(text)) =
                    (standing.alive, check.kind, &check.judge)
                {
                    open.push((number, place, *text));
                }
            }
        }
        if !open.is_empty() {
            let texts = &mut self.texts;
            let visited = libraries::visit(process, memory, name, |path| {
                open.retain(|&(number, place, text)| {
                    let holds = self.run.plan.texts[text].is_match(&mut texts[text], path);
                    standings[number].held[place] |= holds;
                    !holds
                });
                open.is_empty() || (self.run.cancelled)()
            });
            if let Err(error) = visited {
                self.no_map(pid, &error);
            }
        }
        for (search, standing) in searches.iter().zip(standings) {
            standing.settle(search, Kind::Library);
        }
    }

    fn memory(
        &mut self,
        pid: i32,
        process: &ProcessDirectory,
        memory: &Memory,
        standings: &mut [Standing],
    ) {
        let searches = &self.run.plan.searches;
        let lanes = &mut self.stretch.lanes;
        for lane in lanes.iter_mut() {
            lane.begin();
        }
        let alive = searches.iter().zip(standings.iter());
        for (search, _) in alive.filter(|(_, standing)| standing.alive) {
            for check in &search.checks {
                match check.judge {
                    Judge::Text(_) => {}
                    Judge::Literal(lane, place) => lanes[lane].want_literal(place),
                    Judge::Regex(lane, place) => lanes[lane].want_regex(place),
                }
            }
        }
        if !self.stretch.is_open() {
            return;
        }
        let mut report = Report {
            run: self.run,
            pid,
            detailed: searches
                .iter()
                .zip(standings.iter())
                .any(|(search, standing)| standing.alive && search.search.options.logfailures),
        };
        let mut walk = Walk::new(process, memory, &mut self.stretch, &mut report, self.page);
        let outcome = walk.run();
        self.part.read += walk.read;
        match outcome {
            Ok(Ok(()) | Err(Ended::Enough)) => {}
            Ok(Err(Ended::Gone)) => {
                let line = format!(
                    "Process {pid} ended, or started another program, while its memory was read"
                );
                self.run.losses.process(pid, Reason::Ended, line);
            }
            Err(error) => self.no_map(pid, &error),
        }
        for (search, standing) in searches.iter().zip(standings) {
            for (check, held) in search.checks.iter().zip(&mut standing.held) {
                *held |= standing.alive
                    && match check.judge {
                        Judge::Text(_) => false,
                        Judge::Literal(lane, place) => {
                            !self.stretch.lanes[lane].misses_literal(place)
                        }
                        Judge::Regex(lane, place) => !self.stretch.lanes[lane].misses_regex(place),
                    };
            }
        }
    }

    /// The memory map cannot be read. Of a process that has ended there is
    /// none.
    fn no_map(&self, pid: i32, error: &io::Error) {
        let (kind, line) = match error.raw_os_error() {
            Some(libc::ESRCH | libc::ENOENT) => (
                Reason::Ended,
                format!("Process {pid} ended while it was looked at"),
            ),
            Some(libc::EACCES | libc::EPERM) => (
                Reason::Permission,
                format!("Permission denied to access memory of process {pid}"),
            ),
            _ => (
                Reason::Inaccessible,
                format!(
                    "Cannot read the memory map of process {pid}: {}",
                    reason(error)
                ),
            ),
        };
        self.run.losses.process(pid, kind, line);
    }

    fn note(&mut self, pid: i32, name: Name, standings: &[Standing]) {
        let mut hits = Vec::new();
        let searches = self.run.plan.searches.iter().zip(standings);
        for (number, (search, standing)) in searches.enumerate() {
            if search.matchall() {
                if standing.alive && standing.held.iter().all(|&held| held) {
                    hits.push((number as u32, 0));
                }
            } else {
                let held = standing.held.iter().enumerate().filter(|(_, held)| **held);
                hits.extend(held.map(|(check, _)| (number as u32, check as u32)));
            }
        }
        if !hits.is_empty() {
            self.part.finds.push(Find {
                pid,
                name: name.shown,
                deleted: name.deleted,
                hits,
            });
        }
    }
}

impl Standing {
    /// With `matchall`, one check that does not hold ends the search for the
    /// process.
    fn settle(&mut self, search: &PlannedSearch, kind: Kind) {
        let fails = |(check, held): (&Check, &bool)| check.kind == kind && !held;
        if search.matchall() && search.checks.iter().zip(&self.held).any(fails) {
            self.alive = false;
        }
    }
}

/// Where the walk through a process reports to.
struct Report<'r> {
    run: &'r Run<'r>,
    pid: i32,
    detailed: bool,
}

impl Witness for Report<'_> {
    fn unread(&mut self, range: Range<u64>, kind: Reason, error: Option<&io::Error>) {
        let losses = self.run.losses;
        losses.memory(self.pid, kind, range.end - range.start);
        if self.detailed {
            let why = match error {
                Some(error) => reason(error),
                None => kind.text().to_owned(),
            };
            let (pid, start, end) = (self.pid, range.start, range.end);
            let line = format!("Cannot read {start:x}-{end:x} of process {pid}: {why}");
            losses.line(pid, line);
        }
    }

    fn cancelled(&self) -> bool {
        (self.run.cancelled)()
    }
}
