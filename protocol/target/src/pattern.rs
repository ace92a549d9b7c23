//! `LIKE` patterns and regular expressions, in what PostgreSQL and Rust
//! understand alike.

use std::sync::{Mutex, PoisonError};

use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::util::syntax;
use regex_syntax::ast::{self, Ast, Visitor};

/// Most memory one expression may compile to, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// PostgreSQL's bound on repetition counts.
const REPEAT_LIMIT: u32 = 255;

/// A compiled pattern in the form bound to SQLite's `regexp` function.
#[derive(Debug)]
pub struct Pattern {
    program: PikeVM,
    /// Working memory, kept from row to row.
    memory: Mutex<pikevm::Cache>,
}

impl Pattern {
    /// Compiles what [`crate::Target::sqlite`] bound as the pattern.
    ///
    /// # Errors
    /// One line saying what is wrong with the pattern.
    pub fn new(pattern: &str) -> Result<Pattern, String> {
        PikeVM::builder()
            .syntax(
                syntax::Config::new()
                    .dot_matches_new_line(true)
                    .nest_limit(100),
            )
            .thompson(thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT)))
            .build(pattern)
            .map(|program| Pattern {
                memory: Mutex::new(program.create_cache()),
                program,
            })
            .map_err(|error| first_line(&error.to_string()))
    }

    /// The form of an `ILIKE` pattern, for queries outside the target language.
    pub fn ilike(pattern: &str) -> String {
        like_parameter(pattern, true)
    }

    /// The most steps that [`Pattern::is_match`] may take on `text`, to be looked
    /// at before where both come from strangers: nothing interrupts a match.
    pub fn most_steps(&self, text: &str) -> u64 {
        let states = self.program.get_nfa().states().len() as u64;
        states.saturating_mul(text.len() as u64)
    }

    /// True when the pattern is found anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        // A search that panicked leaves nothing behind that the next one reads.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        self.program.is_match(&mut memory, text)
    }
}

/// The pattern bound to `regexp` for a regular expression.
pub(crate) fn regex_parameter(pattern: &str, insensitive: bool) -> String {
    if insensitive {
        format!("(?i){pattern}")
    } else {
        pattern.to_string()
    }
}

/// The regular expression that says the same as a `LIKE` pattern.
pub(crate) fn like_parameter(pattern: &str, insensitive: bool) -> String {
    let mut regex = String::from(if insensitive { "(?i)^" } else { "^" });
    for part in like_parts(pattern) {
        match part {
            LikePart::Many => regex.push_str(".*"),
            LikePart::One => regex.push('.'),
            LikePart::Literal(c) => {
                regex.push_str(&regex_syntax::escape(c.encode_utf8(&mut [0; 4])))
            }
        }
    }
    regex.push('$');
    regex
}

/// The `GLOB` pattern that says the same as a case-sensitive `LIKE` pattern:
/// SQLite's `LIKE` ignores case, `GLOB` does not and can use an index.
pub(crate) fn glob_parameter(pattern: &str) -> String {
    let mut glob = String::new();
    for part in like_parts(pattern) {
        match part {
            LikePart::Many => glob.push('*'),
            LikePart::One => glob.push('?'),
            LikePart::Literal(c @ ('*' | '?' | '[')) => glob.extend(['[', c, ']']),
            LikePart::Literal(c) => glob.push(c),
        }
    }
    glob
}

enum LikePart {
    Many,
    One,
    Literal(char),
}

fn like_parts(pattern: &str) -> impl Iterator<Item = LikePart> {
    let mut characters = pattern.chars();
    std::iter::from_fn(move || {
        Some(match characters.next()? {
            '%' => LikePart::Many,
            '_' => LikePart::One,
            '\\' => LikePart::Literal(characters.next().unwrap_or('\\')),
            other => LikePart::Literal(other),
        })
    })
}

/// True for a pattern that PostgreSQL refuses at run time.
pub(crate) fn ends_in_escape(pattern: &str) -> bool {
    pattern
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count()
        % 2
        == 1
}

/// Refuses what is no regular expression, or one that PostgreSQL would refuse or
/// read differently.
pub(crate) fn check(pattern: &str, insensitive: bool) -> Result<(), String> {
    let tree = ast::parse::ParserBuilder::new()
        .nest_limit(100)
        .build()
        .parse(pattern)
        .map_err(|error| format!("invalid regular expression: {}", error.kind()))?;
    ast::visit(&tree, Common).map_err(|what| {
        format!("this regular expression has {what}, which not every part of MIG understands")
    })?;
    Pattern::new(&regex_parameter(pattern, insensitive)).map(drop)
}

fn first_line(text: &str) -> String {
    let reason = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    format!("invalid regular expression: {reason}")
}

/// Walks a syntax tree and stops at what the two dialects do not share.
struct Common;

impl Visitor for Common {
    type Output = ();
    type Err = &'static str;

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        match tree {
            Ast::Flags(_) => Err("flags"),
            Ast::ClassUnicode(_) => Err("a Unicode class"),
            Ast::Literal(literal) => common_literal(literal),
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::StartLine | ast::AssertionKind::EndLine => Ok(()),
                _ => Err("a boundary other than ^ and $"),
            },
            Ast::Group(group) => match &group.kind {
                ast::GroupKind::CaptureIndex(_) => Ok(()),
                ast::GroupKind::CaptureName { .. } => Err("a named group"),
                ast::GroupKind::NonCapturing(flags) if flags.items.is_empty() => Ok(()),
                ast::GroupKind::NonCapturing(_) => Err("flags"),
            },
            Ast::Repetition(repetition) => common_repetition(repetition),
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ast::ClassSetItem::Unicode(_) => Err("a Unicode class"),
            ast::ClassSetItem::Bracketed(_) => Err("a class within a class"),
            ast::ClassSetItem::Perl(class) if class.negated => Err("a negated class in brackets"),
            ast::ClassSetItem::Ascii(class) if class.negated => Err("a negated class in brackets"),
            ast::ClassSetItem::Ascii(class) if class.kind == ast::ClassAsciiKind::Word => {
                Err("[:word:]")
            }
            ast::ClassSetItem::Literal(literal) => common_literal(literal),
            ast::ClassSetItem::Range(range) => {
                common_literal(&range.start).and(common_literal(&range.end))
            }
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        _: &ast::ClassSetBinaryOp,
    ) -> Result<(), Self::Err> {
        Err("arithmetic on classes")
    }
}

fn common_literal(literal: &ast::Literal) -> Result<(), &'static str> {
    match &literal.kind {
        ast::LiteralKind::Verbatim | ast::LiteralKind::Meta | ast::LiteralKind::Superfluous => {
            Ok(())
        }
        ast::LiteralKind::Special(
            ast::SpecialLiteralKind::Tab
            | ast::SpecialLiteralKind::LineFeed
            | ast::SpecialLiteralKind::CarriageReturn,
        ) => Ok(()),
        _ => Err("a numbered or rare character escape"),
    }
}

fn common_repetition(repetition: &ast::Repetition) -> Result<(), &'static str> {
    if matches!(
        *repetition.ast,
        Ast::Repetition(_) | Ast::Assertion(_) | Ast::Empty(_)
    ) {
        return Err("a repetition of a repetition, of ^ or of $");
    }
    let most = match &repetition.op.kind {
        ast::RepetitionKind::Range(ast::RepetitionRange::Exactly(count)) => *count,
        ast::RepetitionKind::Range(ast::RepetitionRange::AtLeast(least)) => *least,
        ast::RepetitionKind::Range(ast::RepetitionRange::Bounded(_, most)) => *most,
        _ => 0,
    };
    if most > REPEAT_LIMIT {
        Err("a repetition above 255")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expressions_that_mean_the_same_everywhere_pass() {
        let cases = [
            ("^web[0-9]+\\.example\\.(com|org)$", true),
            ("[[:alpha:]_-]{2,255}?", true),
            ("(?:a|b)*c", true),
            ("\\d\\w\\s\\D\\W\\S", true),
            ("[\\d\\w.]", true),
            ("", true),
            ("a{1,256}", false),
            ("(a", false),
            ("a**", false),
            ("^*", false),
            ("*a", false),
            ("\\bword\\b", false),
            ("\\p{Greek}", false),
            ("(?i)a", false),
            ("(?P<n>a)", false),
            ("\\x41", false),
            ("[a&&b]", false),
            ("[a[b]]", false),
            ("[^\\D]", false),
            ("((((a{255}){255}){255}){255})", false),
        ];
        for (pattern, good) in cases {
            assert_eq!(
                check(pattern, false).is_ok(),
                good,
                "{pattern}: {:?}",
                check(pattern, true)
            );
        }
    }

    #[test]
    fn a_like_pattern_escapes_what_the_other_forms_treat_specially() {
        assert_eq!(glob_parameter("a%b_c\\%*?[]"), "a*b?c%[*][?][[]]");
        assert_eq!(like_parameter("a.%_\\_", true), "(?i)^a\\..*._$");
        assert!(ends_in_escape("a\\"));
        assert!(!ends_in_escape("a\\\\"));
    }

    #[test]
    fn a_dot_matches_a_line_break_as_in_postgresql() {
        assert!(Pattern::new("^a.b$").unwrap().is_match("a\nb"));
        assert!(!Pattern::new("^b$").unwrap().is_match("a\nb"));
    }
}
