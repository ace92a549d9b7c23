//! The parsed pattern.

use regex_syntax::hir::ClassUnicode;

/// A parsed pattern. Flags are already folded into the nodes: a
/// case-insensitive `k` is a class of three characters, `^` is a
/// [`Position::TextStart`] or [`Position::LineStart`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ast {
    /// Matches the empty text.
    Empty,
    /// One fixed character.
    Char(char),
    /// One character of a set; the set may be empty and then never matches.
    Class(ClassUnicode),
    /// A condition on the position.
    Position(Position),
    /// A repetition.
    Repeat(Box<Repeat>),
    /// A capturing group.
    Group(Box<Group>),
    /// One after the other.
    Concat(Vec<Ast>),
    /// One of several, the first preferred.
    Alternate(Vec<Ast>),
}

/// A condition on the position between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// `\A`, and `^` without `m`.
    TextStart,
    /// `\z`, and `$` without `m`.
    TextEnd,
    /// `^` with `m`.
    LineStart,
    /// `$` with `m`.
    LineEnd,
    /// `\b`, always ASCII.
    WordBoundary,
    /// `\B`, always ASCII.
    NotWordBoundary,
}

/// A repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Least count.
    pub min: u32,
    /// Greatest count, `None` for no bound.
    pub max: Option<u32>,
    /// Whether the longer match is preferred.
    pub greedy: bool,
    /// True for `{…}`, which counts towards the limit of 1000; `*`, `+` and `?`
    /// do not.
    pub counted: bool,
    /// What is repeated.
    pub node: Ast,
}

/// A capturing group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Number of the group, from 1.
    pub index: u32,
    /// Name, if it has one.
    pub name: Option<String>,
    /// Its content.
    pub node: Ast,
}

impl Ast {
    /// The one text that the pattern matches, if it is `^text$`. Text with
    /// U+FFFD also matches bad bytes, so that is no fixed text.
    pub fn whole_text(&self) -> Option<String> {
        let Ast::Concat(nodes) = self else {
            return None;
        };
        let [
            Ast::Position(Position::TextStart),
            middle @ ..,
            Ast::Position(Position::TextEnd),
        ] = nodes.as_slice()
        else {
            return None;
        };
        let letters = middle.iter().map(|node| match node {
            Ast::Char(c) if *c != char::REPLACEMENT_CHARACTER => Some(*c),
            _ => None,
        });
        letters.collect()
    }

    /// Whether nested counted repetitions multiply to at most `limit`, the way
    /// Go counts them.
    pub(super) fn repeats_within(&self, limit: u32) -> bool {
        match self {
            Ast::Repeat(repeat) => {
                let mut limit = limit;
                if repeat.counted {
                    if repeat.max == Some(0) {
                        return true;
                    }
                    let count = repeat.max.unwrap_or(repeat.min);
                    if count > limit {
                        return false;
                    }
                    if let Some(share) = limit.checked_div(count) {
                        limit = share;
                    }
                }
                repeat.node.repeats_within(limit)
            }
            Ast::Group(group) => group.node.repeats_within(limit),
            Ast::Concat(nodes) | Ast::Alternate(nodes) => {
                nodes.iter().all(|node| node.repeats_within(limit))
            }
            Ast::Empty | Ast::Char(_) | Ast::Class(_) | Ast::Position(_) => true,
        }
    }
}
