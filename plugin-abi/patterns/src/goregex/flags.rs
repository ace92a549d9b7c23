//! `(?flags)`, `(?flags:` and `(?P<name>`.

use super::error::{ErrorKind, SyntaxError};

/// The switches that `(?…)` can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// `i`: letters match in both cases.
    pub fold_case: bool,
    /// `m`: `^` and `$` match at line borders.
    pub multi_line: bool,
    /// `s`: `.` matches a line feed.
    pub dot_newline: bool,
    /// `U`: repetitions are lazy unless followed by `?`.
    pub swap_greed: bool,
}

/// What a `(?` introduces.
pub(super) enum Opening<'t> {
    /// `(?P<name>`: a capturing group.
    Named { name: &'t str, rest: &'t str },
    /// `(?flags:`: a group, with these flags inside.
    Group { flags: Flags, rest: &'t str },
    /// `(?flags)`: these flags from here to the end of the enclosing group.
    Change { flags: Flags, rest: &'t str },
}

/// Reads what follows; `text` starts with `(?`.
pub(super) fn read_opening(text: &str, flags: Flags) -> Result<Opening<'_>, SyntaxError> {
    // Only the P form: `(?<name>` came with a later Go and is refused.
    if text.len() > 4 && text.starts_with("(?P<") {
        let end = text
            .find('>')
            .ok_or_else(|| SyntaxError::new(ErrorKind::NamedCapture, text))?;
        let name = &text[4..end];
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(SyntaxError::new(ErrorKind::NamedCapture, &text[..=end]));
        }
        return Ok(Opening::Named {
            name,
            rest: &text[end + 1..],
        });
    }

    let mut new = flags;
    let mut negative = false;
    let mut seen_flag = false;
    let mut rest = text[2..].chars();
    while let Some(c) = rest.next() {
        match c {
            'i' => new.fold_case = !negative,
            'm' => new.multi_line = !negative,
            's' => new.dot_newline = !negative,
            'U' => new.swap_greed = !negative,
            '-' if !negative => {
                negative = true;
                seen_flag = false;
                continue;
            }
            ':' | ')' => {
                if negative && !seen_flag {
                    break;
                }
                let rest = rest.as_str();
                return Ok(if c == ':' {
                    Opening::Group { flags: new, rest }
                } else {
                    Opening::Change { flags: new, rest }
                });
            }
            _ => break,
        }
        seen_flag = true;
    }
    let read = text.len() - rest.as_str().len();
    let kind = if rest.as_str().is_empty() && !text.ends_with([':', ')']) {
        ErrorKind::MissingParen
    } else {
        ErrorKind::PerlOperator
    };
    Err(SyntaxError::new(kind, &text[..read]))
}
