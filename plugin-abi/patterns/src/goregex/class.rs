//! Character classes: `[…]`, `\d`, `[:alpha:]`, `\pN`.

use super::error::{ErrorKind, SyntaxError};
use super::escape::read_escape;
use super::unicode;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// ASCII ranges of `\d`, `\s`, `\w`. `\s` has no vertical tab.
const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// `[:name:]` inside a class.
const POSIX: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7F')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1F'), ('\x7F', '\x7F')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// Adds the letters that differ in case only. Simple folding, as Go's
/// `unicode.SimpleFold`; it reaches beyond ASCII (K, ſ).
pub(super) fn fold(set: &mut ClassUnicode) {
    // The tables are a default feature of `regex-syntax`.
    set.case_fold_simple();
}

/// A set from a range of code points. Surrogates are left out: they are valid
/// in a pattern and never occur in decoded text.
pub(super) fn range(low: u32, high: u32) -> ClassUnicode {
    let low = if (0xD800..=0xDFFF).contains(&low) {
        0xE000
    } else {
        low
    };
    let high = if (0xD800..=0xDFFF).contains(&high) {
        0xD7FF
    } else {
        high
    };
    match (char::from_u32(low), char::from_u32(high)) {
        (Some(low), Some(high)) if low <= high => {
            ClassUnicode::new([ClassUnicodeRange::new(low, high)])
        }
        _ => ClassUnicode::empty(),
    }
}

/// A named group, folded when asked, then negated when asked: in this order,
/// so that `(?i)\W` excludes K (U+212A).
fn group(ranges: &[(char, char)], negate: bool, fold_case: bool) -> ClassUnicode {
    let mut set = ClassUnicode::new(
        ranges
            .iter()
            .map(|&(low, high)| ClassUnicodeRange::new(low, high)),
    );
    if fold_case {
        fold(&mut set);
    }
    if negate {
        set.negate();
    }
    set
}

/// `\d`, `\S`, … at the start of `text`.
pub(super) fn read_perl(text: &str, fold_case: bool) -> Option<(ClassUnicode, &str)> {
    let ranges = match text.as_bytes() {
        [b'\\', b'd' | b'D', ..] => DIGIT,
        [b'\\', b's' | b'S', ..] => SPACE,
        [b'\\', b'w' | b'W', ..] => WORD,
        _ => return None,
    };
    let negate = text.as_bytes()[1].is_ascii_uppercase();
    Some((group(ranges, negate, fold_case), &text[2..]))
}

/// `\pN`, `\P{^Greek}`, … at the start of `text`; `None` when it is something
/// else.
pub(super) fn read_unicode(
    text: &str,
    fold_case: bool,
) -> Result<Option<(ClassUnicode, &str)>, SyntaxError> {
    if !text.starts_with("\\p") && !text.starts_with("\\P") {
        return Ok(None);
    }
    let mut negate = text.starts_with("\\P");
    let (whole, mut name) = match text[2..].chars().next() {
        Some('{') => {
            let end = text
                .find('}')
                .ok_or_else(|| SyntaxError::new(ErrorKind::CharRange, text))?;
            (&text[..=end], &text[3..end])
        }
        Some(c) => {
            let end = 2 + c.len_utf8();
            (&text[..end], &text[2..end])
        }
        None => (text, ""),
    };
    if let Some(inner) = name.strip_prefix('^') {
        negate = !negate;
        name = inner;
    }
    let mut set =
        unicode::table(name).ok_or_else(|| SyntaxError::new(ErrorKind::CharRange, whole))?;
    if fold_case {
        fold(&mut set);
    }
    if negate {
        set.negate();
    }
    Ok(Some((set, &text[whole.len()..])))
}

/// `[:alpha:]` at the start of `text`; `None` when it is not of that form, an
/// error when the name is unknown.
fn read_posix(text: &str, fold_case: bool) -> Result<Option<(ClassUnicode, &str)>, SyntaxError> {
    let Some(inner) = text.strip_prefix("[:") else {
        return Ok(None);
    };
    let Some(end) = inner.find(":]") else {
        return Ok(None);
    };
    let (whole, rest) = text.split_at(end + 4);
    let name = &inner[..end];
    let (name, negate) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (_, ranges) = POSIX
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| SyntaxError::new(ErrorKind::CharRange, whole))?;
    Ok(Some((group(ranges, negate, fold_case), rest)))
}

/// One end of a range; `class` is the text from the opening bracket on.
fn read_class_char<'t>(text: &'t str, class: &str) -> Result<(u32, &'t str), SyntaxError> {
    match text.chars().next() {
        None => Err(SyntaxError::new(ErrorKind::MissingBracket, class)),
        Some('\\') => read_escape(text),
        Some(c) => Ok((u32::from(c), &text[c.len_utf8()..])),
    }
}

/// A whole `[…]`; `text` starts with the bracket.
pub(super) fn read_bracket(
    text: &str,
    fold_case: bool,
) -> Result<(ClassUnicode, &str), SyntaxError> {
    let mut rest = &text[1..];
    let mut negate = false;
    if let Some(inner) = rest.strip_prefix('^') {
        negate = true;
        rest = inner;
    }
    let mut set = ClassUnicode::empty();
    let mut first = true;
    // `]` stands for itself in front, and `-` anywhere it makes no range.
    while first || !rest.starts_with(']') {
        first = false;
        if let Some((part, after)) = read_posix(rest, fold_case)? {
            set.union(&part);
            rest = after;
            continue;
        }
        if let Some((part, after)) = read_unicode(rest, fold_case)? {
            set.union(&part);
            rest = after;
            continue;
        }
        if let Some((part, after)) = read_perl(rest, fold_case) {
            set.union(&part);
            rest = after;
            continue;
        }
        let start = rest;
        let (low, after) = read_class_char(rest, text)?;
        rest = after;
        let mut high = low;
        if rest.len() >= 2 && rest.starts_with('-') && !rest[1..].starts_with(']') {
            let (value, after) = read_class_char(&rest[1..], text)?;
            high = value;
            rest = after;
            if high < low {
                let read = &start[..start.len() - rest.len()];
                return Err(SyntaxError::new(ErrorKind::CharRange, read));
            }
        }
        let mut part = range(low, high);
        if fold_case {
            fold(&mut part);
        }
        set.union(&part);
    }
    if negate {
        set.negate();
    }
    Ok((set, &rest[1..]))
}
