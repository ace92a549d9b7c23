//! The `audit` module at ten thousand events a second.
//!
//! Starts the agent with the module in its jail, as the service would, has
//! another process make a system call at a steady rate that a rule matches, and
//! counts the alerts that come out. Then the same as fast as the machine goes,
//! and the same with the system's own audit daemon, which writes the kernel's
//! text to a file and interprets nothing.

mod load;
mod module;
mod peer;

use clap::{Parser, Subcommand};
use mig_module_audit::probe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The share of a core that the module may take at the rate asked for.
const SHARE: f64 = 0.5;

/// Measures the audit module under load. Needs root and kernel audit.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The agent to measure, with the audit module; by default the one built
    /// beside this program.
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Events per second.
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// Seconds of load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What this program does for itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// Makes system calls and ends.
    #[command(hide = true)]
    Produce {
        /// How many.
        count: u64,
        /// How many in a second; 0 is as fast as it goes.
        rate: u64,
    },
}

/// What came of a load.
#[derive(Debug)]
struct Measured {
    /// Events that were made.
    produced: u64,
    /// Events that arrived.
    received: u64,
    /// Records that the kernel lost.
    lost: u32,
    /// From the first event to the last arrival.
    elapsed: Duration,
    /// Processor time of each process with its name.
    processors: Vec<(&'static str, Duration)>,
    /// Resident memory of all of them at the end, in bytes.
    memory: u64,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("kernel audit: {0}")]
    Kernel(String),
    #[error("{0}: {1}")]
    System(&'static str, #[source] std::io::Error),
    #[error("{0} ended early or does not answer; does the agent have the audit module?")]
    Ended(&'static str),
    #[error(
        "there is no {0}; build it with `cargo build --release -p mig-agent --features modaudit`"
    )]
    Missing(PathBuf),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Part::Produce { count, rate }) = arguments.part {
        load::produce(count, rate);
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("audit-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// True when every target was met.
fn run(arguments: &Arguments) -> Result<bool, BenchError> {
    let agent = arguments.agent.clone().unwrap_or_else(beside_this_program);
    if !agent.is_file() {
        return Err(BenchError::Missing(agent));
    }
    let before = probe::state().map_err(BenchError::Kernel)?;
    if before.pid != 0 && Path::new("/proc").join(before.pid.to_string()).exists() {
        return Err(BenchError::Kernel("an audit daemon runs; stop it".into()));
    }
    let outcome = measure(arguments, &agent);
    probe::restore(&before).map_err(BenchError::Kernel)?;
    outcome
}

fn measure(arguments: &Arguments, agent: &Path) -> Result<bool, BenchError> {
    let count = arguments.rate * arguments.seconds;
    let steady = module::hold(agent, count, arguments.rate)?;
    let (_, module) = steady.processors[0];
    let share = module.as_secs_f64() / steady.elapsed.as_secs_f64();
    let met = steady.received == count && steady.lost == 0 && share <= SHARE;
    report(
        &format!("module, {} events a second", arguments.rate),
        &steady,
    );
    println!(
        "  all of them, none lost, at most {:.0} % of a core: {}",
        SHARE * 100.0,
        if met { "met" } else { "NOT MET" }
    );
    let flood = module::hold(agent, count, 0)?;
    report("module, as fast as it goes", &flood);
    match peer::hold(count, arguments.rate)? {
        Some(peer) => report(
            &format!("auditd, {} events a second", arguments.rate),
            &peer,
        ),
        None => println!("auditd is missing; install the package `auditd` to compare"),
    }
    Ok(met)
}

fn report(name: &str, measured: &Measured) {
    let seconds = measured.elapsed.as_secs_f64();
    println!(
        "{name}: {} made, {} received in {seconds:.1} s ({:.0} a second), {} records lost by the kernel, {:.1} MiB resident",
        measured.produced,
        measured.received,
        measured.received as f64 / seconds,
        measured.lost,
        measured.memory as f64 / f64::from(1 << 20),
    );
    for (who, time) in &measured.processors {
        println!(
            "  {who}: {:.1} s of processor time, {:.0} % of a core, {:.1} µs an event",
            time.as_secs_f64(),
            time.as_secs_f64() / seconds * 100.0,
            time.as_secs_f64() * 1e6 / measured.received.max(1) as f64
        );
    }
}

fn beside_this_program() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .unwrap_or_default()
        .join("mig-agent")
}
