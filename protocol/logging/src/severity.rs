//! The eight severities of syslog.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// How much a line matters; smaller matters more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program cannot go on.
    Emergency,
    /// Somebody must act at once.
    Alert,
    /// A part of the program has failed for good.
    Critical,
    /// Somebody must act.
    Error,
    /// Something unexpected was recovered from.
    Warning,
    /// Normal, and worth noticing.
    Notice,
    /// Normal.
    Info,
    /// For developers.
    Debug,
}

impl Severity {
    /// Reads the word a configuration file uses.
    pub fn from_configuration(word: &str) -> Option<Self> {
        Some(match word {
            "emerg" => Self::Emergency,
            "alert" => Self::Alert,
            "crit" => Self::Critical,
            "err" => Self::Error,
            "warning" => Self::Warning,
            "notice" => Self::Notice,
            "info" => Self::Info,
            "debug" => Self::Debug,
            _ => return None,
        })
    }

    /// The word a log line carries.
    pub fn label(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Reads the `severity` field of an event.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        [
            Self::Emergency,
            Self::Alert,
            Self::Critical,
            Self::Error,
            Self::Warning,
            Self::Notice,
            Self::Info,
            Self::Debug,
        ]
        .into_iter()
        .find(|severity| severity.label() == label)
    }

    pub(crate) fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }

    /// The level below which nothing can pass this threshold.
    pub(crate) fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            // A notice may be given as a refined INFO event.
            Self::Notice | Self::Info => LevelFilter::INFO,
            Self::Warning => LevelFilter::WARN,
            _ => LevelFilter::ERROR,
        }
    }
}
