//! Log lines in the form that MIG sites collect and parse.
//!
//! `<operation id|-> <action id|-> <command id|-> [severity] text`, to standard
//! error, to a file that is rotated by size, or to syslog over the network. The
//! ids come from fields named `op`, `action` and `command` of an event or of the
//! spans around it; a field named `severity` refines the level, since the log
//! knows eight severities and `tracing` five levels.

#![forbid(unsafe_code)]

mod complaints;
mod destination;
mod layer;
mod line;
mod severity;

use std::path::PathBuf;

use thiserror::Error;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use complaints::{Complaints, LeftOut};
pub use severity::Severity;

/// An error with everything that led to it, on one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Some errors repeat their cause.
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// To standard error; configuration files call it `stdout`.
    Stdout,
    /// Appended to a file.
    File {
        /// Created with mode 0640 if absent.
        path: PathBuf,
        /// Bytes after which the file becomes `<path>.1`; 0 never.
        max_size: u64,
    },
    /// To a syslog server.
    Syslog {
        /// Name or address.
        host: String,
        /// Port, customarily 514.
        port: u16,
        /// `udp` or `tcp`.
        protocol: Protocol,
    },
}

/// How a syslog server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One datagram a line.
    Udp,
    /// One connection, a line each.
    Tcp,
}

/// What to log, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Destination.
    pub mode: Mode,
    /// The least severe lines that are written.
    pub level: Severity,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Stdout,
            level: Severity::Info,
        }
    }
}

/// Why logging cannot start.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// The word is no severity.
    #[error(
        "logging level `{0}` is unknown; use emerg, alert, crit, err, warning, notice, info or debug"
    )]
    UnknownLevel(String),
    /// The word is no mode.
    #[error("logging mode `{0}` is unknown; use stdout, file or syslog")]
    UnknownMode(String),
    /// The word is no protocol.
    #[error("logging protocol `{0}` is unknown; use udp or tcp")]
    UnknownProtocol(String),
    /// A mode lacks something.
    #[error("logging mode {mode} needs the key `{key}`")]
    MissingKey {
        /// The mode.
        mode: &'static str,
        /// What it needs.
        key: &'static str,
    },
    /// The log file cannot be written.
    #[error("log file {path}: {source}")]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The syslog server cannot be reached.
    #[error("syslog server {host}:{port}: {source}")]
    Syslog {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// Logging was started before in this process.
    #[error("logging has been started already")]
    AlreadyStarted,
}

impl Settings {
    /// Builds settings from the values of a `[logging]` section. An absent mode
    /// is `stdout` and an absent level `info`: silence has to be asked for.
    ///
    /// # Errors
    /// A word that is unknown or a key that the mode needs.
    #[allow(
        clippy::too_many_arguments,
        reason = "one argument for each key of the section"
    )]
    pub fn from_values(
        mode: Option<&str>,
        level: Option<&str>,
        file: Option<&str>,
        max_size: Option<u64>,
        host: Option<&str>,
        port: Option<u16>,
        protocol: Option<&str>,
    ) -> Result<Self, LoggingError> {
        let need = |mode, key| LoggingError::MissingKey { mode, key };
        let mode = match mode.unwrap_or("stdout") {
            "" | "stdout" => Mode::Stdout,
            "file" => Mode::File {
                path: file.ok_or(need("file", "file"))?.into(),
                max_size: max_size.unwrap_or(0),
            },
            "syslog" => Mode::Syslog {
                host: host.ok_or(need("syslog", "host"))?.to_owned(),
                port: port.ok_or(need("syslog", "port"))?,
                protocol: match protocol.ok_or(need("syslog", "protocol"))? {
                    "udp" => Protocol::Udp,
                    "tcp" => Protocol::Tcp,
                    other => return Err(LoggingError::UnknownProtocol(other.to_owned())),
                },
            },
            other => return Err(LoggingError::UnknownMode(other.to_owned())),
        };
        let level = match level {
            None | Some("") => Severity::Info,
            Some(word) => Severity::from_configuration(word)
                .ok_or_else(|| LoggingError::UnknownLevel(word.to_owned()))?,
        };
        Ok(Self { mode, level })
    }
}

/// Starts logging for the whole process; `program` is the syslog tag.
///
/// # Errors
/// When the destination cannot be opened, or logging was started before.
pub fn start(settings: &Settings, program: &str) -> Result<(), LoggingError> {
    let layer = layer::LineLayer::new(settings, program)?;
    tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .map_err(|_| LoggingError::AlreadyStarted)
}

#[cfg(test)]
mod tests;
