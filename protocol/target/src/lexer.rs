//! Text to tokens.

use crate::{MAX_LENGTH, TargetError};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A keyword or a name, as written.
    Word(String),
    /// A text literal, unquoted.
    Text(String),
    /// An unsigned number, as written.
    Number(String),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// The end of the target.
    End,
}

impl Token {
    /// How an error message names the token.
    pub(crate) fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Text(text) => {
                let short: String = text.chars().take(20).collect();
                format!("text '{short}'")
            }
            Token::Number(number) => format!("number {number}"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::End => "the end".into(),
        }
    }
}

/// A token and the byte offset it starts at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) offset: usize,
}

/// Longest first, so that `->>` is not read as `->` and `>`.
const SYMBOLS: [&str; 23] = [
    "->>", "#>>", "!~*", "->", "#>", "::", "<>", "!=", "<=", ">=", "~*", "!~", "(", ")", ",", ".",
    "=", "<", ">", "~", "+", "-", "*",
];

/// Splits a target into tokens; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Lexeme>, TargetError> {
    if text.len() > MAX_LENGTH {
        return Err(TargetError::at(
            text,
            0,
            format!(
                "a target is at most {MAX_LENGTH} bytes long, this one has {}",
                text.len()
            ),
        ));
    }
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(first) = text[offset..].chars().next() {
        if matches!(first, ' ' | '\t' | '\n' | '\r') {
            offset += 1;
            continue;
        }
        let (token, length) = next(text, offset, first)?;
        found.push(Lexeme { token, offset });
        offset += length;
    }
    found.push(Lexeme {
        token: Token::End,
        offset,
    });
    Ok(found)
}

fn next(text: &str, offset: usize, first: char) -> Result<(Token, usize), TargetError> {
    let rest = &text[offset..];
    if first == '\'' {
        return quoted(text, offset);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = span(rest, |b| b.is_ascii_alphanumeric() || b == b'_');
        return Ok((Token::Word(rest[..length].into()), length));
    }
    if first.is_ascii_digit() {
        return number(text, offset);
    }
    if rest.starts_with("--") || rest.starts_with("/*") {
        return Err(TargetError::at(
            text,
            offset,
            "comments are not part of a target",
        ));
    }
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        return Ok((Token::Symbol(symbol), symbol.len()));
    }
    let message = match first {
        '"' => "text stands in single quotes, names stand without quotes".to_string(),
        ';' => "a target is one condition, without `;`".to_string(),
        other => format!("unexpected character `{other}`"),
    };
    Err(TargetError::at(text, offset, message))
}

fn span(text: &str, accept: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| accept(*byte)).count()
}

fn quoted(text: &str, offset: usize) -> Result<(Token, usize), TargetError> {
    let body = &text[offset + 1..];
    let mut value = String::new();
    let mut characters = body.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if characters.next_if(|(_, next)| *next == '\'').is_some() => value.push('\''),
            '\'' => return Ok((Token::Text(value), at + 2)),
            // PostgreSQL cannot hold it, SQLite would end the text there.
            '\0' => {
                let place = offset + 1 + at;
                return Err(TargetError::at(
                    text,
                    place,
                    "text must not hold a NUL character",
                ));
            }
            other => value.push(other),
        }
    }
    Err(TargetError::at(
        text,
        offset,
        "this text has no closing quote",
    ))
}

fn number(text: &str, offset: usize) -> Result<(Token, usize), TargetError> {
    let rest = &text[offset..];
    let mut length = span(rest, |b| b.is_ascii_digit());
    if rest[length..].starts_with('.') {
        let fraction = span(&rest[length + 1..], |b| b.is_ascii_digit());
        if fraction > 0 {
            length += 1 + fraction;
        }
    }
    let follows = rest[length..].bytes().next();
    if follows.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
        return Err(TargetError::at(
            text,
            offset + length,
            "expected the end of the number",
        ));
    }
    Ok((Token::Number(rest[..length].into()), length))
}
