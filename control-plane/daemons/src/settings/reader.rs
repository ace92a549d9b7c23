//! A file with readings that need more than its own.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_config::{Configuration, Section};

use super::SettingsError;

pub(super) struct Reader(pub(super) Configuration);

impl Reader {
    /// Reads a file; the second value is what its mode gives away.
    pub(super) fn load(
        path: &Path,
        sections: &[Section],
    ) -> Result<(Reader, Option<String>), SettingsError> {
        let file = mig_config::load(path, sections)?;
        let open = std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o007 != 0);
        let warning = open.then(|| {
            format!(
                "{} holds passwords and everybody may read it; `chmod o-rwx` it",
                path.display()
            )
        });
        Ok((Reader(file), warning))
    }

    pub(super) fn duration(&self, section: &str, key: &str, default_seconds: u64) -> Duration {
        self.0
            .duration(section, key)
            .unwrap_or(Duration::from_secs(default_seconds))
    }

    pub(super) fn bool(&self, section: &str, key: &str, default: bool) -> bool {
        self.0.bool(section, key).unwrap_or(default)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.0.text(section, key).filter(|text| !text.is_empty())
    }

    pub(super) fn port(
        &self,
        section: &'static str,
        key: &'static str,
    ) -> Result<Option<u16>, SettingsError> {
        let Some(number) = self.0.integer(section, key) else {
            return Ok(None);
        };
        u16::try_from(number).map(Some).map_err(|_| {
            self.wrong(
                section,
                key,
                format!("{number} is not a port; write a number up to 65535"),
            )
        })
    }

    /// Certificate and key: both or none.
    pub(super) fn identity(
        &self,
        section: &'static str,
        cert: &'static str,
        key: &'static str,
    ) -> Result<Option<(PathBuf, PathBuf)>, SettingsError> {
        match (self.0.path(section, cert), self.0.path(section, key)) {
            (None, None) => Ok(None),
            (Some(chain), Some(secret)) => Ok(Some((chain, secret))),
            (None, Some(_)) => Err(self.missing(section, cert, key)),
            (Some(_), None) => Err(self.missing(section, key, cert)),
        }
    }

    pub(super) fn logging(&self) -> Result<mig_logging::Settings, SettingsError> {
        let text = |key| self.0.text("logging", key);
        let max_size = self.0.integer("logging", "maxfilesize");
        mig_logging::Settings::from_values(
            text("mode"),
            text("level"),
            text("file"),
            max_size.and_then(|size| u64::try_from(size).ok()),
            text("host"),
            self.port("logging", "port")?,
            text("protocol"),
        )
        .map_err(|source| SettingsError::Logging {
            file: self.0.file().to_owned(),
            source,
        })
    }

    pub(super) fn wrong(
        &self,
        section: &'static str,
        key: &'static str,
        problem: impl Into<String>,
    ) -> SettingsError {
        SettingsError::Value {
            file: self.0.file().to_owned(),
            section,
            key,
            problem: problem.into(),
        }
    }

    fn missing(
        &self,
        section: &'static str,
        key: &'static str,
        because_of: &'static str,
    ) -> SettingsError {
        self.wrong(
            section,
            key,
            format!("is missing; it belongs to `{because_of}`, which is given"),
        )
    }

    /// What keys of the original mean that have lost their meaning.
    pub(super) fn notices(&self, obsolete: &[(&str, &str, &str)]) -> Vec<String> {
        let file = self.0.file();
        let set = obsolete
            .iter()
            .filter(|(section, key, _)| self.0.has(section, key));
        set.map(|(section, key, now)| format!("{file}: [{section}] {key} has no effect: {now}"))
            .collect()
    }
}
