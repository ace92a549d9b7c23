//! What a person sees when a file makes no sense.

use thiserror::Error;

use crate::nearest::nearest;
use crate::{LARGEST_FILE, Section};

/// Why a configuration file is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is absent or may not be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody writes configuration files of that size.
    #[error("{file}: has {length} bytes; a configuration file has at most {LARGEST_FILE}")]
    TooLarge {
        /// Which file.
        file: String,
        /// Its size in bytes.
        length: u64,
    },
    /// A line that makes no sense.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// Which file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A key without which the program cannot start.
    #[error("{file}: [{section}] {key} is missing; the program cannot start without it")]
    Missing {
        /// Which file.
        file: String,
        /// Section of the key.
        section: String,
        /// The key.
        key: String,
    },
}

impl ConfigError {
    /// A line that makes no sense, to whoever knows more than the kinds of keys.
    pub fn at(file: &str, line: usize, problem: Problem) -> Self {
        Self::Line {
            file: file.to_owned(),
            line,
            problem,
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// A section that the program does not know.
    #[error("unknown section [{name}]{}", suggestion(nearest, true))]
    UnknownSection {
        /// As written.
        name: String,
        /// The most similar known one.
        nearest: Option<String>,
    },
    /// A key that the section does not have.
    #[error("unknown key `{name}` in [{section}]{}", suggestion(nearest, false))]
    UnknownKey {
        /// As written.
        name: String,
        /// The section it stands in.
        section: String,
        /// The most similar known one.
        nearest: Option<String>,
    },
    /// A key before the first section.
    #[error("`{0}` stands before the first [section]")]
    NoSection(String),
    /// A key that is not true or false, without a value.
    #[error("`{0}` needs a value: {0} = ...")]
    NeedsValue(String),
    /// A value of the wrong kind.
    #[error("`{key}` is `{value}`; expected {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A section header without its end.
    #[error("a section is written [name]")]
    BadSection,
    /// A line that is neither section nor key.
    #[error("expected `key = value`, a [section] or a comment")]
    BadLine,
    /// A value that its owner does not accept.
    #[error("`{key}`: {reason}")]
    Refused {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A quotation mark without its partner.
    #[error("a quotation mark is not closed on this line")]
    UnclosedQuote,
    /// A backslash before something that needs none.
    #[error("unknown escape `\\{0}`; known are \\\" \\\\ \\n and \\t")]
    BadEscape(char),
    /// Bytes that are not text.
    #[error("the file is not UTF-8 text")]
    NotUtf8,
}

impl Problem {
    pub(crate) fn unknown_section(name: &str, sections: &[Section<'_>]) -> Self {
        let nearest = nearest(name, sections.iter().map(|section| section.name));
        Self::UnknownSection {
            name: name.to_owned(),
            nearest,
        }
    }

    pub(crate) fn unknown_key(name: &str, section: &Section<'_>) -> Self {
        let nearest = nearest(name, section.keys.iter().map(|key| key.name));
        Self::UnknownKey {
            name: name.to_owned(),
            section: section.name.to_owned(),
            nearest,
        }
    }
}

fn suggestion(nearest: &Option<String>, section: bool) -> String {
    match nearest {
        Some(name) if section => format!("; did you mean [{name}]?"),
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
