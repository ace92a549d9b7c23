//! Alpine's ordering: `number{.number}[letter]{_suffix[number]}[~hash][-rN]`.

use super::number;
use std::cmp::Ordering;

/// Suffixes of versions before the plain one, oldest first.
const BEFORE: &[&[u8]] = &[b"alpha", b"beta", b"pre", b"rc"];
/// Suffixes of versions after the plain one, oldest first.
const AFTER: &[&[u8]] = &[b"cvs", b"svn", b"git", b"hg", b"p"];

/// Compares part by part. Where two versions have parts of different kinds,
/// the order of the kinds in [`Part`] decides: a version that goes on with
/// another number is newer than one that goes on with a revision, that one
/// newer than one that ends, and one that goes on with `_rc` the oldest.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Parts::new(a), Parts::new(b));
    loop {
        let (a_part, b_part) = (a.next_part(), b.next_part());
        let order = a_part.cmp(&b_part);
        if order.is_ne() || a_part == Part::End {
            return order;
        }
    }
}

/// A part of a version; kinds from the oldest to the newest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// `_alpha`, `_beta`, `_pre`, `_rc`: place in [`BEFORE`].
    Before(usize),
    /// What is no version, to its end.
    Unknown(&'a [u8]),
    End,
    /// `-r3`
    Revision(Number<'a>),
    /// `~0123abc`
    Hash(&'a [u8]),
    /// The number behind a suffix.
    SuffixNumber(Number<'a>),
    /// `_cvs`, `_svn`, `_git`, `_hg`, `_p`: place in [`AFTER`].
    After(usize),
    /// One letter behind a number.
    Letter(u8),
    /// A component that starts with zeros: the more, the older.
    Fraction(std::cmp::Reverse<usize>, Number<'a>),
    Component(Number<'a>),
}

/// Decimal digits, ordered by value.
#[derive(Debug)]
struct Number<'a>(&'a [u8]);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        number::compare(self.0, other.0)
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

/// What the last part was, which decides what may follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
}

struct Parts<'a> {
    rest: &'a [u8],
    seen: Seen,
}

impl<'a> Parts<'a> {
    fn new(version: &'a str) -> Self {
        Self {
            rest: version.as_bytes(),
            seen: Seen::Nothing,
        }
    }

    fn next_part(&mut self) -> Part<'a> {
        let seen = self.seen;
        match self.rest {
            [] => Part::End,
            [digit, ..] if digit.is_ascii_digit() => match seen {
                Seen::Nothing => Part::Component(self.number(Seen::Number)),
                Seen::Suffix => Part::SuffixNumber(self.number(Seen::SuffixNumber)),
                _ => self.unknown(),
            },
            [letter, rest @ ..] if letter.is_ascii_lowercase() && seen == Seen::Number => {
                (self.rest, self.seen) = (rest, Seen::Letter);
                Part::Letter(*letter)
            }
            [b'.', digits @ ..]
                if seen == Seen::Number && digits.first().is_some_and(u8::is_ascii_digit) =>
            {
                self.rest = digits;
                let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
                let number = self.number(Seen::Number);
                match zeros {
                    0 => Part::Component(number),
                    zeros => Part::Fraction(std::cmp::Reverse(zeros), number),
                }
            }
            [b'_', word @ ..] if (Seen::Number..=Seen::SuffixNumber).contains(&seen) => {
                self.suffix(word)
            }
            [b'~', hash @ ..] if (Seen::Number..=Seen::SuffixNumber).contains(&seen) => {
                let end = hash
                    .iter()
                    .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                    .unwrap_or(hash.len());
                (self.rest, self.seen) = (&hash[end..], Seen::Hash);
                Part::Hash(&hash[..end])
            }
            [b'-', b'r', digits @ ..]
                if (Seen::Number..=Seen::Hash).contains(&seen)
                    && digits.first().is_some_and(u8::is_ascii_digit) =>
            {
                self.rest = digits;
                Part::Revision(self.number(Seen::Revision))
            }
            _ => self.unknown(),
        }
    }

    fn number(&mut self, seen: Seen) -> Number<'a> {
        let (digits, rest) = number::leading(self.rest);
        (self.rest, self.seen) = (rest, seen);
        Number(digits)
    }

    fn suffix(&mut self, word: &'a [u8]) -> Part<'a> {
        let end = word
            .iter()
            .position(|byte| !byte.is_ascii_lowercase())
            .unwrap_or(word.len());
        let (name, rest) = word.split_at(end);
        let place = |names: &[&[u8]]| names.iter().position(|known| *known == name);
        let part = match (place(BEFORE), place(AFTER)) {
            (Some(place), _) => Part::Before(place),
            (None, Some(place)) => Part::After(place),
            (None, None) => return self.unknown(),
        };
        (self.rest, self.seen) = (rest, Seen::Suffix);
        part
    }

    /// The rest, as it is.
    fn unknown(&mut self) -> Part<'a> {
        Part::Unknown(std::mem::take(&mut self.rest))
    }
}
