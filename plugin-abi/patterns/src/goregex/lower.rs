//! From our tree to `regex-syntax`'s, in two flavours.

use super::ast::{Ast, Group, Position, Repeat};
use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, Look,
    Repetition,
};

/// The character that stands for a byte that is not UTF-8.
const REPLACEMENT: char = '\u{FFFD}';

/// The pattern as it is, for one text of valid UTF-8. Matches exactly where Go
/// matches.
pub fn text(ast: &Ast) -> Hir {
    Lowering { lines: false }.node(ast)
}

/// A pattern for whole blocks of raw bytes, holding complete lines. It matches
/// within a line wherever [`text`] matches the transcription of that line, and
/// sometimes elsewhere (an over-approximation): what it finds is a candidate
/// line, to be judged by the exact pattern.
///
/// * No match contains a line feed; `^`, `\A`, `$` and `\z` mean line borders.
/// * The carriage return before a line feed does not belong to the line, but
///   here it may be matched, and a line may end before any carriage return.
/// * Whatever matches U+FFFD also matches any single byte above 0x7F.
pub fn block(ast: &Ast) -> Hir {
    Lowering { lines: true }.node(ast)
}

struct Lowering {
    lines: bool,
}

impl Lowering {
    fn node(&self, ast: &Ast) -> Hir {
        match ast {
            Ast::Empty => Hir::empty(),
            Ast::Char(c) => self.character(*c),
            Ast::Class(set) => self.class(set),
            Ast::Position(position) => self.position(*position),
            Ast::Repeat(repeat) => self.repeat(repeat),
            Ast::Group(group) => self.group(group),
            Ast::Concat(nodes) => Hir::concat(nodes.iter().map(|node| self.node(node)).collect()),
            Ast::Alternate(nodes) => {
                Hir::alternation(nodes.iter().map(|node| self.node(node)).collect())
            }
        }
    }

    fn character(&self, c: char) -> Hir {
        if self.lines && (c == '\n' || c == REPLACEMENT) {
            return self.class(&ClassUnicode::new([ClassUnicodeRange::new(c, c)]));
        }
        let mut bytes = [0; 4];
        Hir::literal(c.encode_utf8(&mut bytes).as_bytes().to_vec())
    }

    fn class(&self, set: &ClassUnicode) -> Hir {
        if !self.lines {
            return Hir::class(Class::Unicode(set.clone()));
        }
        let set = without_line_feed(set);
        if contains(&set, REPLACEMENT) {
            let bad = ClassBytes::new([ClassBytesRange::new(0x80, 0xFF)]);
            return Hir::alternation(vec![
                Hir::class(Class::Unicode(set)),
                Hir::class(Class::Bytes(bad)),
            ]);
        }
        Hir::class(Class::Unicode(set))
    }

    fn position(&self, position: Position) -> Hir {
        let look = match position {
            Position::WordBoundary => Look::WordAscii,
            Position::NotWordBoundary => Look::WordAsciiNegate,
            Position::TextStart if self.lines => Look::StartLF,
            Position::LineStart => Look::StartLF,
            Position::TextStart => Look::Start,
            // Before the carriage return, as what follows may look around too: in
            // `$^` and in `a$\b`.
            Position::LineEnd | Position::TextEnd if self.lines => Look::EndCRLF,
            Position::LineEnd => Look::EndLF,
            Position::TextEnd => Look::End,
        };
        Hir::look(look)
    }

    fn repeat(&self, repeat: &Repeat) -> Hir {
        let sub = match &repeat.node {
            // `.*` over raw bytes: any run of bytes, which keeps the automaton
            // small where a class of characters plus stray bytes would not.
            Ast::Class(set) if self.lines && repeat.min <= 1 && repeat.max.is_none() => {
                wide_bytes(set).unwrap_or_else(|| self.class(set))
            }
            node => self.node(node),
        };
        Hir::repetition(Repetition {
            min: repeat.min,
            max: repeat.max,
            greedy: repeat.greedy,
            sub: Box::new(sub),
        })
    }

    fn group(&self, group: &Group) -> Hir {
        Hir::capture(Capture {
            index: group.index,
            name: group.name.as_deref().map(Into::into),
            sub: Box::new(self.node(&group.node)),
        })
    }
}

/// Every text character, for the explicit `.*` in front of streamed searches.
pub fn any_character() -> Hir {
    Hir::class(Class::Unicode(ClassUnicode::new([ClassUnicodeRange::new(
        '\0',
        char::MAX,
    )])))
}

fn contains(set: &ClassUnicode, c: char) -> bool {
    set.ranges()
        .iter()
        .any(|range| range.start() <= c && c <= range.end())
}

fn without_line_feed(set: &ClassUnicode) -> ClassUnicode {
    let mut set = set.clone();
    set.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
    set
}

/// For a set with every character beyond ASCII: its ASCII part and every byte
/// above.
fn wide_bytes(set: &ClassUnicode) -> Option<Hir> {
    let set = without_line_feed(set);
    let last = set.ranges().last()?;
    if last.end() != char::MAX || last.start() > '\u{80}' {
        return None;
    }
    let mut bytes = ClassBytes::empty();
    for range in set.ranges() {
        if range.start() <= '\x7F' {
            let end = range.end().min('\x7F');
            bytes.push(ClassBytesRange::new(range.start() as u8, end as u8));
        }
    }
    bytes.push(ClassBytesRange::new(0x80, 0xFF));
    Some(Hir::class(Class::Bytes(bytes)))
}
