//! The `file` module against fd, ripgrep and one `openssl dgst`.
//!
//! Makes its own files, asks the peer and the module the same question, checks
//! that the answers are the same, then lets them take turns and prints the
//! medians. Process start and printing are included, the page cache is warm.

mod contest;
mod data;
mod openssl;

use clap::Parser;
use contest::Contest;
use data::Data;
use mig_benches::process::RunError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compares the file module with the best tools for each job.
#[derive(Debug, Parser)]
struct Arguments {
    /// The agent to measure; by default the one built beside this program.
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Number of small files, of 1 to 16 KiB.
    #[arg(long, default_value_t = 100_000)]
    files: u32,
    /// Bytes of each of the two large files.
    #[arg(long, default_value_t = 1 << 30)]
    large: u64,
    /// Rounds; in each, both take a turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// A directory for the data, kept for the next time; by default a temporary
    /// one.
    #[arg(long)]
    data: Option<PathBuf>,
    /// 2,000 small files, 16 MiB large ones, 3 rounds: to see that it works.
    #[arg(long)]
    quick: bool,
    /// Only contests whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("cannot make the data in {path}: {source}")]
    Data {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{contest}: the answers differ: {difference}")]
    Answers {
        contest: &'static str,
        difference: String,
    },
    #[error(
        "there is no agent at {0}; build it with `cargo build --release -p mig-agent`, or name one with --agent"
    )]
    NoAgent(PathBuf),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("file-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// True when every contest met its target.
fn run(mut arguments: Arguments) -> Result<bool, BenchError> {
    if arguments.quick {
        arguments.files = 2_000;
        arguments.large = 16 << 20;
        arguments.rounds = 3;
    }
    let agent = match &arguments.agent {
        Some(agent) => agent.clone(),
        None => beside_this_program("mig-agent"),
    };
    if !agent.is_file() {
        return Err(BenchError::NoAgent(agent));
    }
    // The kernel limits the arguments of a process to a part of the stack, and
    // one `openssl` process shall get all files.
    let stack = nix::sys::resource::Resource::RLIMIT_STACK;
    if let Ok((_, hard)) = nix::sys::resource::getrlimit(stack) {
        // Without it openssl fails and says so.
        let _kept = nix::sys::resource::setrlimit(stack, hard.min(64 << 20), hard);
    }
    let data = Data::prepare(arguments.data.as_deref(), arguments.files, arguments.large)?;
    println!(
        "{} files of 1 to 16 KiB and 2 of {} bytes in {}",
        arguments.files,
        arguments.large,
        data.root().display()
    );
    println!(
        "agent {}, medians of {} alternating rounds",
        agent.display(),
        arguments.rounds
    );
    let mut met = true;
    for contest in Contest::all(&agent, &data) {
        if contest.name().contains(&arguments.only) {
            met &= contest.hold(arguments.rounds)?;
        }
    }
    Ok(met)
}

fn beside_this_program(name: &str) -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .unwrap_or_default()
        .join(name)
}
