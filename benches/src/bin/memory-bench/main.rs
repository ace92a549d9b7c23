//! The `memory` module against a bare read of the same memory, and yara.
//!
//! Starts a process that holds a gigabyte, with what is searched at its end,
//! asks module and yara the same question, checks that both find the process,
//! then lets all take turns and prints the medians. Process start and printing
//! are included. The bare read is a program of its own that reads the gigabyte
//! with `process_vm_readv` and looks at none of it.

mod contest;
mod holder;
mod place;
mod sys;

use clap::{Parser, Subcommand};
use contest::Measured;
use holder::Holder;
use mig_benches::process::RunError;
use mig_benches::statistics::ratio;
use place::Place;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How long a search for bytes may take, compared with the bare read.
const LITERAL: f64 = 1.5;
/// How long a search without regard to case may take, compared with bytes.
const REGEX: f64 = 2.0;
/// Most resident memory that the module's processes may have together.
const MEMORY: u64 = 32 << 20;

/// Compares the memory module with a bare read and with yara.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The agent to measure; by default the one built beside this program.
    #[arg(long)]
    agent: Option<PathBuf>,
    /// The plugin file of the module; by default the one beside this program.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// Bytes that the process holds.
    #[arg(long, default_value_t = 1 << 30)]
    size: u64,
    /// Rounds; in each, all take a turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// 64 MiB and 3 rounds: to see that it works.
    #[arg(long)]
    quick: bool,
}

/// What this program does for itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// Holds memory until standard input ends.
    #[command(hide = true)]
    Hold {
        /// Bytes.
        size: usize,
    },
    /// Reads the memory of a process.
    #[command(hide = true)]
    Bare {
        /// The process.
        pid: i32,
        /// Where.
        address: usize,
        /// How much.
        size: usize,
    },
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("cannot prepare {path}: {source}")]
    Prepare {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the process that holds the memory: {0}")]
    Holder(std::io::Error),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{contest}: the answer of {who} is not process {pid}, read to its end: {answer}")]
    Answer {
        contest: &'static str,
        who: String,
        pid: u32,
        answer: String,
    },
    #[error(
        "there is no {0}; build it with `cargo build --release -p mig-agent -p mig-plugin-memory`, \
         or name one with --agent and --plugin"
    )]
    Missing(PathBuf),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.part {
        Some(Part::Hold { size }) => holder::hold(*size)
            .map(|()| true)
            .map_err(BenchError::Holder),
        Some(Part::Bare { pid, address, size }) => sys::read_all(*pid, *address, *size)
            .map(|()| true)
            .map_err(BenchError::Holder),
        None => run(arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("memory-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// True when every target was met.
fn run(mut arguments: Arguments) -> Result<bool, BenchError> {
    if arguments.quick {
        arguments.size = 64 << 20;
        arguments.rounds = 3;
    }
    let beside = |given: &Option<PathBuf>, name: &str| -> Result<PathBuf, BenchError> {
        let path = given.clone().unwrap_or_else(|| beside_this_program(name));
        match path.is_file() {
            true => Ok(path),
            false => Err(BenchError::Missing(path)),
        }
    };
    let agent = beside(&arguments.agent, "mig-agent")?;
    let plugin = beside(&arguments.plugin, "libmemory.so")?;
    let place = Place::prepare(&plugin)?;
    let holder = Holder::start(&place.holder, arguments.size).map_err(BenchError::Holder)?;
    println!(
        "process {} holds {} bytes; agent {}, medians of {} alternating rounds",
        holder.pid(),
        arguments.size,
        agent.display(),
        arguments.rounds
    );
    let bytes = contest::hold(&contest::BYTES, &agent, &place, &holder, arguments.rounds)?;
    let regex = contest::hold(&contest::REGEX, &agent, &place, &holder, arguments.rounds)?;
    let mut met = report(
        "bytes",
        &bytes,
        "the bare read",
        ratio(bytes.module, bytes.bare),
        LITERAL,
    );
    let against = ratio(regex.module, bytes.module);
    met &= report("regex without case", &regex, "bytes", against, REGEX);
    Ok(met)
}

fn report(name: &str, measured: &Measured, peer: &str, ratio: f64, target: f64) -> bool {
    let met = ratio <= target && measured.memory <= MEMORY;
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let yara = match &measured.yara {
        Some((time, memory)) => format!("yara {:.0} ms and {} MiB", millis(*time), memory >> 20),
        None => "yara is missing".to_owned(),
    };
    println!(
        "{name}: module {:.0} ms, bare read {:.0} ms, {yara}; {ratio:.2} x {peer} \
         (target {target:.1}), peak memory {:.1} MiB (target {}): {}",
        millis(measured.module),
        millis(measured.bare),
        measured.memory as f64 / f64::from(1 << 20),
        MEMORY >> 20,
        if met { "met" } else { "NOT MET" },
    );
    met
}

fn beside_this_program(name: &str) -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .unwrap_or_default()
        .join(name)
}
