//! `scheduler.cfg`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_scheduler::{QueueKind, UnknownQueueKind, places};
use mig_store::PostgresAccess;

use super::reader::Reader;
use super::{SettingsError, keys, postgres};

/// A connection is given up after this much silence, however long `[mq] timeout`
/// is: a partition has to be noticed.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Keys of the original that do nothing here, and why.
const OBSOLETE: &[(&str, &str, &str)] = &[
    (
        "collector",
        "freq",
        "the scheduler is woken when there is work",
    ),
    (
        "directories",
        "spool",
        "all state is in the database, no directory is needed",
    ),
    (
        "directories",
        "tmp",
        "all state is in the database, no directory is needed",
    ),
    (
        "periodic",
        "deleteafter",
        "there is no spool to clean; `retention` deletes old actions from the database",
    ),
    (
        "debug",
        "heartbeats",
        "[logging] level = debug shows everything",
    ),
];

/// What `scheduler.cfg` says.
#[derive(Debug)]
pub struct SchedulerSettings {
    /// The database.
    pub postgres: PostgresAccess,
    /// The relay.
    pub mq: Mq,
    /// Silence after which an idle agent is offline.
    pub agent_timeout: Duration,
    /// How often agents send heartbeats.
    pub heartbeat_frequency: Duration,
    /// File of queuelocs whose heartbeats are accepted.
    pub whitelist: Option<PathBuf>,
    /// Whether each command is logged.
    pub log_commands: bool,
    /// Whether agents that share a queue are told of.
    pub detect_duplicates: bool,
    /// File with the key that signs orders to end all but one of them.
    pub kill_key: Option<PathBuf>,
    /// Pause between two looks for queues of agents that are gone.
    pub queue_cleanup: Option<Duration>,
    /// Pause between looks for silent agents.
    pub periodic: Duration,
    /// Finished actions older than this are deleted; `None` keeps them.
    pub retention: Option<Duration>,
    /// Silence after which another scheduler is gone.
    pub takeover: Duration,
    /// Where the log goes.
    pub logging: mig_logging::Settings,
    /// Things that are not wrong but dangerous.
    pub warnings: Vec<String>,
    /// What obsolete keys mean now.
    pub notices: Vec<String>,
}

/// `[mq]`.
#[derive(Debug)]
pub struct Mq {
    /// Host name or address, or several separated by commas.
    pub host: String,
    /// TCP port of those that name none.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// Virtual host.
    pub vhost: String,
    /// TLS or plain TCP.
    pub tls: Option<MqTls>,
    /// How long the relay may be silent or take to answer.
    pub timeout: Duration,
    /// Of what type the queues of answers and heartbeats are.
    pub queues: QueueKind,
    /// Whether workers are told what happens.
    pub events: bool,
}

/// Files for TLS to the relay.
#[derive(Debug)]
pub struct MqTls {
    /// Authority of the relay's certificate.
    pub ca: PathBuf,
    /// The scheduler's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl SchedulerSettings {
    /// Reads a file.
    ///
    /// # Errors
    /// One line that names file and key.
    pub fn load(path: &Path) -> Result<SchedulerSettings, SettingsError> {
        let (file, warning) = Reader::load(path, keys::SCHEDULER)?;
        let mut settings = SchedulerSettings::read(&file)?;
        settings.warnings.extend(warning);
        Ok(settings)
    }

    pub(super) fn read(file: &Reader) -> Result<SchedulerSettings, SettingsError> {
        let at_least_a_second = |time: Duration| time.max(Duration::from_secs(1));
        let mut warnings = Vec::new();
        let kill = file.bool("agent", "killdupagents", false);
        let kill_key = file.0.path("agent", "killkey").filter(|_| kill);
        let detect_duplicates = file.bool("agent", "detectmultiagents", true);
        if kill {
            let said = mig_scheduler::kill_warnings(kill_key.as_deref(), detect_duplicates);
            let named = |warning| format!("{}: {warning}", file.0.file());
            warnings.extend(said.into_iter().map(named));
        }
        let postgres = postgres::read(file)?;
        warnings.extend(postgres::warning(file, &postgres));
        Ok(SchedulerSettings {
            postgres,
            mq: Mq::read(file)?,
            agent_timeout: file.duration("agent", "timeout", 20 * 60),
            heartbeat_frequency: file.duration("agent", "heartbeatfreq", 5 * 60),
            whitelist: file.0.path("agent", "whitelist"),
            log_commands: file.bool("agent", "logactions", false),
            detect_duplicates,
            kill_key,
            queue_cleanup: Some(file.duration("periodic", "queuescleanupfreq", 24 * 60 * 60))
                .filter(|pause| !pause.is_zero()),
            periodic: at_least_a_second(file.duration("periodic", "freq", 87)),
            retention: file
                .0
                .duration("periodic", "retention")
                .filter(|retention| !retention.is_zero()),
            takeover: at_least_a_second(file.duration("periodic", "takeover", 60)),
            logging: file.logging()?,
            warnings,
            notices: file.notices(OBSOLETE),
        })
    }
}

impl Mq {
    fn read(file: &Reader) -> Result<Mq, SettingsError> {
        let required = |key| file.0.required("mq", key).map(str::to_owned);
        let tls = if file.bool("mq", "usetls", false) {
            Some(MqTls {
                ca: PathBuf::from(required("cacert")?),
                identity: file.identity("mq", "tlscert", "tlskey")?,
            })
        } else {
            None
        };
        let timeout = file.duration("mq", "timeout", 600);
        let queues = match file.text("mq", "queues") {
            None => QueueKind::Classic,
            Some(text) => text.parse().map_err(|problem: UnknownQueueKind| {
                file.wrong("mq", "queues", problem.to_string())
            })?,
        };
        let host = required("host")?;
        let port = match file.port("mq", "port")? {
            Some(port) => port,
            None if tls.is_some() => 5671,
            None => 5672,
        };
        // Said now, not when it is connected to.
        places(&host, port).map_err(|problem| file.wrong("mq", "host", problem.to_string()))?;
        Ok(Mq {
            host,
            port,
            user: required("user")?,
            password: required("pass")?,
            vhost: file.text("mq", "vhost").unwrap_or("mig").to_owned(),
            tls,
            timeout: timeout.clamp(Duration::from_secs(1), LONGEST_SILENCE),
            queues,
            events: file.bool("mq", "events", false),
        })
    }
}
