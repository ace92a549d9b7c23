//! Everything that is decided before the agent starts: built-in values, then
//! the configuration file, then the command line.

mod file;
mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_config::{ConfigError, DurationError};
use mig_host::{Limits, StoreOptions};
use mig_logging::{LoggingError, Settings as Logging, Severity};
use thiserror::Error;

use crate::proxy::Proxy;
use crate::relay::Certificates;

/// Where the configuration is unless `-c` says otherwise.
pub const DEFAULT_FILE: &str = "/etc/mig/mig-agent.cfg";

/// The effective settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file they came from; none when there was none.
    pub source: Option<PathBuf>,
    /// URL of the relay, with its password; empty when there is no file.
    pub relay: String,
    /// URL of the API, ending in a slash.
    pub api: String,
    /// Address of the status page; empty for none.
    pub socket: String,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Heartbeats are posted to the API instead of published on the relay.
    pub heartbeat_over_http: bool,
    /// Most time for one run of a module.
    pub module_timeout: Duration,
    /// Start again after a failure, where no service manager does.
    pub immortal: bool,
    /// Install the agent as a service when started by hand.
    pub install_service: bool,
    /// Ask the API for this host's public address.
    pub discover_public_ip: bool,
    /// Ask the AWS metadata service.
    pub discover_aws: bool,
    /// Leave when no commands wait.
    pub checkin: bool,
    /// Modules mask names and addresses in their results.
    pub privacy: bool,
    /// Any key of the keyring may order anything.
    pub only_verify_key: bool,
    /// Start persistent modules.
    pub spawn_persistent: bool,
    /// Time between looks at the environment; zero for never.
    pub refresh: Duration,
    /// Proxies to try, in order.
    pub proxies: Vec<Proxy>,
    /// The relay takes the account from the certificate: no user, no password.
    pub certificate_login: bool,
    /// The agent's queue is replicated over the nodes of a RabbitMQ cluster.
    pub quorum_queue: bool,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Actions remembered for the status page, 0 to 30.
    pub history: usize,
    /// PEM texts, when all of them are configured.
    pub certificates: Option<Certificates>,
    /// Log.
    pub logging: Logging,
    /// Where plugins are and which are used.
    pub modules: StoreOptions,
    /// Budget of one run of a module.
    pub limits: Limits,
    /// Identity, journal and marker files.
    pub run_directory: PathBuf,
    /// Public keys of investigators, one per file.
    pub keyring: PathBuf,
    /// Access control list.
    pub acl: PathBuf,
    /// Configuration files of persistent modules, `NAME.cfg`.
    pub module_configuration: PathBuf,
    /// How far this host's clock may be off.
    pub clock_tolerance: Duration,
    /// Operations that run side by side.
    pub concurrent_operations: usize,
    /// Bytes of results that wait for the relay, at most.
    pub spool: u64,
    /// Bytes of the owner's record, at most.
    pub record: u64,
}

/// Why there are no settings.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file makes no sense.
    #[error("{0}")]
    File(#[from] ConfigError),
    /// A value is not allowed.
    #[error("{file}: [{section}] {key} is `{value}`; expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// Section of the key.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// As written.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A time span in a key that may also be empty.
    #[error("{file}: [agent] {key}: {source}")]
    Duration {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
        /// What is wrong.
        source: DurationError,
    },
    /// A file that the configuration names.
    #[error("{file}: [certs] {key} = {}: {source}", path.display())]
    Certificate {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
        /// The named file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The section on modules.
    #[error("{0}")]
    Modules(#[from] mig_modules::OptionsError),
    /// The section on logging.
    #[error("{file}: [logging] {source}")]
    Logging {
        /// The file.
        file: String,
        /// What is wrong.
        source: LoggingError,
    },
}

impl Default for Settings {
    /// The documented defaults.
    fn default() -> Self {
        Self {
            source: None,
            relay: String::new(),
            api: "http://localhost:1664/api/v1/".into(),
            socket: "127.0.0.1:51664".into(),
            heartbeat: Duration::from_secs(300),
            heartbeat_over_http: false,
            module_timeout: Duration::from_secs(300),
            immortal: true,
            install_service: true,
            discover_public_ip: true,
            discover_aws: true,
            checkin: false,
            privacy: false,
            only_verify_key: false,
            spawn_persistent: true,
            refresh: Duration::from_secs(300),
            proxies: Vec::new(),
            certificate_login: false,
            quorum_queue: false,
            tags: BTreeMap::new(),
            history: 15,
            certificates: None,
            logging: Logging::default(),
            modules: mig_modules::default_options(),
            limits: Limits::default(),
            run_directory: "/var/lib/mig".into(),
            keyring: "/etc/mig/agentkeys".into(),
            acl: "/etc/mig/acl.cfg".into(),
            module_configuration: "/etc/mig".into(),
            clock_tolerance: Duration::from_secs(60),
            concurrent_operations: 4,
            spool: 64 << 20,
            record: crate::record::DEFAULT_SIZE,
        }
    }
}

impl Settings {
    /// Reads the file, or the default one if there is any.
    ///
    /// # Errors
    /// A file that was named cannot be read, or a file makes no sense.
    pub fn load(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = match named {
            Some(path) => path,
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return Ok(Self::default()),
        };
        file::load(path)
    }

    /// The site's certificate authority, PEM, where one is configured.
    pub fn authority(&self) -> Option<&[u8]> {
        let certificates = self.certificates.as_ref()?;
        Some(certificates.ca.as_slice())
    }

    /// Debugging: everything is logged to standard error.
    pub fn debug(&mut self) {
        self.logging = Logging {
            mode: mig_logging::Mode::Stdout,
            level: Severity::Debug,
        };
    }
}
