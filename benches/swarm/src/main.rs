//! `mig-swarm`: many agents in one process.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mig_agent::relay::Certificates;
use mig_swarm::{Configuration, HeartbeatPath, Mix, Swarm};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Simulates agents: each with a connection, a queue, a keyring and a journal of
/// its own, all in one process. Ends at the end of --duration or with SIGINT or
/// SIGTERM, and prints what happened. SIGUSR1 cuts every connection at that
/// moment, without a word.
#[derive(Parser)]
#[command(name = "mig-swarm", version)]
struct Arguments {
    /// How many agents.
    #[arg(long, default_value_t = 100)]
    agents: usize,
    /// Address of the relay, with user and password of agents, such as
    /// amqps://agent:secret@localhost:5671/mig.
    #[arg(long)]
    relay: String,
    /// Send heartbeats to the API at this address, such as
    /// https://localhost:8392/api/v1/, instead of over the relay.
    #[arg(long)]
    api: Option<String>,
    /// PEM file of the authority that relay and API are checked against.
    #[arg(long, requires_all = ["cert", "key"])]
    ca: Option<PathBuf>,
    /// PEM file of the agents' certificate.
    #[arg(long, requires = "ca")]
    cert: Option<PathBuf>,
    /// PEM file of its private key.
    #[arg(long, requires = "ca")]
    key: Option<PathBuf>,
    /// Directory of investigators' public keys.
    #[arg(long, default_value = "/etc/mig/agentkeys")]
    keyring: PathBuf,
    /// Access control list of the agents.
    #[arg(long, default_value = "/etc/mig/acl.cfg")]
    acl: PathBuf,
    /// Where the agents have their journals; a temporary directory otherwise.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// steady, boot-storm, flap, slow, silent, lying, clock-skewed; with shares
    /// such as steady=90,slow=5,lying=5.
    #[arg(long, default_value = "steady")]
    scenario: Mix,
    /// Decides who does what and when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds between heartbeats.
    #[arg(long, default_value_t = 60)]
    heartbeat: u64,
    /// Seconds over which agents that do not storm arrive.
    #[arg(long, default_value_t = 5)]
    arrival: u64,
    /// Most seconds that a slow agent takes for each thing it does.
    #[arg(long, default_value = "2", value_parser = seconds)]
    slowness: Duration,
    /// Most seconds that a flapping agent stays connected.
    #[arg(long, default_value = "3", value_parser = seconds)]
    flapping: Duration,
    /// Declare quorum queues instead of classic ones.
    #[arg(long)]
    quorum: bool,
    /// Write each thing that happens to this file as it happens, so that a killed
    /// swarm can be held against a database too.
    #[arg(long)]
    diary: Option<PathBuf>,
    /// Seconds to run; until a signal otherwise.
    #[arg(long)]
    duration: Option<u64>,
    /// Write the report, in JSON, to this file instead of to standard output.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mig-swarm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    let temporary;
    let directory = match &arguments.directory {
        Some(directory) => directory.clone(),
        None => {
            temporary = tempfile::Builder::new()
                .prefix("mig-swarm-")
                .tempdir()
                .map_err(|error| format!("no temporary directory for journals: {error}"))?;
            temporary.path().to_owned()
        }
    };
    let mut configuration = Configuration::new(arguments.agents, arguments.relay);
    configuration.certificates = match (&arguments.ca, &arguments.cert, &arguments.key) {
        (Some(ca), Some(cert), Some(key)) => Some(Certificates {
            ca: read(ca)?,
            cert: read(cert)?,
            key: read(key)?,
        }),
        _ => None,
    };
    configuration.keyring = arguments.keyring;
    configuration.acl = arguments.acl;
    configuration.directory = directory;
    configuration.mix = arguments.scenario;
    configuration.seed = arguments.seed;
    configuration.heartbeat = Duration::from_secs(arguments.heartbeat.max(1));
    configuration.arrival = Duration::from_secs(arguments.arrival);
    configuration.slowness = arguments.slowness;
    configuration.flapping = arguments.flapping;
    configuration.quorum = arguments.quorum;
    configuration.diary = arguments.diary;
    if let Some(api) = arguments.api {
        let slash = if api.ends_with('/') { "" } else { "/" };
        configuration.heartbeats = HeartbeatPath::Api(format!("{api}{slash}"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the asynchronous runtime cannot start: {error}"))?;
    // Before there are agents, or a signal during the start would kill them.
    let mut signals = {
        let _runtime = runtime.enter();
        Signals::listen()?
    };
    let swarm = Swarm::start(configuration).map_err(|error| error.to_string())?;
    let duration = arguments.duration.map(Duration::from_secs);
    runtime.block_on(signals.wait(duration, || swarm.outage()));
    let report = serde_json::to_string_pretty(&swarm.report())
        .map_err(|error| format!("the report cannot be written: {error}"))?;
    match &arguments.report {
        None => println!("{report}"),
        Some(path) => {
            std::fs::write(path, report + "\n")
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    swarm.stop();
    Ok(())
}

/// The signals that mean something to a swarm.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    outage: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            outage: listen(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the end of the time, or a signal that ends it.
    async fn wait(&mut self, duration: Option<Duration>, outage: impl Fn()) {
        let over = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.outage.recv() => outage(),
            }
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok();
    parsed
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds, such as 2 or 0.5".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
