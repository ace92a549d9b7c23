//! The section `[modules]`, the same for agent and clients.

use std::path::{Path, PathBuf};

use mig_config::Configuration;
use mig_host::StoreOptions;
use thiserror::Error;

/// Where publishers' keys are unless the file says otherwise.
const KEYRING: &str = "/etc/mig/pluginkeys";
/// How many signers a plugin may be asked to have.
const SIGNATURES: std::ops::RangeInclusive<i64> = 1..=16;

/// A value that is not allowed.
#[derive(Debug, Error)]
#[error("{file}: [modules] requiredsignatures is `{value}`; expected 1 to 16")]
pub struct OptionsError {
    file: String,
    value: i64,
}

/// Where modules come from when no file says anything.
pub fn default_options() -> StoreOptions {
    StoreOptions {
        directories: StoreOptions::search_path(&[]),
        keyring_directory: Some(PathBuf::from(KEYRING)).filter(|directory| directory.is_dir()),
        ..StoreOptions::default()
    }
}

/// Where modules come from and which are used, by a file whose sections include
/// [`mig_config::MODULES`]. Relative paths start at the file.
///
/// # Errors
/// A number that is out of its range.
pub fn options(file: &Configuration) -> Result<StoreOptions, OptionsError> {
    let mut options = default_options();
    let base = Path::new(file.file()).parent().unwrap_or(Path::new(""));
    if file.has("modules", "path") {
        let paths = file.list("modules", "path").iter();
        let paths: Vec<_> = paths
            .filter(|path| !path.is_empty())
            .map(|path| base.join(path))
            .collect();
        options.directories = StoreOptions::search_path(&paths);
    }
    if let Some(allow) = file.bool("modules", "allowunsigned") {
        options.allow_unsigned = allow;
    }
    if let Some(value) = file.integer("modules", "requiredsignatures") {
        let fitting = usize::try_from(value).ok();
        options.required_signatures =
            fitting
                .filter(|_| SIGNATURES.contains(&value))
                .ok_or_else(|| OptionsError {
                    file: file.file().to_owned(),
                    value,
                })?;
    }
    if let Some(keyring) = file.path("modules", "keyring") {
        options.keyring_directory = Some(base.join(keyring));
    }
    if file.has("modules", "enable") {
        // One key per name, or several names in one value.
        let names = file.list("modules", "enable").iter();
        let names = names.flat_map(|names| names.split([',', ' ']));
        options.modules = Some(
            names
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        );
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StoreOptions, String> {
        let sections = &[mig_config::MODULES];
        let file = mig_config::parse("/etc/mig/x.cfg", text, sections).expect("understood");
        options(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn an_absent_section_means_the_usual_places_and_all_modules() {
        let options = read("").expect("options");
        assert_eq!(options, default_options());
        assert!(!options.allow_unsigned && options.modules.is_none());
        assert_eq!(options.required_signatures, 1);
        assert!(
            options
                .directories
                .iter()
                .any(|path| path.ends_with("lib/mig/modules"))
        );
    }

    #[test]
    fn every_key_is_understood_and_paths_start_at_the_file() {
        let options = read(
            "[modules]\npath=/p1\npath=p2\nallowunsigned\nrequiredsignatures=2\nkeyring=keys\n\
             enable=file, pkg\nenable=netstat\n",
        )
        .expect("options");
        assert_eq!(
            options.directories[..2],
            ["/p1", "/etc/mig/p2"].map(PathBuf::from)
        );
        assert!(
            options.directories.len() > 2,
            "the usual places come behind"
        );
        assert!(options.allow_unsigned);
        assert_eq!(options.required_signatures, 2);
        assert_eq!(options.keyring_directory, Some("/etc/mig/keys".into()));
        let names = ["file", "pkg", "netstat"].map(str::to_owned).to_vec();
        assert_eq!(options.modules, Some(names));
    }

    #[test]
    fn an_empty_list_of_names_enables_none() {
        let options = read("[modules]\nenable = \"\"\n").expect("options");
        assert_eq!(options.modules, Some(Vec::new()));
    }

    #[test]
    fn a_number_of_signatures_nobody_means_is_named() {
        for value in ["0", "-1", "17"] {
            let refused = read(&format!("[modules]\nrequiredsignatures = {value}\n"));
            assert_eq!(
                refused.expect_err(value),
                format!(
                    "/etc/mig/x.cfg: [modules] requiredsignatures is `{value}`; expected 1 to 16"
                )
            );
        }
    }
}
