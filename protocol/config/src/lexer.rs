//! Lines into sections and keys.

use crate::error::Problem;

/// One thing a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `[name]`.
    Section(String),
    /// `name = value`, or `name` alone.
    Key(String, Option<String>),
}

/// The items of a text with their line numbers, counted from 1.
pub(crate) fn items(text: &str) -> impl Iterator<Item = (usize, Result<Item, Problem>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().flat_map(|(index, line)| {
        line_items(line)
            .into_iter()
            .map(move |item| (index + 1, item))
    })
}

/// A line holds a section, a key, or a section and its first key.
fn line_items(line: &str) -> Vec<Result<Item, Problem>> {
    let mut items = Vec::new();
    let mut rest = line.trim_start();
    if let Some(inside) = rest.strip_prefix('[') {
        let Some((name, behind)) = inside.split_once(']') else {
            return vec![Err(Problem::BadSection)];
        };
        let name = name.trim();
        if !is_name(name) {
            return vec![Err(Problem::BadSection)];
        }
        items.push(Ok(Item::Section(name.to_owned())));
        rest = behind.trim_start();
    }
    if !rest.is_empty() && !rest.starts_with([';', '#']) {
        items.push(key(rest));
    }
    items
}

fn key(text: &str) -> Result<Item, Problem> {
    let end = text.find(['=', ';', '#']).unwrap_or(text.len());
    let name = text[..end].trim();
    if !is_name(name) {
        return Err(Problem::BadLine);
    }
    let value = match text[end..].strip_prefix('=') {
        Some(value) => Some(unquoted(value)?),
        None => None,
    };
    Ok(Item::Key(name.to_owned(), value))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// The value: quotes removed, escapes replaced, comment and outer space cut.
fn unquoted(text: &str) -> Result<String, Problem> {
    let mut value = String::new();
    // Length of `value` that space at the end cannot shorten.
    let mut kept = 0;
    let mut quoted = false;
    let mut letters = text.trim_start().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                kept = value.len();
            }
            '\\' => {
                value.push(match letters.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(same @ ('"' | '\\')) => same,
                    Some(other) => return Err(Problem::BadEscape(other)),
                    None => return Err(Problem::BadEscape(' ')),
                });
                kept = value.len();
            }
            ';' | '#' if !quoted => break,
            _ => {
                value.push(letter);
                if quoted || !letter.is_whitespace() {
                    kept = value.len();
                }
            }
        }
    }
    if quoted {
        return Err(Problem::UnclosedQuote);
    }
    value.truncate(kept);
    Ok(value)
}
