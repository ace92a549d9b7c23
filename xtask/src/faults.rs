//! `cargo xtask faults`: the long form of the faults at random.

use clap::ValueEnum;

use crate::building::{Outcome, build, cargo, run as run_command};
use crate::packages;

/// What to kill, and how often.
#[derive(clap::Args)]
pub struct Options {
    /// How many actions shall be hit by a kill, in each combination.
    #[arg(long, default_value_t = 200)]
    points: u64,
    /// How many agents.
    #[arg(long, default_value_t = 200)]
    agents: u64,
    /// Only these combinations of engines; all of them otherwise.
    #[arg(long, value_enum)]
    combination: Vec<Combination>,
    /// Repeats the random choices of an earlier run, which printed it.
    #[arg(long)]
    seed: Option<u64>,
}

/// What serves the agents.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Combination {
    /// mig-server: SQLite and its own relay.
    Embedded,
    /// PostgreSQL and RabbitMQ, two schedulers and an API.
    Large,
    /// The same with quorum queues.
    Quorum,
}

impl Combination {
    /// The beginning of the test's name, and the queues that it takes.
    fn test(self) -> (&'static str, &'static str) {
        match self {
            Self::Embedded => ("one_process_with_sqlite", "classic"),
            Self::Large => ("postgresql_and_rabbitmq", "classic"),
            Self::Quorum => ("postgresql_and_rabbitmq", "quorum"),
        }
    }
}

/// Builds what is needed, and kills.
pub fn run(options: &Options) -> Outcome<()> {
    packages::for_tests();
    build("programs and plugins", &["build", "--workspace"])?;
    let chosen = match options.combination.as_slice() {
        [] => Combination::value_variants(),
        chosen => chosen,
    };
    for combination in chosen {
        let (test, queues) = combination.test();
        let mut call = cargo();
        call.args(["test", "-p", "mig-acceptance", "--test", "faults_at_random"])
            .args(["--", "--nocapture", test])
            .env("MIG_FLEET_POINTS", options.points.to_string())
            .env("MIG_FLEET_AGENTS", options.agents.to_string())
            .env("MIG_FLEET_QUEUES", queues);
        if let Some(seed) = options.seed {
            call.env("MIG_FAULT_SEED", seed.to_string());
        }
        run_command("a run with faults", &mut call)?;
    }
    Ok(())
}
