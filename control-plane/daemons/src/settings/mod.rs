//! The original's configuration files, turned once into values with every
//! decision made. Every key of the original is accepted; one that has lost its
//! meaning says so in the log.

mod api;
mod keys;
mod postgres;
mod reader;
mod scheduler;

pub use api::ApiSettings;
pub use scheduler::{Mq, MqTls, SchedulerSettings};

use mig_config::ConfigError;
use mig_logging::LoggingError;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A value the reader cannot judge.
    #[error("{file}: [{section}] {key}: {problem}")]
    Value {
        /// Name of the file.
        file: String,
        /// Section of the key.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What is wrong and what to write.
        problem: String,
    },
    /// `[logging]`.
    #[error("{file}: [logging]: {source}")]
    Logging {
        /// Name of the file.
        file: String,
        /// What is wrong.
        source: LoggingError,
    },
}

#[cfg(test)]
mod tests;
