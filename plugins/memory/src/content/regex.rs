//! A regular expression over a stream of memory.

use super::prefilter::{Head, Skip};
use super::utf8::{self, Start};
use mig_plugin_patterns::goregex::{self, Ast};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::start;
use regex_automata::{Anchored, Span};
use regex_syntax::hir::{Dot, Hir, Look, Repetition};

/// Most memory for the compiled program of one pattern, in bytes.
const PROGRAM_LIMIT: usize = 64 << 20;
/// UTF-8 of U+FFFD, which stands for a bad byte.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// A compiled pattern. Its automaton runs over the characters of memory, with
/// an explicit "any characters" in front, so that every match starts at one.
#[derive(Debug)]
pub struct Regex {
    dfa: DFA,
    skip: Skip,
}

/// The search of one pattern in one stretch of memory after the other. It
/// needs working memory, which it keeps from process to process.
#[derive(Debug)]
pub struct RegexStream<'p> {
    regex: &'p Regex,
    cache: Cache,
    state: LazyStateID,
    /// The state in which nothing has begun to match, and how often the cache
    /// had been cleared when that was asked.
    idle: Option<(LazyStateID, usize)>,
    /// The beginning of a character whose rest has not come yet.
    pending: Vec<u8>,
    outcome: Option<bool>,
}

impl Regex {
    /// Compiles; at most `states` bytes are kept for states of the automaton at
    /// a time. `None` when the pattern is too large.
    pub fn new(ast: &Ast, states: usize) -> Option<Self> {
        let tree = goregex::lower::text(ast);
        let skip = Skip::of(&tree);
        let anchored = tree.properties().look_set_prefix().contains(Look::Start);
        let any = Hir::repetition(Repetition {
            min: 0,
            max: None,
            greedy: false,
            sub: Box::new(Hir::dot(Dot::AnyChar)),
        });
        // Without "any characters" in front an automaton knows at once that
        // nothing but the beginning counts.
        let tree = if anchored {
            tree
        } else {
            Hir::concat(vec![any, tree])
        };
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(PROGRAM_LIMIT))
                    .which_captures(WhichCaptures::None),
            )
            .build_from_hir(&tree)
            .ok()?;
        let config = DFA::config()
            .cache_capacity(states)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self { dfa, skip })
    }
}

impl<'p> RegexStream<'p> {
    /// A search that has seen nothing.
    pub fn new(regex: &'p Regex) -> Self {
        let mut stream = Self {
            regex,
            cache: regex.dfa.create_cache(),
            state: LazyStateID::default(),
            idle: None,
            pending: Vec::with_capacity(4),
            outcome: Some(false),
        };
        stream.begin();
        stream
    }

    /// Begins a stretch of memory: nothing stands before it.
    pub fn begin(&mut self) {
        self.learn_idle();
        self.restart();
    }

    /// The state before the first byte.
    fn restart(&mut self) {
        self.pending.clear();
        let config = start::Config::new().anchored(Anchored::Yes);
        match self.regex.dfa.start_state(&mut self.cache, &config) {
            Ok(state) => {
                self.state = state;
                self.outcome = None;
            }
            // Only with quitting bytes, which are not set.
            Err(_) => self.outcome = Some(false),
        }
        self.note_state();
    }

    /// True once the pattern has matched in this stretch.
    pub fn matched(&self) -> bool {
        self.outcome == Some(true)
    }

    /// The next piece of the stretch.
    pub fn push(&mut self, piece: &[u8]) {
        if self.outcome.is_some() {
            return;
        }
        let regex = self.regex;
        match &regex.skip {
            Skip::Nothing => {
                self.feed(piece, None);
            }
            Skip::ToPrefix {
                literals,
                head,
                rare,
                borders,
            } => {
                let longest = literals.max_needle_len().max(head.len());
                let (place, literals) = match rare {
                    Some((place, literals)) => (*place, literals),
                    None => (0, literals),
                };
                let find = |at| candidate(piece, at, place, literals, head);
                self.push_prefixes(piece, find, longest, borders);
            }
            Skip::ToStretch { literals, borders } => self.push_stretches(piece, literals, borders),
        }
    }

    /// While nothing has begun to match, only literals matter.
    fn push_prefixes(
        &mut self,
        piece: &[u8],
        find: impl Fn(usize) -> Option<usize>,
        longest: usize,
        borders: &[u8],
    ) {
        let mut at = 0;
        while at < piece.len() && self.outcome.is_none() {
            let Some(idle) = self.idle() else {
                // It was forgotten, and asking for it would make the automaton
                // forget its present state. Behind a border that is known.
                let Some(border) = first_border(borders, &piece[at..]) else {
                    self.feed(&piece[at..], None);
                    return;
                };
                self.feed(&piece[at..=at + border], None);
                if self.outcome.is_none() {
                    self.learn_idle();
                    self.behind(piece[at + border]);
                }
                at += border + 1;
                continue;
            };
            if self.pending.is_empty() && idle == self.state {
                at = match find(at) {
                    Some(found) => found,
                    None => at.max(boundary(piece, longest)),
                };
                // Away from the idle state, then back to it.
                at += self.feed_character(&piece[at..]);
            }
            at += self.feed(&piece[at..], Some(idle));
        }
    }

    /// Only stretches between two borders that hold a literal matter, and what
    /// goes on before or after the piece.
    fn push_stretches(&mut self, piece: &[u8], literals: &Prefilter, borders: &[u8]) {
        // What began in the piece before ends at the first border.
        let Some(mut at) = first_border(borders, piece).map(|border| border + 1) else {
            self.feed(piece, None);
            return;
        };
        self.feed(&piece[..at], None);
        // What goes on in the next piece begins at the last border.
        let last = last_border(borders, piece).unwrap_or(at - 1);
        while self.outcome.is_none() && at <= last {
            let Some(found) = literals.find(piece, Span::from(at..last + 1)) else {
                break;
            };
            let begin = at + last_border(borders, &piece[at..found.start]).map_or(0, |b| b + 1);
            let end = found.start
                + first_border(borders, &piece[found.start..]).unwrap_or(last - found.start);
            // The border before is what stands before a match.
            self.behind(piece[begin - 1]);
            self.feed(&piece[begin..=end], None);
            at = end + 1;
        }
        if self.outcome.is_none() {
            self.behind(piece[last]);
            self.feed(&piece[last + 1..], None);
        }
    }

    /// So many bytes with the value 0, as a page has that was never written.
    /// True when it is known what they lead to; otherwise the caller ends the
    /// stretch.
    pub fn push_zeros(&mut self, count: u64) -> bool {
        const MOST: u64 = 16 << 20;
        if self.outcome.is_some() || count == 0 {
            return true;
        }
        // The first one also settles what is pending.
        self.feed(&[0], None);
        for _ in 1..count.min(MOST) {
            if self.outcome.is_some() {
                return true;
            }
            let before = (self.state, self.cache.clear_count());
            self.step(0);
            if before == (self.state, self.cache.clear_count()) {
                return true;
            }
        }
        count <= MOST
    }

    /// Ends the stretch and says whether the pattern matched in it.
    pub fn finish(&mut self) -> bool {
        let pending = std::mem::take(&mut self.pending);
        for _ in &pending {
            self.step_all(REPLACEMENT);
        }
        if self.outcome.is_none() {
            let end = self.regex.dfa.next_eoi_state(&mut self.cache, self.state);
            self.outcome = Some(end.is_ok_and(|state| state.is_match()));
        }
        self.matched()
    }

    /// The state of the automaton behind a byte that no match contains.
    fn behind(&mut self, border: u8) {
        self.restart();
        self.step(border);
    }

    /// The state in which nothing has begun to match, unless it was forgotten.
    fn idle(&self) -> Option<LazyStateID> {
        let (state, clears) = self.idle?;
        (clears == self.cache.clear_count()).then_some(state)
    }

    /// Finds out the idle state. The present state may be forgotten by that.
    fn learn_idle(&mut self) {
        if !matches!(self.regex.skip, Skip::ToPrefix { .. }) || self.idle().is_some() {
            return;
        }
        // U+FFFD begins no match, wherever it stands: the literals in front
        // have none.
        let dfa = &self.regex.dfa;
        let config = start::Config::new().anchored(Anchored::Yes);
        let mut state = dfa.start_state(&mut self.cache, &config).ok();
        for &byte in REPLACEMENT {
            state = state.and_then(|state| dfa.next_state(&mut self.cache, state, byte).ok());
        }
        self.idle = state.map(|state| (state, self.cache.clear_count()));
    }

    /// Runs the automaton over one character and what is pending.
    fn feed_character(&mut self, bytes: &[u8]) -> usize {
        match bytes.first() {
            None => 0,
            Some(byte) if byte.is_ascii() => self.feed(&bytes[..1], None),
            Some(_) => self.feed(&bytes[..bytes.len().min(4)], None),
        }
    }

    /// Runs the automaton, until it is in the state `until`. Returns how many
    /// bytes were taken.
    fn feed(&mut self, bytes: &[u8], until: Option<LazyStateID>) -> usize {
        let mut at = 0;
        while !self.pending.is_empty() && at < bytes.len() {
            self.pending.push(bytes[at]);
            at += 1;
            self.settle();
        }
        while at < bytes.len() && self.outcome.is_none() && until != Some(self.state) {
            if bytes[at].is_ascii() {
                at += self.feed_ascii(&bytes[at..], until);
                continue;
            }
            let rest = &bytes[at..];
            match utf8::start(rest) {
                Start::Character(length) => {
                    self.step_all(&rest[..length]);
                    at += length;
                }
                Start::Bad => {
                    self.step_all(REPLACEMENT);
                    at += 1;
                }
                Start::Partial => {
                    self.pending.extend_from_slice(rest);
                    at = bytes.len();
                }
            }
        }
        at
    }

    /// Runs the automaton over the ASCII characters at the start of some bytes,
    /// until it is in the state `until`.
    fn feed_ascii(&mut self, bytes: &[u8], until: Option<LazyStateID>) -> usize {
        let dfa = &self.regex.dfa;
        for (at, &byte) in bytes.iter().enumerate() {
            if !byte.is_ascii() {
                return at;
            }
            let Ok(state) = dfa.next_state(&mut self.cache, self.state, byte) else {
                // Only with a limit on clearing the cache, which is not set.
                self.outcome = Some(false);
                return at + 1;
            };
            self.state = state;
            if state.is_tagged() {
                self.note_state();
                if self.outcome.is_some() {
                    return at + 1;
                }
            }
            if until == Some(state) {
                return at + 1;
            }
        }
        bytes.len()
    }

    /// Hands over what is decided of the pending bytes.
    fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() {
            let length = match utf8::start(rest) {
                Start::Character(length) => {
                    self.step_all(&rest[..length]);
                    length
                }
                Start::Bad => {
                    self.step_all(REPLACEMENT);
                    1
                }
                Start::Partial => break,
            };
            rest = &rest[length..];
        }
        self.pending.extend_from_slice(rest);
    }

    fn step_all(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.outcome.is_some() {
            return;
        }
        match self.regex.dfa.next_state(&mut self.cache, self.state, byte) {
            Ok(state) => {
                self.state = state;
                self.note_state();
            }
            // Only with a limit on clearing the cache, which is not set.
            Err(_) => self.outcome = Some(false),
        }
    }

    fn note_state(&mut self) {
        if self.state.is_tagged() {
            if self.state.is_match() {
                self.outcome = Some(true);
            } else if self.state.is_dead() {
                self.outcome = Some(false);
            }
        }
    }
}

/// Where a match may begin, from `at` on, when one of the literals stands
/// `place` bytes behind the beginning of each.
fn candidate(
    piece: &[u8],
    at: usize,
    place: usize,
    literals: &Prefilter,
    head: &Head,
) -> Option<usize> {
    let mut from = at + place;
    while from < piece.len() {
        let found = literals.find(piece, Span::from(from..piece.len()))?.start;
        if head.may_begin(&piece[found - place..]) {
            return Some(found - place);
        }
        from = found + 1;
    }
    None
}

/// Where to go on at the end of a piece without a literal: far enough back for
/// the start of one, and at the start of a character.
fn boundary(piece: &[u8], longest: usize) -> usize {
    let mut at = (piece.len() + 1).saturating_sub(longest.max(1));
    // A literal starts with no continuation byte; a character that is cut off
    // at the end of the piece starts at most three bytes before it.
    at = at.min(piece.len().saturating_sub(3));
    while at < piece.len() && matches!(piece[at], 0x80..=0xBF) {
        at += 1;
    }
    at
}

fn first_border(borders: &[u8], bytes: &[u8]) -> Option<usize> {
    match *borders {
        [a] => memchr::memchr(a, bytes),
        [a, b] => memchr::memchr2(a, b, bytes),
        [a, b, c] => memchr::memchr3(a, b, c, bytes),
        _ => None,
    }
}

fn last_border(borders: &[u8], bytes: &[u8]) -> Option<usize> {
    match *borders {
        [a] => memchr::memrchr(a, bytes),
        [a, b] => memchr::memrchr2(a, b, bytes),
        [a, b, c] => memchr::memrchr3(a, b, c, bytes),
        _ => None,
    }
}
