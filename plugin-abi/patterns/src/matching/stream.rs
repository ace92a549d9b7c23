//! A pattern over one line of any length, piece by piece, in bounded memory.

use super::transcribe::Transcriber;
use super::{LinePattern, STATES_LIMIT};
use crate::goregex::{self, Ast};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind, Span};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Dot, Hir, Look, Repetition};

/// The automaton for streamed lines. It runs over the transcription of the
/// line with an explicit "any characters" in front, so that every match starts
/// at a character.
#[derive(Debug)]
pub(super) struct Streaming {
    /// `None` when the program is too large; the exact pattern, which is of the
    /// same size, was compiled, so this is only a guard.
    dfa: Option<DFA>,
    /// Finds where a match may start, for patterns that begin with a literal
    /// and look at nothing outside of the match.
    prefilter: Option<Prefilter>,
    /// A byte that begins no match: behind it the automaton is idle.
    idle_byte: Option<u8>,
}

impl Streaming {
    pub(super) fn new(ast: &Ast) -> Self {
        let tree = goregex::lower::text(ast);
        let looks = tree.properties().look_set();
        let skippable = !looks.contains(Look::Start)
            && !looks.contains(Look::StartLF)
            && !looks.contains_word();
        // Over raw bytes, so from the form in which U+FFFD covers bad bytes.
        let prefilter = skippable
            .then(|| {
                Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &goregex::lower::block(ast))
            })
            .flatten()
            .filter(Prefilter::is_fast);
        let idle_byte = idle_byte(&tree);
        let any = Hir::repetition(Repetition {
            min: 0,
            max: None,
            greedy: false,
            sub: Box::new(Hir::dot(Dot::AnyChar)),
        });
        let dfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(WhichCaptures::None),
            )
            .build_from_hir(&Hir::concat(vec![any, tree]))
            .ok()
            .and_then(|nfa| {
                DFA::builder()
                    .configure(
                        DFA::config()
                            .cache_capacity(STATES_LIMIT)
                            .skip_cache_capacity_check(true),
                    )
                    .build_from_nfa(nfa)
                    .ok()
            });
        Self {
            dfa,
            prefilter,
            idle_byte,
        }
    }
}

/// A byte that no match begins with, if the pattern begins with literals.
fn idle_byte(tree: &Hir) -> Option<u8> {
    let prefixes = Extractor::new().kind(ExtractKind::Prefix).extract(tree);
    let literals = prefixes.literals()?;
    (0..0x80).find(|byte| {
        literals.iter().all(|literal| {
            literal
                .as_bytes()
                .first()
                .is_some_and(|first| first != byte)
        })
    })
}

/// The search of one pattern in one long line.
#[derive(Debug)]
pub struct LongLine<'p> {
    streaming: &'p Streaming,
    cache: Option<Cache>,
    state: LazyStateID,
    /// The state in which nothing has begun to match; it has no meaning any
    /// more once the cache has been cleared.
    idle: Option<LazyStateID>,
    transcriber: Transcriber,
    /// A carriage return that may be the one before the line feed.
    held_return: bool,
    outcome: Option<bool>,
}

impl<'p> LongLine<'p> {
    /// Starts at the beginning of a line.
    pub fn new(pattern: &'p LinePattern) -> Self {
        let streaming = pattern.streaming();
        let mut line = Self {
            streaming,
            cache: None,
            state: LazyStateID::default(),
            idle: None,
            transcriber: Transcriber::default(),
            held_return: false,
            outcome: Some(false),
        };
        let Some(dfa) = &streaming.dfa else {
            return line;
        };
        let mut cache = dfa.create_cache();
        let config = start::Config::new().anchored(Anchored::Yes);
        let idle = streaming.idle_byte.and_then(|byte| {
            let start = dfa.start_state(&mut cache, &config).ok()?;
            dfa.next_state(&mut cache, start, byte).ok()
        });
        if let Ok(state) = dfa.start_state(&mut cache, &config) {
            line.state = state;
            line.idle = idle;
            line.outcome = None;
            line.cache = Some(cache);
        }
        line
    }

    /// The answer, once it cannot change any more.
    pub fn outcome(&self) -> Option<bool> {
        self.outcome
    }

    /// Feeds the next piece of the line, without a line feed.
    pub fn push(&mut self, piece: &[u8]) {
        if piece.is_empty() || self.outcome.is_some() {
            return;
        }
        if std::mem::take(&mut self.held_return) {
            self.feed(b"\r");
        }
        match piece.strip_suffix(b"\r") {
            Some(piece) => {
                self.feed(piece);
                self.held_return = true;
            }
            None => self.feed(piece),
        }
    }

    /// Ends the line and says whether the pattern matched it.
    pub fn finish(mut self) -> bool {
        // A held carriage return is the one that does not belong to the line.
        let mut transcriber = std::mem::take(&mut self.transcriber);
        transcriber.finish(|bytes| self.step(bytes));
        if let Some(outcome) = self.outcome {
            return outcome;
        }
        let (Some(dfa), Some(cache)) = (&self.streaming.dfa, &mut self.cache) else {
            return false;
        };
        dfa.next_eoi_state(cache, self.state)
            .is_ok_and(|state| state.is_match())
    }

    fn feed(&mut self, piece: &[u8]) {
        let mut piece = piece;
        while !piece.is_empty() && self.outcome.is_none() {
            let skip = self.idle_prefix(piece);
            piece = &piece[skip..];
            // Short stretches between two attempts to skip.
            let (now, later) = piece.split_at(piece.len().min(4096));
            let mut transcriber = std::mem::take(&mut self.transcriber);
            transcriber.push(now, |bytes| self.step(bytes));
            self.transcriber = transcriber;
            piece = later;
        }
    }

    /// How many bytes at the start of `piece` cannot be part of a match while
    /// nothing has begun to match.
    fn idle_prefix(&mut self, piece: &[u8]) -> usize {
        let Some(prefilter) = &self.streaming.prefilter else {
            return 0;
        };
        let cleared = self.cache.as_ref().is_none_or(|c| c.clear_count() > 0);
        if cleared || self.idle != Some(self.state) || !self.transcriber.is_settled() {
            return 0;
        }
        let span = Span::from(0..piece.len());
        let candidate = match prefilter.find(piece, span) {
            Some(found) => found.start,
            // The start of a needle may stand at the end.
            None => piece.len().saturating_sub(prefilter.max_needle_len()),
        };
        // Not into the middle of a character: its start would look like a
        // stray continuation byte. At most three bytes back.
        (0..=candidate)
            .rev()
            .find(|&at| at == piece.len() || !matches!(piece[at], 0x80..=0xBF))
            .filter(|at| candidate - at <= 3)
            .unwrap_or(0)
    }

    /// Runs the automaton over transcribed bytes.
    fn step(&mut self, bytes: &[u8]) {
        if self.outcome.is_some() {
            return;
        }
        let (Some(dfa), Some(cache)) = (&self.streaming.dfa, &mut self.cache) else {
            return;
        };
        for &byte in bytes {
            match dfa.next_state(cache, self.state, byte) {
                Ok(state) => self.state = state,
                // Only with a limit on clearing the cache, which is not set.
                Err(_) => {
                    self.outcome = Some(false);
                    return;
                }
            }
            if self.state.is_tagged() {
                if self.state.is_match() {
                    self.outcome = Some(true);
                    return;
                }
                if self.state.is_dead() {
                    self.outcome = Some(false);
                    return;
                }
            }
        }
    }
}
