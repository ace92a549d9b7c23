//! What a store looks for.

use std::path::{Path, PathBuf};

/// Environment variable with directories of plugins, separated by colons.
const PATH_VARIABLE: &str = "MIG_PLUGIN_PATH";
/// Where packages install plugins.
const SYSTEM_DIRECTORY: &str = "/usr/lib/mig/modules";

/// Where plugins are looked for and what is asked of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Directories with plugin files (`*.so`). One that does not exist is
    /// passed over. See [`StoreOptions::search_path`].
    pub directories: Vec<PathBuf>,
    /// Plugins without a signature file count too.
    pub allow_unsigned: bool,
    /// Distinct signers a plugin needs; 0 counts as 1.
    pub required_signatures: usize,
    /// Directory with the publishers' public keys, never the investigators'.
    pub keyring_directory: Option<PathBuf>,
    /// The modules that may be used; `None` means all that are found.
    pub modules: Option<Vec<String>>,
}

impl Default for StoreOptions {
    /// No plugins; one signature once there are directories.
    fn default() -> Self {
        Self {
            directories: Vec::new(),
            allow_unsigned: false,
            required_signatures: 1,
            keyring_directory: None,
            modules: None,
        }
    }
}

impl StoreOptions {
    /// Where programs look for plugins: the configured directories, those of
    /// `$MIG_PLUGIN_PATH`, `../lib/mig/modules` beside the program, and
    /// `/usr/lib/mig/modules`.
    pub fn search_path(configured: &[PathBuf]) -> Vec<PathBuf> {
        let mut path = configured.to_vec();
        if let Some(variable) = std::env::var_os(PATH_VARIABLE) {
            path.extend(
                std::env::split_paths(&variable)
                    .filter(|directory| !directory.as_os_str().is_empty()),
            );
        }
        let beside = std::env::current_exe().ok().and_then(|program| {
            let prefix = program.parent()?.parent()?;
            Some(prefix.join("lib/mig/modules"))
        });
        path.extend(beside);
        path.push(PathBuf::from(SYSTEM_DIRECTORY));
        let mut seen: Vec<PathBuf> = Vec::new();
        path.retain(|directory| {
            let resolved = resolved(directory);
            let new = !seen.contains(&resolved);
            seen.push(resolved);
            new
        });
        path
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.modules
            .as_ref()
            .is_none_or(|modules| modules.iter().any(|wanted| wanted == name))
    }
}

fn resolved(directory: &Path) -> PathBuf {
    directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned())
}
