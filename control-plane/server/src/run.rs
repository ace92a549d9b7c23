//! Serving: everything started in order, stopped in reverse order.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mig_api::{Api, ApiConfig, ApiHandle};
use mig_daemons::investigators::InvestigatorError;
use mig_daemons::tls::{TlsError, server_config};
use mig_relay::{
    External, Listener, Password, PermissionPatterns, RelayConfig, RelayHandle, TlsFiles, User,
    topology,
};
use mig_scheduler::{
    EventsConfig, KillKey, RelayAccess, Scheduler, SchedulerConfig, SchedulerHandle, Whitelist,
};
use mig_store::{Changes, SqliteStore, Store, Wake};
use tokio::signal::unix::{SignalKind, signal};

use crate::open_files;
use crate::settings::{Account, Settings, SettingsError};

/// How long the relay, which is in this process, may take to answer the scheduler.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the scheduler may take to reach it at the start: on a machine that boots,
/// several attempts.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The log.
    #[error(transparent)]
    Logging(#[from] mig_logging::LoggingError),
    /// The database.
    #[error(transparent)]
    Store(#[from] mig_store::StoreError),
    /// The relay.
    #[error("relay: {0}")]
    Relay(#[from] mig_relay::RelayError),
    /// The API.
    #[error(transparent)]
    Api(#[from] mig_api::StartError),
    /// Certificate or key of the API.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The whitelist of agents.
    #[error(transparent)]
    Whitelist(#[from] mig_scheduler::WhitelistError),
    /// The key that signs orders to end agents.
    #[error(transparent)]
    KillKey(#[from] mig_scheduler::KillKeyError),
    /// The scheduler did not reach the relay.
    #[error(
        "the scheduler could not log in to the relay within {START_TIMEOUT:?}; the log says why"
    )]
    NoRelay,
    /// The operating system.
    #[error("{what}: {source}")]
    System {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A task on investigators.
    #[error(transparent)]
    Investigator(#[from] InvestigatorError),
}

/// A runtime of one thread: the work is waiting for others.
pub fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| StartError::System {
            what: "the asynchronous runtime cannot start",
            source,
        })
}

/// Reads the configuration and every file that it names, as the start does, and
/// neither listens nor writes. Returns what an operator should know.
///
/// # Errors
/// One line that says what the server would not start with.
pub fn check(config: &Path) -> Result<Vec<String>, StartError> {
    let settings = Settings::load(config)?;
    Files::read(&settings)?;
    relay_config(&settings, "")?.check()?;
    Ok(settings.warnings)
}

/// Serves until told to stop.
///
/// # Errors
/// One line that says what cannot be started.
pub fn run(config: &Path) -> Result<(), StartError> {
    let settings = Settings::load(config)?;
    mig_logging::start(&settings.logging, "mig-server")?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}.");
    }
    if let Some(allowed) = mig_daemons::descriptors::take_all() {
        let mut limits = mig_relay::Limits::default();
        settings.relay.limit(&mut limits);
        let api = ApiConfig::new(settings.server.listen).connections;
        let api = settings.server.connections.unwrap_or(api);
        if let Some(said) = open_files::complaint(limits.max_connections, api, allowed) {
            tracing::warn!("{said}.");
        }
    }
    runtime()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), StartError> {
    // Before anything else, so that a signal during the start is not lost.
    let listen = |kind| {
        signal(kind).map_err(|source| StartError::System {
            what: "signals cannot be received",
            source,
        })
    };
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );

    let server = start(settings).await?;
    // For people and for scripts that wait for it; nobody has to listen.
    let _ = writeln!(
        std::io::stdout(),
        "mig-server is ready: API {} relay {}",
        server.api.url(),
        server
            .agent_addresses
            .iter()
            .map(SocketAddr::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    );
    let signal = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("{signal} received; stopping.");
    server.stop().await
}

struct Server {
    relay: RelayHandle,
    scheduler: SchedulerHandle,
    api: ApiHandle,
    /// Where agents connect.
    agent_addresses: Vec<SocketAddr>,
}

/// What the files say that the configuration names, but for the relay's.
struct Files {
    /// The API's certificate.
    tls: Option<Arc<rustls::ServerConfig>>,
    whitelist: Option<Arc<Whitelist>>,
    kill_key: Option<KillKey>,
}

impl Files {
    fn read(settings: &Settings) -> Result<Files, StartError> {
        let tls = settings.server.tls.as_ref();
        let whitelist = settings.agents.whitelist.as_deref();
        let kill_key = settings.agents.kill_key.as_deref();
        Ok(Files {
            tls: tls
                .map(|(certificate, key)| server_config(certificate, key))
                .transpose()?,
            whitelist: whitelist.map(Whitelist::open).transpose()?.map(Arc::new),
            kill_key: kill_key.map(KillKey::open).transpose()?,
        })
    }
}

async fn start(settings: Settings) -> Result<Server, StartError> {
    let Files {
        tls,
        whitelist,
        kill_key,
    } = Files::read(&settings)?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.database)?);

    let secret = random_password()?;
    let relay = mig_relay::Relay::start(relay_config(&settings, &secret)?).await?;
    // The scheduler's own door is the first listener.
    let (inside, agent_addresses) = match relay.addresses() {
        [inside, outside @ ..] => (*inside, outside.to_vec()),
        [] => return Err(mig_relay::RelayError::NoListener.into()),
    };

    let (wake, changes) = (Wake::new(), Changes::new());
    let mut scheduling = SchedulerConfig::new(RelayAccess {
        host: inside.ip().to_string(),
        port: inside.port(),
        vhost: settings.relay.vhost.clone(),
        user: topology::SCHEDULER_USER.to_owned(),
        password: secret,
        tls: None,
        heartbeat: Duration::ZERO,
        timeout: CONNECT_TIMEOUT,
    });
    scheduling.agent_timeout = settings.agents.timeout;
    scheduling.heartbeat_frequency = settings.agents.heartbeat_frequency;
    scheduling.periodic = settings.agents.periodic;
    scheduling.detect_duplicates = settings.agents.detect_duplicates;
    scheduling.kill_duplicates = kill_key;
    scheduling.queue_cleanup = settings.agents.queue_cleanup;
    scheduling.retention = settings.retention;
    scheduling.whitelist.clone_from(&whitelist);
    // Events nobody may read are not worth the work.
    let workers = settings.relay.worker.is_some() || relay.lists_workers();
    scheduling.events = workers.then(EventsConfig::default);
    let scheduler = Scheduler::start(
        scheduling,
        Arc::clone(&store),
        wake.clone(),
        changes.clone(),
    );
    if !scheduler.connected(START_TIMEOUT).await {
        return Err(StartError::NoRelay);
    }

    let mut serving = ApiConfig::new(settings.server.listen);
    serving.tls = tls;
    serving.host = settings.server.host;
    serving.base_route = settings.server.base_route;
    if let Some(connections) = settings.server.connections {
        serving.connections = connections;
    }
    serving.client_address = settings.server.client_address;
    serving.authentication = settings.authentication.enabled;
    serving.token_duration = settings.authentication.token_duration;
    serving.heartbeats = settings.agents.http_heartbeats.then(|| {
        Arc::new(move |queueloc: &str| whitelist.as_ref().is_none_or(|list| list.allows(queueloc)))
            as _
    });
    let api = Api::start(serving, store, wake, changes).await?;
    Ok(Server {
        relay,
        scheduler,
        api,
        agent_addresses,
    })
}

impl Server {
    /// Callers first, then the work they caused, then what carries it.
    async fn stop(self) -> Result<(), StartError> {
        self.api.stop().await;
        self.scheduler.stop().await;
        self.relay.shutdown().await?;
        Ok(())
    }
}

fn relay_config(settings: &Settings, scheduler_password: &str) -> Result<RelayConfig, StartError> {
    let own = &settings.relay;
    let mut config = RelayConfig::new(&own.database);
    config.vhost.clone_from(&own.vhost);
    config.vhosts.clone_from(&own.vhosts);
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.listeners.push(Listener::Plain(inside));
    if let Some((certificate, key, authority)) = &own.tls {
        let mut files = TlsFiles::read(certificate, key, authority)?;
        files.revoked.clone_from(&own.revoked);
        for address in &own.listen {
            config
                .listeners
                .push(Listener::Tls(*address, files.clone()));
        }
    }
    let plain = own.listen_plain.iter().copied().map(Listener::Plain);
    config.listeners.extend(plain);
    config.users = vec![
        User {
            name: topology::SCHEDULER_USER.to_owned(),
            password: Password::Plain(scheduler_password.to_owned()),
            permissions: topology::scheduler_permissions(),
        },
        user(&own.agent, topology::agent_permissions())?,
    ];
    if let Some(worker) = &own.worker {
        config
            .users
            .push(user(worker, topology::worker_permissions())?);
    }
    config.external = own.external.map(|name| External {
        name,
        // Nobody but this process is the scheduler.
        except: vec![topology::SCHEDULER_USER.to_owned()],
    });
    config.accounts.clone_from(&own.accounts);
    own.limit(&mut config.limits);
    Ok(config)
}

fn user(account: &Account, permissions: PermissionPatterns) -> Result<User, StartError> {
    Ok(User {
        name: account.user.clone(),
        password: match &account.password {
            Some(password) => Password::parse(password)?,
            None => Password::None,
        },
        permissions,
    })
}

/// The scheduler's password at the relay: new in each process, known to no file.
fn random_password() -> Result<String, StartError> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| StartError::System {
        what: "the system gives no random numbers",
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(hex::encode(bytes))
}
