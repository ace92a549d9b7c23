//! The configuration file, `examplepersist.cfg`.

use serde::Deserialize;
use std::time::Duration;

const DEFAULT: Duration = Duration::from_secs(30);

/// The file. The manifest describes it; the host has read it by that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Section `[examplepersist]`.
    #[serde(rename = "ExamplePersist")]
    pub example: Section,
}

/// Section `[examplepersist]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Section {
    /// Seconds between two log lines; 30 when it is zero, less, or absent.
    pub interval: i64,
}

impl Configuration {
    /// Time between two log lines, and whether it is the one that was asked for.
    pub fn interval(&self) -> (Duration, bool) {
        match u64::try_from(self.example.interval) {
            Ok(seconds @ 1..) => (Duration::from_secs(seconds), true),
            _ => (DEFAULT, false),
        }
    }
}
