//! The file `audit.cfg`.

use crate::control::Limits;
use mig_plugin_sdk::Failure;
use serde::Deserialize;
use std::path::PathBuf;

/// Records per second when the file says nothing.
const RATE: u32 = 500;
/// Length of the kernel's queue when the file says nothing.
const BACKLOG: u32 = 16384;
/// Ticks that a process waits for room in the queue when the file says nothing:
/// a tenth of a second where the kernel ticks 1000 times in one.
const WAIT: u32 = 100;

/// What the module is configured with.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Configuration {
    /// The only section.
    #[serde(default)]
    audit: Section,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Section {
    #[serde(default)]
    rulespath: String,
    #[serde(default)]
    ratelimit: i64,
    #[serde(default)]
    backloglimit: i64,
    backlogwait: Option<i64>,
    #[serde(default)]
    includeraw: bool,
    #[serde(default)]
    multicast: Multicast,
}

/// When to listen without being the audit daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Multicast {
    /// Always: rules and limits are somebody else's.
    Yes,
    /// Never.
    No,
    /// When another daemon is in the place, or nothing can be changed.
    #[default]
    Auto,
}

/// What the configuration asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The rule file; `None` when it needs none.
    pub(crate) rules: Option<PathBuf>,
    pub(crate) limits: Limits,
    /// Whether events carry the raw text.
    pub(crate) raw: bool,
    pub(crate) multicast: Multicast,
}

impl Configuration {
    /// Checks the file's values.
    ///
    /// # Errors
    /// One line that names the key.
    pub(crate) fn wanted(self) -> Result<Wanted, Failure> {
        let audit = self.audit;
        let limit = |name: &str, value: i64, default: u32| match value {
            0 => Ok(default),
            value => u32::try_from(value).map_err(|_| {
                Failure::bad_parameters(
                    format!("audit.{name}"),
                    format!(
                        "{name} in audit.cfg is {value}; write a number from 1 to {}",
                        u32::MAX
                    ),
                )
            }),
        };
        let limits = Limits {
            rate: limit("ratelimit", audit.ratelimit, RATE)?,
            backlog: limit("backloglimit", audit.backloglimit, BACKLOG)?,
            wait: match audit.backlogwait {
                Some(0) => 0,
                other => limit("backlogwait", other.unwrap_or(0), WAIT)?,
            },
        };
        let rules = match (audit.multicast, audit.rulespath) {
            (Multicast::Yes, _) => None,
            (_, path) if path.is_empty() => {
                return Err(Failure::bad_parameters(
                    "audit.rulespath",
                    "audit.cfg does not say where the rules are; write `rulespath = /etc/mig/audit.rules.json` below [audit]",
                ));
            }
            (_, path) => Some(PathBuf::from(path)),
        };
        Ok(Wanted {
            rules,
            limits,
            raw: audit.includeraw,
            multicast: audit.multicast,
        })
    }
}
