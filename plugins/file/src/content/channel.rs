//! One stream of bytes (a file as it is, or its inside) on its way to patterns
//! and checksums.

use super::BLOCK;
use super::digests::Digests;
use crate::checks::verdict::Lines;
use crate::checks::{Algorithm, Algorithms, Plan, Test};
use mig_plugin_patterns::matching::{LinePattern, LineScratch, LongLine};
use regex_automata::meta;

/// Candidate lines that the shared filter may report in vain in one block
/// before the patterns are searched one by one.
const MAX_VAIN: usize = 16;

/// Working memory of one thread for all content patterns.
pub(super) struct Matchers<'p> {
    plan: &'p Plan,
    scratch: Vec<Option<LineScratch>>,
    filter: Option<meta::Cache>,
}

impl<'p> Matchers<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            scratch: plan.lines.iter().map(|_| None).collect(),
            filter: plan
                .lines_filter
                .as_ref()
                .map(mig_plugin_patterns::matching::AnyOf::cache),
        }
    }

    fn pattern(&mut self, number: usize) -> (&'p LinePattern, &mut LineScratch) {
        let pattern = &self.plan.lines[number];
        let scratch = self.scratch[number].get_or_insert_with(|| pattern.scratch());
        (pattern, scratch)
    }
}

/// A search that looks at the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interest {
    /// Number of the search.
    pub search: usize,
    /// False once it is clear that the file does not satisfy it.
    pub alive: bool,
}

/// The stream.
pub(super) struct Channel<'p> {
    plan: &'p Plan,
    /// Bytes of lines that are not complete yet, at the front.
    buffer: Box<[u8]>,
    filled: usize,
    /// Who looks at it.
    pub interests: Vec<Interest>,
    /// What is known, by pattern.
    lines: Vec<Lines>,
    /// Patterns for which a matching line is still looked for.
    matching: Vec<usize>,
    /// Patterns for which a line that does not match is still looked for.
    failing: Vec<usize>,
    /// The searches in progress of a line that does not fit the buffer, with
    /// the pattern and whether a failing line is looked for.
    long: Option<Vec<(usize, LongLine<'p>)>>,
    any_line: bool,
    pub digests: Digests,
}

impl<'p> Channel<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            buffer: Box::default(),
            filled: 0,
            interests: Vec::new(),
            lines: vec![Lines::default(); plan.lines.len()],
            matching: Vec::new(),
            failing: Vec::new(),
            long: None,
            any_line: false,
            digests: Digests::default(),
        }
    }

    /// Starts a file.
    pub fn start(&mut self) {
        self.filled = 0;
        self.interests.clear();
        self.lines.fill(Lines::default());
        self.matching.clear();
        self.failing.clear();
        self.long = None;
        self.any_line = false;
        self.digests.start(Algorithms::default());
    }

    /// All interests are known: finds out what to look for.
    pub fn begin(&mut self) {
        self.collect_patterns();
        let wanted = self.wanted_digests();
        self.digests.start(wanted);
    }

    /// True when nothing more of the stream needs to be seen.
    pub fn is_done(&self) -> bool {
        !self.wants_lines() && self.digests.is_idle()
    }

    /// True while some pattern is undecided.
    pub fn wants_lines(&self) -> bool {
        !self.matching.is_empty() || !self.failing.is_empty()
    }

    /// Room for the next bytes, never empty.
    pub fn room(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BLOCK].into_boxed_slice();
        }
        &mut self.buffer[self.filled..]
    }

    /// The `count` bytes that were just put into [`room`](Self::room).
    pub fn fresh(&self, count: usize) -> &[u8] {
        &self.buffer[self.filled..self.filled + count]
    }

    /// Hands `count` bytes of the room to the checksums.
    pub fn hash(&mut self, count: usize) {
        self.digests
            .update(&self.buffer[self.filled..self.filled + count]);
    }

    /// Hands the whole stream, which is the first `count` bytes of the buffer,
    /// to the checksums. Searching the last block leaves it in place.
    pub fn hash_front(&mut self, count: usize) {
        self.digests.update(&self.buffer[..count]);
    }

    /// Hands `count` bytes of the room to the patterns. `last` says that the
    /// stream ends behind them.
    pub fn search(&mut self, matchers: &mut Matchers<'p>, count: usize, last: bool) {
        self.any_line |= count > 0;
        if !self.wants_lines() {
            self.filled = 0;
            return;
        }
        let fresh = self.filled;
        let end = self.filled + count;
        let mut start = 0;
        if self.long.is_some() {
            match self.continue_long_line(end, last) {
                Some(rest) => start = rest,
                None => return,
            }
        }
        let complete = if last {
            end
        } else {
            let from = fresh.max(start);
            match memchr::memrchr(b'\n', &self.buffer[from..end]) {
                Some(at) => from + at + 1,
                None if start == 0 && end == self.buffer.len() => {
                    self.begin_long_line(end);
                    return;
                }
                None => start,
            }
        };
        if start < complete {
            self.search_block(matchers, start, complete);
        }
        if self.wants_lines() {
            self.buffer.copy_within(complete..end, 0);
            self.filled = end - complete;
        } else {
            self.filled = 0;
        }
    }

    /// The line in the buffer fills it: from now on it is searched as it comes.
    fn begin_long_line(&mut self, end: usize) {
        let plan = self.plan;
        let mut numbers = self.matching.clone();
        for &number in &self.failing {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let long = numbers
            .into_iter()
            .map(|number| (number, LongLine::new(&plan.lines[number])))
            .collect();
        self.long = Some(long);
        self.push_long_line(end);
        self.filled = 0;
    }

    /// More of a long line. Returns where the next line begins, if it ended.
    fn continue_long_line(&mut self, end: usize, last: bool) -> Option<usize> {
        let feed = memchr::memchr(b'\n', &self.buffer[..end]);
        self.push_long_line(feed.unwrap_or(end));
        self.filled = 0;
        if feed.is_none() && !last {
            return None;
        }
        for (number, line) in self.long.take().into_iter().flatten() {
            let matched = line.finish();
            self.found(number, matched);
        }
        self.settle();
        let rest = feed.map_or(end, |at| at + 1);
        (self.wants_lines() && rest < end).then_some(rest)
    }

    /// Feeds the first `end` bytes to the patterns that are still undecided on
    /// this line.
    fn push_long_line(&mut self, end: usize) {
        let mut long = self.long.take().unwrap_or_default();
        let before = long.len();
        let piece = &self.buffer[..end];
        for (_, line) in &mut long {
            line.push(piece);
        }
        long.retain(|(number, line)| match line.outcome() {
            Some(matched) => {
                self.lines[*number].some_match |= matched;
                self.lines[*number].some_fail |= !matched;
                false
            }
            None => true,
        });
        let decided = long.len() < before;
        // Without any pattern left this still says that the line goes on.
        self.long = Some(long);
        if decided {
            self.settle();
        }
    }

    /// Searches complete lines.
    fn search_block(&mut self, matchers: &mut Matchers<'p>, start: usize, end: usize) {
        // Out of `self`, so that what is found can be noted on the way.
        let buffer = std::mem::take(&mut self.buffer);
        let block = &buffer[start..end];
        let from = self.search_with_filter(matchers, block);
        for number in self.matching.clone() {
            let (pattern, scratch) = matchers.pattern(number);
            if !self.lines[number].some_match && pattern.matches_any_line(scratch, &block[from..]) {
                self.lines[number].some_match = true;
            }
        }
        self.search_failing(matchers, block);
        self.buffer = buffer;
        self.settle();
    }

    /// Looks for any of many patterns at once. Returns how far that got: where
    /// the patterns must be searched one by one.
    fn search_with_filter(&mut self, matchers: &mut Matchers<'p>, block: &[u8]) -> usize {
        let plan = self.plan;
        let (Some(filter), true) = (&plan.lines_filter, self.matching.len() == plan.lines.len())
        else {
            return 0;
        };
        let mut start = 0;
        for _ in 0..MAX_VAIN {
            let Some(cache) = &mut matchers.filter else {
                return start;
            };
            if start >= block.len() {
                return block.len();
            }
            let Some(line) = filter
                .find_end(cache, block, start)
                .and_then(|end| LinePattern::candidate(block, end))
            else {
                return block.len();
            };
            let mut found = false;
            for number in 0..plan.lines.len() {
                let (pattern, scratch) = matchers.pattern(number);
                if pattern.matches_line(scratch, &block[line.clone()]) {
                    self.lines[number].some_match = true;
                    found = true;
                }
            }
            start = (line.end + 1).min(block.len());
            if found {
                return start;
            }
        }
        start
    }

    /// Looks for lines that do not match.
    fn search_failing(&mut self, matchers: &mut Matchers<'p>, block: &[u8]) {
        for number in self.failing.clone() {
            let (pattern, scratch) = matchers.pattern(number);
            let mut rest = block;
            while !rest.is_empty() {
                let end = memchr::memchr(b'\n', rest);
                let line = &rest[..end.unwrap_or(rest.len())];
                if !pattern.matches_line(scratch, line) {
                    self.lines[number].some_fail = true;
                    break;
                }
                rest = end.map_or(&[], |at| &rest[at + 1..]);
            }
        }
    }

    fn found(&mut self, number: usize, matched: bool) {
        if matched {
            self.lines[number].some_match = true;
        } else {
            self.lines[number].some_fail = true;
        }
    }

    /// Forgets what is decided: searches that cannot be satisfied any more and
    /// patterns that only they asked about.
    fn settle(&mut self) {
        let plan = self.plan;
        let mut died = false;
        for interest in self.interests.iter_mut().filter(|interest| interest.alive) {
            let search = &plan.searches[interest.search];
            let hopeless = search.matchall
                && search.checks.iter().any(|check| match &check.test {
                    Test::Lines(number, content) => {
                        content.verdict(self.lines[*number]) == Some(false)
                    }
                    _ => false,
                });
            if hopeless {
                interest.alive = false;
                died = true;
            }
        }
        self.collect_patterns();
        if died {
            let wanted = self.wanted_digests();
            self.digests.keep(wanted);
        }
    }

    /// Patterns that some living search still needs.
    fn collect_patterns(&mut self) {
        let plan = self.plan;
        self.matching.clear();
        self.failing.clear();
        for interest in self.interests.iter().filter(|interest| interest.alive) {
            for check in &plan.searches[interest.search].checks {
                let Test::Lines(number, content) = &check.test else {
                    continue;
                };
                if content.verdict(self.lines[*number]).is_some() {
                    continue;
                }
                let list = if content.looks_for_failing_line() {
                    &mut self.failing
                } else {
                    &mut self.matching
                };
                if !list.contains(number) {
                    list.push(*number);
                }
            }
        }
    }

    /// Checksums that living searches need.
    fn wanted_digests(&self) -> Algorithms {
        let mut wanted = Algorithms::default();
        for interest in self.interests.iter().filter(|interest| interest.alive) {
            let search = &self.plan.searches[interest.search];
            wanted.union(search.digests);
            if search.returns_sha256 {
                wanted.insert(Algorithm::Sha256);
            }
        }
        wanted
    }

    /// The stream ended as it should: what is undecided is decided now.
    pub fn end_of_lines(&mut self) {
        for lines in &mut self.lines {
            lines.ended = Some(self.any_line);
        }
        self.settle();
    }

    /// What is known about the lines for a pattern.
    pub fn lines(&self, number: usize) -> Lines {
        self.lines[number]
    }
}
