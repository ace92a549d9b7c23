//! The configuration file of the agent.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use mig_config::{Configuration, Key, Kind, LOGGING, MODULES, Section, key, parse_duration};
use mig_host::Limits;
use mig_logging::Settings as Logging;

use super::{Settings, SettingsError};
use crate::proxy::Proxy;
use crate::relay::Certificates;

/// What the file may hold. The keys after `tags` and the section on limits are
/// ours; a file for an original agent must not have them.
const SECTIONS: &[Section<'static>] = &[
    Section {
        name: "agent",
        keys: &AGENT,
    },
    Section {
        name: "stats",
        keys: &[key("maxactions", Kind::Integer)],
    },
    Section {
        name: "certs",
        keys: &[
            key("ca", Kind::Path),
            key("cert", Kind::Path),
            key("key", Kind::Path),
        ],
    },
    LOGGING,
    MODULES,
    Section {
        name: "limits",
        keys: &[
            key("memory", Kind::Integer),
            key("cputime", Kind::Duration),
            key("descriptors", Kind::Integer),
            key("output", Kind::Integer),
        ],
    },
];

const AGENT: [Key<'static>; 27] = [
    key("relay", Kind::Text),
    key("api", Kind::Text),
    key("socket", Kind::Text),
    key("heartbeatfreq", Kind::Duration),
    key("moduletimeout", Kind::Duration),
    key("isimmortal", Kind::Bool),
    key("installservice", Kind::Bool),
    key("discoverpublicip", Kind::Bool),
    key("discoverawsmeta", Kind::Bool),
    key("checkin", Kind::Bool),
    key("extraprivacymode", Kind::Bool),
    key("onlyverifypubkey", Kind::Bool),
    key("nopersistmods", Kind::Bool),
    key("refreshenv", Kind::Text),
    key("proxies", Kind::Text),
    key("tags", Kind::List),
    key("heartbeatvia", Kind::Text),
    key("relayauth", Kind::Text),
    key("queuetype", Kind::Text),
    key("rundirectory", Kind::Path),
    key("keyring", Kind::Path),
    key("acl", Kind::Path),
    key("moduleconfiguration", Kind::Path),
    key("clocktolerance", Kind::Duration),
    key("concurrentoperations", Kind::Integer),
    key("spoolsize", Kind::Integer),
    key("recordsize", Kind::Integer),
];

/// Longest clock tolerance: replay keys are kept ten minutes past expiry.
const MAX_TOLERANCE: Duration = Duration::from_secs(300);

/// An owner's record that could be switched off would be worth little.
const RECORD_SIZES: std::ops::RangeInclusive<i64> = 1 << 20..=1 << 30;

pub(super) fn load(path: &Path) -> Result<Settings, SettingsError> {
    let file = mig_config::load(path, SECTIONS)?;
    let mut settings = read(&file)?;
    settings.source = Some(path.to_owned());
    Ok(settings)
}

/// Every key that is absent keeps its documented default.
fn read(file: &Configuration) -> Result<Settings, SettingsError> {
    let mut settings = Settings::default();
    let reader = Reader(file);
    file.required("agent", "relay")?;
    reader.text("relay", &mut settings.relay);
    reader.text("api", &mut settings.api);
    reader.text("socket", &mut settings.socket);
    if !settings.api.ends_with('/') {
        settings.api.push('/');
    }
    reader.span("heartbeatfreq", &mut settings.heartbeat)?;
    reader.span("moduletimeout", &mut settings.module_timeout)?;
    reader.switch("isimmortal", &mut settings.immortal);
    reader.switch("installservice", &mut settings.install_service);
    reader.switch("discoverpublicip", &mut settings.discover_public_ip);
    reader.switch("discoverawsmeta", &mut settings.discover_aws);
    reader.switch("checkin", &mut settings.checkin);
    reader.switch("extraprivacymode", &mut settings.privacy);
    reader.switch("onlyverifypubkey", &mut settings.only_verify_key);
    if let Some(none) = file.bool("agent", "nopersistmods") {
        settings.spawn_persistent = !none;
    }
    if let Some(text) = file.text("agent", "refreshenv") {
        settings.refresh = match text {
            "" => Duration::ZERO,
            text => parse_duration(text).map_err(|source| SettingsError::Duration {
                file: file.file().to_owned(),
                key: "refreshenv",
                source,
            })?,
        };
    }
    if let Some(list) = file.text("agent", "proxies") {
        for text in list
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            settings.proxies.push(Proxy::parse(text).map_err(|_| {
                // What stands before the last @ may be a password.
                let shown = text.rsplit('@').next().unwrap_or_default();
                reader.wrong(
                    "agent",
                    "proxies",
                    shown,
                    "host:port or user:password@host:port",
                )
            })?);
        }
    }
    for tag in file.list("agent", "tags") {
        // The value may contain colons; an original agent cut it at the second.
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        if !name.trim().is_empty() {
            settings
                .tags
                .insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    settings.heartbeat_over_http = match file.text("agent", "heartbeatvia") {
        None | Some("relay") => false,
        Some("api") => true,
        Some(other) => return Err(reader.wrong("agent", "heartbeatvia", other, "relay or api")),
    };
    settings.certificate_login = match file.text("agent", "relayauth") {
        None | Some("password") => false,
        Some("certificate") => true,
        Some(other) => {
            return Err(reader.wrong("agent", "relayauth", other, "password or certificate"));
        }
    };
    settings.quorum_queue = match file.text("agent", "queuetype") {
        None | Some("classic") => false,
        Some("quorum") => true,
        Some(other) => return Err(reader.wrong("agent", "queuetype", other, "classic or quorum")),
    };
    if let Some(path) = file.path("agent", "rundirectory") {
        settings.run_directory = path;
    }
    if let Some(path) = file.path("agent", "keyring") {
        settings.keyring = path;
    }
    if let Some(path) = file.path("agent", "acl") {
        settings.acl = path;
    }
    if let Some(path) = file.path("agent", "moduleconfiguration") {
        settings.module_configuration = path;
    }
    if let Some(tolerance) = file.duration("agent", "clocktolerance") {
        if tolerance > MAX_TOLERANCE {
            let value = format!("{}s", tolerance.as_secs());
            return Err(reader.wrong("agent", "clocktolerance", &value, "at most 5m"));
        }
        settings.clock_tolerance = tolerance;
    }
    reader.number(
        "agent",
        "concurrentoperations",
        1..=64,
        "1 to 64",
        &mut settings.concurrent_operations,
    )?;
    reader.number(
        "agent",
        "spoolsize",
        1 << 16..=1 << 40,
        "65536 bytes or more",
        &mut settings.spool,
    )?;
    reader.number(
        "agent",
        "recordsize",
        RECORD_SIZES,
        "1048576 to 1073741824 bytes",
        &mut settings.record,
    )?;
    reader.number(
        "stats",
        "maxactions",
        0..=30,
        "0 to 30",
        &mut settings.history,
    )?;
    settings.certificates = certificates(file)?;
    settings.logging = logging(file)?;
    settings.modules = mig_modules::options(file)?;
    settings.limits = limits(file)?;
    Ok(settings)
}

struct Reader<'a>(&'a Configuration);

impl Reader<'_> {
    fn text(&self, key: &str, into: &mut String) {
        if let Some(text) = self.0.text("agent", key) {
            text.clone_into(into);
        }
    }

    fn switch(&self, key: &str, into: &mut bool) {
        if let Some(value) = self.0.bool("agent", key) {
            *into = value;
        }
    }

    /// A time span that must not be zero.
    fn span(&self, key: &'static str, into: &mut Duration) -> Result<(), SettingsError> {
        match self.0.duration("agent", key) {
            Some(Duration::ZERO) => {
                return Err(self.wrong("agent", key, "0", "a time span such as 300s"));
            }
            Some(span) => *into = span,
            None => {}
        }
        Ok(())
    }

    fn number<T: TryFrom<i64>>(
        &self,
        section: &'static str,
        key: &'static str,
        range: std::ops::RangeInclusive<i64>,
        expected: &'static str,
        into: &mut T,
    ) -> Result<(), SettingsError> {
        let Some(value) = self.0.integer(section, key) else {
            return Ok(());
        };
        match T::try_from(value).ok().filter(|_| range.contains(&value)) {
            Some(fitting) => *into = fitting,
            None => return Err(self.wrong(section, key, &value.to_string(), expected)),
        }
        Ok(())
    }

    fn wrong(
        &self,
        section: &'static str,
        key: &'static str,
        value: &str,
        expected: &'static str,
    ) -> SettingsError {
        SettingsError::Value {
            file: self.0.file().to_owned(),
            section,
            key,
            value: value.to_owned(),
            expected,
        }
    }
}

fn certificates(file: &Configuration) -> Result<Option<Certificates>, SettingsError> {
    let read = |key: &'static str| {
        let Some(path) = file.path("certs", key) else {
            return Ok(Vec::new());
        };
        std::fs::read(&path).map_err(|source| SettingsError::Certificate {
            file: file.file().to_owned(),
            key,
            path,
            source,
        })
    };
    let certificates = Certificates {
        ca: read("ca")?,
        cert: read("cert")?,
        key: read("key")?,
    };
    let complete = ![&certificates.ca, &certificates.cert, &certificates.key]
        .iter()
        .any(|pem| pem.is_empty());
    Ok(complete.then_some(certificates))
}

fn logging(file: &Configuration) -> Result<Logging, SettingsError> {
    let text = |key| file.text("logging", key);
    let number = |key| file.integer("logging", key);
    Logging::from_values(
        text("mode"),
        text("level"),
        text("file"),
        number("maxfilesize").and_then(|size| u64::try_from(size).ok()),
        text("host"),
        number("port").and_then(|port| u16::try_from(port).ok()),
        text("protocol"),
    )
    .map_err(|source| SettingsError::Logging {
        file: file.file().to_owned(),
        source,
    })
}

fn limits(file: &Configuration) -> Result<Limits, SettingsError> {
    let reader = Reader(file);
    let mut limits = Limits::default();
    reader.number(
        "limits",
        "memory",
        1 << 20..=1 << 50,
        "1048576 bytes or more",
        &mut limits.memory,
    )?;
    reader.number(
        "limits",
        "descriptors",
        16..=1 << 20,
        "16 or more",
        &mut limits.descriptors,
    )?;
    reader.number(
        "limits",
        "output",
        1024..=1 << 26,
        "1024 to 67108864 bytes",
        &mut limits.output,
    )?;
    if let Some(cpu) = file.duration("limits", "cputime") {
        limits.cpu = (!cpu.is_zero()).then_some(cpu);
    }
    Ok(limits)
}
