//! The configuration file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_config::{ConfigError, Configuration, Kind, LOGGING, Section, key};
use mig_logging::LoggingError;
use mig_scheduler::{RelayAccess, RelayTls, places};
use ureq::tls::Certificate;

use crate::trust;

/// Silence after which the relay is gone, however long `[mq] timeout` is.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Routing keys and patterns of them have no more bytes than this.
const LONGEST_KEY: usize = 255;

/// All sections; `[mq]` is that of the scheduler's file.
const SECTIONS: &[Section] = &[
    Section {
        name: "mq",
        keys: &[
            key("host", Kind::Text),
            key("port", Kind::Integer),
            key("user", Kind::Text),
            key("pass", Kind::Text),
            key("vhost", Kind::Text),
            key("usetls", Kind::Bool),
            key("cacert", Kind::Path),
            key("tlscert", Kind::Path),
            key("tlskey", Kind::Path),
            key("timeout", Kind::Duration),
        ],
    },
    Section {
        name: "worker",
        keys: &[key("name", Kind::Text), key("events", Kind::List)],
    },
    Section {
        name: "webhook",
        keys: &[
            key("url", Kind::Text),
            key("authorization", Kind::Text),
            key("cafile", Kind::Path),
            key("timeout", Kind::Duration),
            key("attempts", Kind::Integer),
        ],
    },
    LOGGING,
];

/// What the file says.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The relay.
    pub(crate) relay: RelayAccess,
    /// Last part of the queue's name.
    pub(crate) name: String,
    /// Patterns of routing keys.
    pub(crate) events: Vec<String>,
    /// Where events are posted.
    pub(crate) url: String,
    /// Value of the header `Authorization`.
    pub(crate) authorization: Option<String>,
    /// Who may say who the server is; none for plain HTTP.
    pub(crate) authorities: Vec<Certificate<'static>>,
    /// For a whole request.
    pub(crate) timeout: Duration,
    /// Attempts for an event; 0 for as many as it takes.
    pub(crate) attempts: u64,
    /// Where the log goes.
    pub(crate) logging: mig_logging::Settings,
    /// Things that are not wrong but should be known.
    pub(crate) warnings: Vec<String>,
}

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    File(#[from] ConfigError),
    #[error("{file}: [{section}] {key} {problem}")]
    Value {
        file: String,
        section: &'static str,
        key: &'static str,
        problem: String,
    },
    #[error("{file}: [logging]: {source}")]
    Logging { file: String, source: LoggingError },
}

impl Settings {
    /// The webhook's host for the log: the rest of an address often is a secret.
    pub(crate) fn receiver(&self) -> String {
        let parsed = self.url.parse::<ureq::http::Uri>().ok();
        parsed
            .and_then(|url| url.host().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Reads a file, and the files it names.
    ///
    /// # Errors
    /// One line that names file and key.
    pub(crate) fn load(path: &Path) -> Result<Settings, SettingsError> {
        let mut settings = Settings::read(&Reader(mig_config::load(path, SECTIONS)?))?;
        if std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o007 != 0) {
            settings.warnings.push(format!(
                "{} holds passwords and everybody may read it; `chmod o-rwx` it",
                path.display()
            ));
        }
        Ok(settings)
    }

    /// The durable queue of this worker.
    pub(crate) fn queue(&self) -> String {
        format!("migevent.worker.{}", self.name)
    }

    fn read(file: &Reader) -> Result<Settings, SettingsError> {
        let name = file.0.text("worker", "name").unwrap_or("webhook");
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if name.is_empty() || name.len() > 200 || !name.chars().all(letters) {
            let problem = "is no name of a queue; use letters, digits, dots, hyphens, underscores";
            return Err(file.wrong("worker", "name", problem));
        }
        let mut events = file.0.list("worker", "events").to_vec();
        if events.is_empty() {
            events.push("#".to_owned());
        }
        if let Some(pattern) = events.iter().find(|pattern| !is_pattern(pattern)) {
            let problem = format!(
                "has `{}`; write keys such as agent.new, or patterns in quotes such as \"agent.#\" or \"#\"",
                pattern.escape_debug()
            );
            return Err(file.wrong("worker", "events", problem));
        }
        let url = file.0.required("webhook", "url")?.to_owned();
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
            || url.parse::<ureq::http::Uri>().is_err()
        {
            let problem = "is not an address; write one such as https://siem.example.com/mig";
            return Err(file.wrong("webhook", "url", problem));
        }
        let mut warnings = Vec::new();
        let authorities = if url.starts_with("https:") {
            trust::authorities(file.0.path("webhook", "cafile").as_deref())
                .map_err(|problem| file.wrong("webhook", "cafile", problem))?
        } else {
            warnings.push(format!(
                "{}: [webhook] url is not HTTPS: everybody on the way can read the results",
                file.0.file()
            ));
            Vec::new()
        };
        let authorization = file.0.text("webhook", "authorization").map(str::to_owned);
        if let Some(value) = &authorization
            && ureq::http::HeaderValue::from_str(value).is_err()
        {
            let problem = "cannot be a header; it has characters that are not printable ASCII";
            return Err(file.wrong("webhook", "authorization", problem));
        }
        let timeout = file.0.duration("webhook", "timeout");
        Ok(Settings {
            relay: file.relay()?,
            name: name.to_owned(),
            events,
            url,
            authorization,
            authorities,
            timeout: timeout
                .unwrap_or(Duration::from_secs(30))
                .max(Duration::from_secs(1)),
            attempts: match file.0.integer("webhook", "attempts").map(u64::try_from) {
                None => 0,
                Some(Ok(attempts)) => attempts,
                Some(Err(_)) => {
                    let problem = "is negative; write 0 for as many as it takes";
                    return Err(file.wrong("webhook", "attempts", problem));
                }
            },
            logging: file.logging()?,
            warnings,
        })
    }
}

/// Words of letters, digits, hyphens and underscores, or the wildcards.
fn is_pattern(pattern: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let word =
        |word: &str| matches!(word, "*" | "#") || (!word.is_empty() && word.chars().all(letter));
    pattern.len() <= LONGEST_KEY && pattern.split('.').all(word)
}

/// Certificate and key, PEM.
type Identity = (Vec<u8>, Vec<u8>);

/// The file, with readings that need more than its own.
struct Reader(Configuration);

impl Reader {
    fn relay(&self) -> Result<RelayAccess, SettingsError> {
        let required = |key| self.0.required("mq", key).map(str::to_owned);
        let tls = if self.0.bool("mq", "usetls").unwrap_or(false) {
            let ca = PathBuf::from(required("cacert")?);
            let ca = self.contents("cacert", &ca)?;
            Some(RelayTls {
                ca: String::from_utf8(ca)
                    .map_err(|_| self.wrong("mq", "cacert", "is not a certificate in PEM form"))?,
                identity: self.identity()?,
            })
        } else {
            None
        };
        let timeout = self.0.duration("mq", "timeout");
        let timeout = timeout
            .unwrap_or(LONGEST_SILENCE)
            .clamp(Duration::from_secs(1), LONGEST_SILENCE);
        let host = required("host")?;
        let port = match self.port("mq")? {
            Some(port) => port,
            None if tls.is_some() => 5671,
            None => 5672,
        };
        places(&host, port).map_err(|problem| self.wrong("mq", "host", problem.to_string()))?;
        Ok(RelayAccess {
            host,
            port,
            vhost: self.0.text("mq", "vhost").unwrap_or("mig").to_owned(),
            user: required("user")?,
            password: required("pass")?,
            tls,
            heartbeat: timeout,
            timeout,
        })
    }

    /// Certificate and key for the relay: both or none.
    fn identity(&self) -> Result<Option<Identity>, SettingsError> {
        match (self.0.path("mq", "tlscert"), self.0.path("mq", "tlskey")) {
            (None, None) => Ok(None),
            (Some(chain), Some(secret)) => Ok(Some((
                self.contents("tlscert", &chain)?,
                self.contents("tlskey", &secret)?,
            ))),
            (None, Some(_)) => Err(self.wrong("mq", "tlscert", "is missing, but tlskey is there")),
            (Some(_), None) => Err(self.wrong("mq", "tlskey", "is missing, but tlscert is there")),
        }
    }

    fn contents(&self, key: &'static str, path: &Path) -> Result<Vec<u8>, SettingsError> {
        std::fs::read(path)
            .map_err(|error| self.wrong("mq", key, format!("{}: {error}", path.display())))
    }

    fn port(&self, section: &'static str) -> Result<Option<u16>, SettingsError> {
        let number = self.0.integer(section, "port").map(u16::try_from);
        number
            .transpose()
            .map_err(|_| self.wrong(section, "port", "is not a port; write a number up to 65535"))
    }

    fn logging(&self) -> Result<mig_logging::Settings, SettingsError> {
        let text = |key| self.0.text("logging", key);
        let size = self.0.integer("logging", "maxfilesize");
        mig_logging::Settings::from_values(
            text("mode"),
            text("level"),
            text("file"),
            size.and_then(|size| u64::try_from(size).ok()),
            text("host"),
            self.port("logging")?,
            text("protocol"),
        )
        .map_err(|source| SettingsError::Logging {
            file: self.0.file().to_owned(),
            source,
        })
    }

    fn wrong(
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
}

#[cfg(test)]
mod tests;
