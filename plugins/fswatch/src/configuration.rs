//! The configuration file, `fswatch.cfg`, and the built-in profile.

use mig_plugin_sdk::Failure;
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// In front of a directory that is watched with everything below it.
const RECURSIVE: &str = "recursive:";

/// What is watched when the file names nothing.
#[cfg(target_os = "linux")]
const PROFILE: &[&str] = &[
    "/boot",
    "/etc/cron.d",
    "/var/spool/cron",
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "recursive:/etc",
    "/etc/init.d",
    "recursive:/etc/systemd",
];
/// What is watched when the file names nothing.
#[cfg(not(target_os = "linux"))]
const PROFILE: &[&str] = &[];

/// The file. The manifest describes it; the host has read it by that.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Section `[paths]`.
    #[serde(rename = "Paths")]
    pub paths: Paths,
    /// Section `[fswatch]`.
    #[serde(rename = "Fswatch")]
    pub settings: Settings,
}

/// Section `[paths]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Paths {
    /// What is watched; nothing is the built-in profile.
    #[serde(rename = "Path")]
    pub path: Option<Vec<String>>,
}

/// Section `[fswatch]`. Negative numbers count as zero.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Longest time from a change to the checksum, in seconds.
    pub delay: i64,
    /// Time without further alerts of changes of the same file, in seconds.
    pub suppress: i64,
    /// Time between two looks for what is missing, in seconds; at least one.
    pub lookout: i64,
    /// Largest file to hash, in MiB.
    pub maxsize: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: 9,
            suppress: 15 * 60,
            lookout: 5,
            maxsize: 1024,
        }
    }
}

impl Settings {
    /// Longest time from a change to the checksum.
    pub fn delay(&self) -> Duration {
        seconds(self.delay)
    }

    /// Time without further alerts of changes of the same file.
    pub fn suppress(&self) -> Duration {
        seconds(self.suppress)
    }

    /// Time between two looks for what is missing.
    pub fn lookout(&self) -> Duration {
        seconds(self.lookout.max(1))
    }

    /// Largest file to hash, in bytes.
    pub fn largest(&self) -> u64 {
        u64::try_from(self.maxsize)
            .unwrap_or(0)
            .saturating_mul(1 << 20)
    }
}

/// Clocks cannot add centuries to now; nobody needs more than one.
fn seconds(count: i64) -> Duration {
    const CENTURY: u64 = 100 * 365 * 86400;
    Duration::from_secs(u64::try_from(count).unwrap_or(0).min(CENTURY))
}

/// One path of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Without `.`, double or trailing slashes.
    pub path: PathBuf,
    /// With everything below it.
    pub recursive: bool,
}

impl Configuration {
    /// The paths to watch, each once; a path that is there with and without
    /// `recursive:` is recursive.
    ///
    /// # Errors
    /// A path that is not absolute, or goes up.
    pub fn profile(&self) -> Result<Vec<Wanted>, Failure> {
        let mut profile: Vec<Wanted> = Vec::new();
        let mut add = |text: &str| {
            let wanted = understand(text)?;
            match profile.iter_mut().find(|one| one.path == wanted.path) {
                Some(one) => one.recursive |= wanted.recursive,
                None => profile.push(wanted),
            }
            Ok::<(), Failure>(())
        };
        match self.paths.path.as_deref() {
            None | Some([]) => PROFILE.iter().try_for_each(|text| add(text))?,
            Some(paths) => paths.iter().try_for_each(|text| add(text))?,
        }
        Ok(profile)
    }
}

fn understand(text: &str) -> Result<Wanted, Failure> {
    let (rest, recursive) = match text.strip_prefix(RECURSIVE) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let path = Path::new(rest);
    let up = path.components().any(|part| part == Component::ParentDir);
    if !path.is_absolute() || up || rest.contains('\0') {
        return Err(Failure::bad_parameters(
            "Paths.Path",
            format!(
                "`{}` is not an absolute path without `..`; write one like /etc or recursive:/etc",
                text.escape_debug()
            ),
        ));
    }
    Ok(Wanted {
        path: path.components().collect(),
        recursive,
    })
}
