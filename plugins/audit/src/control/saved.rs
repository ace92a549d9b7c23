//! What the audit subsystem was like before this module changed it, kept in a
//! file so that even a killed module leaves a way back.

use super::status::Status;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The settings and rules of before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Which boot of the machine it is about: after another one the kernel has
    /// forgotten everything by itself.
    pub(crate) boot: String,
    pub(crate) enabled: u32,
    pub(crate) failure: u32,
    pub(crate) rate_limit: u32,
    pub(crate) backlog_limit: u32,
    pub(crate) backlog_wait: Option<u32>,
    /// The kernel's rules, as hexadecimal digits.
    pub(crate) rules: Vec<String>,
}

impl Saved {
    /// Takes down a state.
    pub(crate) fn of(status: &Status, rules: &[Vec<u8>]) -> Self {
        Self {
            boot: boot(),
            enabled: status.enabled,
            failure: status.failure,
            rate_limit: status.rate_limit,
            backlog_limit: status.backlog_limit,
            backlog_wait: status.backlog_wait,
            rules: rules.iter().map(hex::encode).collect(),
        }
    }

    /// The rules as the kernel takes them.
    pub(crate) fn rules(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.rules.iter().filter_map(|rule| hex::decode(rule).ok())
    }
}

/// The file that holds the state.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    file: Option<PathBuf>,
}

impl Keeper {
    /// Keeps the state in a directory, or nowhere.
    pub(crate) fn new(directory: Option<&Path>) -> Self {
        Self {
            file: directory.map(|directory| directory.join("previous-state.json")),
        }
    }

    /// What an earlier run did not come to restore, if it is about this boot.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood.
    pub(crate) fn left_behind(&self) -> Result<Option<Saved>, String> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", file.display())),
        };
        let saved: Saved =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Some(saved).filter(|saved| saved.boot == boot()))
    }

    /// Writes the state down, durably: what follows may end this process.
    ///
    /// # Errors
    /// A line that names the file.
    pub(crate) fn keep(&self, saved: &Saved) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let new = file.with_extension("new");
        let write = || -> std::io::Result<()> {
            let text = serde_json::to_string(saved)?;
            let mut opened = std::fs::File::create(&new)?;
            opened.write_all(text.as_bytes())?;
            opened.sync_all()?;
            std::fs::rename(&new, file)
        };
        write().map_err(|error| {
            format!(
                "{}: the state of before cannot be kept: {error}",
                file.display()
            )
        })
    }

    /// Forgets the state: it has been restored.
    ///
    /// # Errors
    /// A line that names the file.
    pub(crate) fn forget(&self) -> Result<(), String> {
        match self.file.as_deref().map(std::fs::remove_file) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("the state of before cannot be removed: {error}"))
            }
            _ => Ok(()),
        }
    }
}

/// A name of this boot of the machine.
fn boot() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
