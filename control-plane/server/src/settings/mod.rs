//! The configuration file, turned once into values with every decision made.

mod keys;
mod relay;

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_api::ClientAddress;
use mig_config::{ConfigError, Configuration};
use mig_logging::LoggingError;
pub use relay::{Account, Relay};

/// What the file says.
#[derive(Debug)]
pub struct Settings {
    /// Where and how the API listens.
    pub server: Server,
    /// How callers prove who they are.
    pub authentication: Authentication,
    /// Where and how the relay listens.
    pub relay: Relay,
    /// The SQLite database.
    pub database: PathBuf,
    /// Finished actions older than this are deleted; `None` keeps them.
    pub retention: Option<Duration>,
    /// What is expected of agents.
    pub agents: Agents,
    /// Where the log goes.
    pub logging: mig_logging::Settings,
    /// Things that are not wrong but should be known.
    pub warnings: Vec<String>,
}

/// `[server]`.
#[derive(Debug)]
pub struct Server {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Scheme and host for links; `None` makes them from the address.
    pub host: Option<String>,
    /// Path of the API.
    pub base_route: String,
    /// Where callers' addresses come from.
    pub client_address: ClientAddress,
    /// Certificate and key files for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections at the same time.
    pub connections: Option<usize>,
}

/// `[authentication]`.
#[derive(Debug)]
pub struct Authentication {
    /// Off means everybody may do everything.
    pub enabled: bool,
    /// How far a token's time may be from ours.
    pub token_duration: Duration,
}

/// `[agent]` and `[periodic]`.
#[derive(Debug)]
pub struct Agents {
    /// Silence after which an idle agent is offline.
    pub timeout: Duration,
    /// How often agents send heartbeats.
    pub heartbeat_frequency: Duration,
    /// File of queuelocs whose heartbeats are accepted.
    pub whitelist: Option<PathBuf>,
    /// Whether heartbeats are also accepted over HTTP, where nobody can tell
    /// who sends them.
    pub http_heartbeats: bool,
    /// Pause between looks for silent agents.
    pub periodic: Duration,
    /// Whether agents that share a queue are told of.
    pub detect_duplicates: bool,
    /// File with the key that signs orders to end all but one of them.
    pub kill_key: Option<PathBuf>,
    /// Pause between two looks for queues of agents that are gone.
    pub queue_cleanup: Option<Duration>,
}

/// Why the configuration is refused.
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

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// One line that names file and key.
    pub fn load(path: &Path) -> Result<Settings, SettingsError> {
        let file = mig_config::load(path, keys::SECTIONS)?;
        let mut settings = Settings::from_file(&Reader(&file))?;
        let accounts = settings.relay.accounts.as_deref();
        for path in [Some(path), accounts].into_iter().flatten() {
            if let Ok(meta) = std::fs::metadata(path)
                && meta.mode() & 0o007 != 0
            {
                settings.warnings.push(format!(
                    "{} holds passwords and everybody may read it; `chmod o-rwx` it",
                    path.display()
                ));
            }
        }
        Ok(settings)
    }

    fn from_file(file: &Reader) -> Result<Settings, SettingsError> {
        let database = PathBuf::from(file.0.required("database", "path")?);
        let relay = Relay::read(file, &database)?;
        let authentication = file.0.bool("authentication", "enabled").unwrap_or(true);
        let mut warnings = Vec::new();
        if !authentication {
            warnings.push(format!(
                "{}: [authentication] enabled is off: everybody who reaches this API may do \
                 everything",
                file.0.file()
            ));
        }
        let kill = file.0.bool("agent", "killdupagents").unwrap_or(false);
        let kill_key = file.0.path("agent", "killkey").filter(|_| kill);
        let detect_duplicates = file.0.bool("agent", "detectmultiagents").unwrap_or(true);
        if kill {
            let said = mig_scheduler::kill_warnings(kill_key.as_deref(), detect_duplicates);
            let named = |warning| format!("{}: {warning}", file.0.file());
            warnings.extend(said.into_iter().map(named));
        }
        Ok(Settings {
            server: Server::read(file)?,
            authentication: Authentication {
                enabled: authentication,
                token_duration: file.duration("authentication", "tokenduration", 600),
            },
            relay,
            retention: file
                .0
                .duration("database", "retention")
                .filter(|retention| !retention.is_zero()),
            database,
            agents: Agents {
                timeout: file.duration("agent", "timeout", 20 * 60),
                heartbeat_frequency: file.duration("agent", "heartbeatfreq", 5 * 60),
                whitelist: file.0.path("agent", "whitelist"),
                http_heartbeats: file.0.bool("agent", "httpheartbeats").unwrap_or(true),
                periodic: file
                    .duration("periodic", "freq", 87)
                    .max(Duration::from_secs(1)),
                detect_duplicates,
                kill_key,
                queue_cleanup: Some(file.duration("periodic", "queuescleanupfreq", 24 * 60 * 60))
                    .filter(|pause| !pause.is_zero()),
            },
            logging: logging(file)?,
            warnings,
        })
    }
}

impl Server {
    fn read(file: &Reader) -> Result<Server, SettingsError> {
        let ip = file.0.text("server", "ip").unwrap_or("127.0.0.1");
        let port = file.0.integer("server", "port").unwrap_or(1664);
        let listen = match (ip.parse(), u16::try_from(port)) {
            (Ok(ip), Ok(port)) => SocketAddr::new(ip, port),
            (Err(_), _) => {
                return Err(file.wrong(
                    "server",
                    "ip",
                    format!("`{ip}` is not an address; write one such as 127.0.0.1"),
                ));
            }
            (_, Err(_)) => {
                return Err(file.wrong(
                    "server",
                    "port",
                    format!("{port} is not a port; write a number up to 65535"),
                ));
            }
        };
        let client_address = match file.0.text("server", "clientpublicip") {
            None => ClientAddress::Peer,
            Some(text) => text.parse().map_err(|error: mig_api::ClientAddressError| {
                file.wrong("server", "clientpublicip", error.to_string())
            })?,
        };
        Ok(Server {
            listen,
            host: file
                .0
                .text("server", "host")
                .filter(|host| !host.is_empty())
                .map(str::to_owned),
            base_route: file
                .0
                .text("server", "baseroute")
                .unwrap_or("/api/v1")
                .to_owned(),
            client_address,
            connections: count(file, "server", "connections")?,
            tls: match (file.0.path("server", "cert"), file.0.path("server", "key")) {
                (None, None) => None,
                (Some(cert), Some(key)) => Some((cert, key)),
                (None, Some(_)) => return Err(file.missing("server", "cert", "key")),
                (Some(_), None) => return Err(file.missing("server", "key", "cert")),
            },
        })
    }
}

/// A number of connections. Our own programs have some themselves, so that a few are
/// the least.
fn count(
    file: &Reader,
    section: &'static str,
    key: &'static str,
) -> Result<Option<usize>, SettingsError> {
    const LEAST: usize = 10;
    let Some(number) = file.0.integer(section, key) else {
        return Ok(None);
    };
    match usize::try_from(number) {
        Ok(count) if count >= LEAST => Ok(Some(count)),
        _ => {
            let problem = format!("{number} is too few; write {LEAST} or more");
            Err(file.wrong(section, key, problem))
        }
    }
}

fn logging(file: &Reader) -> Result<mig_logging::Settings, SettingsError> {
    let text = |key| file.0.text("logging", key);
    let port = match file.0.integer("logging", "port").map(u16::try_from) {
        None => None,
        Some(Ok(port)) => Some(port),
        Some(Err(_)) => {
            return Err(file.wrong(
                "logging",
                "port",
                "is not a port; write a number up to 65535".to_owned(),
            ));
        }
    };
    let max_size = file.0.integer("logging", "maxfilesize");
    mig_logging::Settings::from_values(
        text("mode"),
        text("level"),
        text("file"),
        max_size.and_then(|size| u64::try_from(size).ok()),
        text("host"),
        port,
        text("protocol"),
    )
    .map_err(|source| SettingsError::Logging {
        file: file.0.file().to_owned(),
        source,
    })
}

/// The file, with readings that need more than its own.
struct Reader<'a>(&'a Configuration);

impl Reader<'_> {
    fn duration(&self, section: &str, key: &str, default_seconds: u64) -> Duration {
        self.0
            .duration(section, key)
            .unwrap_or(Duration::from_secs(default_seconds))
    }

    fn addresses(
        &self,
        section: &'static str,
        key: &'static str,
    ) -> Result<Vec<SocketAddr>, SettingsError> {
        let entries = self.0.list(section, key).iter();
        entries
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                entry.parse().map_err(|_| {
                    self.wrong(
                        section,
                        key,
                        format!(
                            "`{entry}` is not an address with port; write one such as 0.0.0.0:5671"
                        ),
                    )
                })
            })
            .collect()
    }

    fn wrong(&self, section: &'static str, key: &'static str, problem: String) -> SettingsError {
        SettingsError::Value {
            file: self.0.file().to_owned(),
            section,
            key,
            problem,
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
}

#[cfg(test)]
mod tests;
