//! The parser: an operator stack, so that no pattern can overflow ours.

use super::ast::{Ast, Group, Position, Repeat};
use super::class::{self, read_bracket, read_perl, read_unicode};
use super::error::{ErrorKind, SyntaxError};
use super::escape::read_escape;
use super::flags::{Flags, Opening, read_opening};
use super::unicode;
use regex_syntax::hir::ClassUnicode;

/// Largest repeat count, also for nested counts multiplied.
const MAX_REPEAT: u32 = 1000;
/// Greatest height of the tree. It bounds the recursion of everything that
/// works on the tree later.
const MAX_HEIGHT: u32 = 1000;

/// Parses a pattern the way Go's `regexp.Compile` does.
///
/// # Errors
/// When Go refuses the pattern.
pub fn parse(pattern: &str) -> Result<Ast, SyntaxError> {
    Parser {
        pattern,
        stack: Vec::new(),
        flags: Flags::default(),
        captures: 0,
    }
    .run()
}

/// A node and the height of its tree.
struct Node {
    ast: Ast,
    height: u32,
}

enum Item {
    Node(Node),
    Bar,
    Open {
        /// Number and name when it captures.
        capture: Option<(u32, Option<String>)>,
        /// Flags to restore at the closing parenthesis.
        outer: Flags,
    },
}

struct Parser<'p> {
    pattern: &'p str,
    stack: Vec<Item>,
    flags: Flags,
    captures: u32,
}

impl<'p> Parser<'p> {
    fn run(mut self) -> Result<Ast, SyntaxError> {
        let mut rest = self.pattern;
        // The operator just read, for the error of a stacked one.
        let mut last_repeat: Option<&str> = None;
        while let Some(c) = rest.chars().next() {
            let before = rest;
            let mut repeat = None;
            match c {
                '(' => rest = self.open(rest)?,
                ')' => {
                    self.close()?;
                    rest = &rest[1..];
                }
                '|' => {
                    self.reduce_concat()?;
                    self.stack.push(Item::Bar);
                    rest = &rest[1..];
                }
                '^' => {
                    self.position(if self.flags.multi_line {
                        Position::LineStart
                    } else {
                        Position::TextStart
                    });
                    rest = &rest[1..];
                }
                '$' => {
                    self.position(if self.flags.multi_line {
                        Position::LineEnd
                    } else {
                        Position::TextEnd
                    });
                    rest = &rest[1..];
                }
                '.' => {
                    let mut set = unicode::everything();
                    if !self.flags.dot_newline {
                        set.difference(&class::range(10, 10));
                    }
                    self.push(Ast::Class(set));
                    rest = &rest[1..];
                }
                '[' => {
                    let (set, after) = read_bracket(rest, self.flags.fold_case)?;
                    self.push_class(set);
                    rest = after;
                }
                '*' | '+' | '?' => {
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    rest = self.repeat(min, max, false, before, &rest[1..], last_repeat)?;
                    repeat = Some(before);
                }
                '{' => match read_counts(rest) {
                    None => {
                        // Not a repetition, so a plain character.
                        self.literal('{');
                        rest = &rest[1..];
                    }
                    Some((min, max, after)) => {
                        let (min, max) = check_counts(min, max).ok_or_else(|| {
                            let read = &before[..before.len() - after.len()];
                            SyntaxError::new(ErrorKind::RepeatSize, read)
                        })?;
                        rest = self.repeat(min, max, true, before, after, last_repeat)?;
                        repeat = Some(before);
                    }
                },
                '\\' => rest = self.escape(rest)?,
                c => {
                    self.literal(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
            last_repeat = repeat;
        }
        let node = self.reduce_alternate()?;
        // What is left below are opening parentheses.
        match self.stack.is_empty() {
            true => Ok(node.ast),
            false => Err(SyntaxError::new(ErrorKind::MissingParen, self.pattern)),
        }
    }

    fn push(&mut self, ast: Ast) {
        self.stack.push(Item::Node(Node { ast, height: 1 }));
    }

    fn push_class(&mut self, set: ClassUnicode) {
        self.push(match set.ranges() {
            [one] if one.start() == one.end() => Ast::Char(one.start()),
            _ => Ast::Class(set),
        });
    }

    fn position(&mut self, position: Position) {
        self.push(Ast::Position(position));
    }

    fn literal(&mut self, c: char) {
        self.code_point(u32::from(c));
    }

    /// A code point that may be a surrogate, which matches nothing.
    fn code_point(&mut self, value: u32) {
        let mut set = class::range(value, value);
        if self.flags.fold_case {
            class::fold(&mut set);
        }
        self.push_class(set);
    }

    fn open(&mut self, text: &'p str) -> Result<&'p str, SyntaxError> {
        let outer = self.flags;
        let opening = if text.starts_with("(?") {
            read_opening(text, self.flags)?
        } else {
            self.captures += 1;
            let capture = Some((self.captures, None));
            self.stack.push(Item::Open { capture, outer });
            return Ok(&text[1..]);
        };
        match opening {
            Opening::Named { name, rest } => {
                self.captures += 1;
                let capture = Some((self.captures, Some(name.to_owned())));
                self.stack.push(Item::Open { capture, outer });
                Ok(rest)
            }
            Opening::Group { flags, rest } => {
                let capture = None;
                self.stack.push(Item::Open { capture, outer });
                self.flags = flags;
                Ok(rest)
            }
            Opening::Change { flags, rest } => {
                self.flags = flags;
                Ok(rest)
            }
        }
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let node = self.reduce_alternate()?;
        let Some(Item::Open { capture, outer }) = self.stack.pop() else {
            return Err(SyntaxError::new(ErrorKind::UnexpectedParen, self.pattern));
        };
        self.flags = outer;
        let node = match capture {
            None => node,
            Some((index, name)) => Node {
                height: self.height(node.height + 1)?,
                ast: Ast::Group(Box::new(Group {
                    index,
                    name,
                    node: node.ast,
                })),
            },
        };
        self.stack.push(Item::Node(node));
        Ok(())
    }

    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        counted: bool,
        before: &str,
        after: &'p str,
        last_repeat: Option<&str>,
    ) -> Result<&'p str, SyntaxError> {
        let mut greedy = !self.flags.swap_greed;
        let mut after = after;
        if let Some(rest) = after.strip_prefix('?') {
            after = rest;
            greedy = !greedy;
        }
        if let Some(last) = last_repeat {
            // In Perl `a++` means something else, so Go refuses all of them.
            let read = &last[..last.len() - after.len()];
            return Err(SyntaxError::new(ErrorKind::RepeatOperator, read));
        }
        let read = &before[..before.len() - after.len()];
        let Some(Item::Node(_)) = self.stack.last() else {
            return Err(SyntaxError::new(ErrorKind::MissingRepeatArgument, read));
        };
        let Some(Item::Node(node)) = self.stack.pop() else {
            unreachable!("just looked at");
        };
        let height = self.height(node.height + 1)?;
        let ast = Ast::Repeat(Box::new(Repeat {
            min,
            max,
            greedy,
            counted,
            node: node.ast,
        }));
        if counted
            && (min >= 2 || max.is_some_and(|max| max >= 2))
            && !ast.repeats_within(MAX_REPEAT)
        {
            return Err(SyntaxError::new(ErrorKind::RepeatSize, read));
        }
        self.stack.push(Item::Node(Node { ast, height }));
        Ok(after)
    }

    fn escape(&mut self, text: &'p str) -> Result<&'p str, SyntaxError> {
        match text.as_bytes().get(1) {
            Some(b'A') => self.position(Position::TextStart),
            Some(b'z') => self.position(Position::TextEnd),
            Some(b'b') => self.position(Position::WordBoundary),
            Some(b'B') => self.position(Position::NotWordBoundary),
            Some(b'C') => return Err(SyntaxError::new(ErrorKind::Escape, &text[..2])),
            Some(b'Q') => {
                let (run, rest) = match text[2..].split_once("\\E") {
                    Some((run, rest)) => (run, rest),
                    None => (&text[2..], ""),
                };
                run.chars().for_each(|c| self.literal(c));
                return Ok(rest);
            }
            _ => {
                let fold_case = self.flags.fold_case;
                if let Some((set, rest)) = read_unicode(text, fold_case)? {
                    self.push_class(set);
                    return Ok(rest);
                }
                if let Some((set, rest)) = read_perl(text, fold_case) {
                    self.push_class(set);
                    return Ok(rest);
                }
                let (value, rest) = read_escape(text)?;
                self.code_point(value);
                return Ok(rest);
            }
        }
        Ok(&text[2..])
    }

    /// Replaces the nodes on top, down to a bar or parenthesis, by one.
    fn reduce_concat(&mut self) -> Result<(), SyntaxError> {
        let start = self
            .stack
            .iter()
            .rposition(|item| !matches!(item, Item::Node(_)))
            .map_or(0, |index| index + 1);
        let mut nodes = Vec::with_capacity(self.stack.len() - start);
        let mut height = 0;
        for item in self.stack.drain(start..) {
            if let Item::Node(node) = item {
                height = height.max(node.height);
                nodes.push(node.ast);
            }
        }
        let node = match nodes.len() {
            0 => Node {
                ast: Ast::Empty,
                height: 1,
            },
            1 => Node {
                ast: nodes.remove(0),
                height,
            },
            _ => Node {
                ast: Ast::Concat(nodes),
                height: self.height(height + 1)?,
            },
        };
        self.stack.push(Item::Node(node));
        Ok(())
    }

    /// Replaces everything down to a parenthesis by one node, and hands it over.
    fn reduce_alternate(&mut self) -> Result<Node, SyntaxError> {
        self.reduce_concat()?;
        let start = self
            .stack
            .iter()
            .rposition(|item| matches!(item, Item::Open { .. }))
            .map_or(0, |index| index + 1);
        let mut nodes = Vec::new();
        let mut height = 0;
        for item in self.stack.drain(start..) {
            if let Item::Node(node) = item {
                height = height.max(node.height);
                nodes.push(node.ast);
            }
        }
        Ok(if nodes.len() == 1 {
            Node {
                ast: nodes.remove(0),
                height,
            }
        } else {
            Node {
                ast: Ast::Alternate(nodes),
                height: self.height(height + 1)?,
            }
        })
    }

    fn height(&self, height: u32) -> Result<u32, SyntaxError> {
        if height > MAX_HEIGHT {
            return Err(SyntaxError::new(ErrorKind::NestingDepth, self.pattern));
        }
        Ok(height)
    }
}

/// `{n}`, `{n,}` or `{n,m}` at the start of `text`; `None` when it is literal
/// text. A number too large to matter reads as `u32::MAX`.
fn read_counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = read_number(&text[1..])?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min, Some(min), after));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min, None, after));
    }
    let (max, rest) = read_number(rest)?;
    Some((min, Some(max), rest.strip_prefix('}')?))
}

/// A decimal number without leading zeros.
fn read_number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), &text[end..]))
}

fn check_counts(min: u32, max: Option<u32>) -> Option<(u32, Option<u32>)> {
    let fits = min <= MAX_REPEAT && max.is_none_or(|max| max <= MAX_REPEAT && min <= max);
    fits.then_some((min, max))
}
