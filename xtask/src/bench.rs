//! `cargo xtask bench`: measurements beside peers, each in one run.

use std::time::Instant;

use crate::building::{Outcome, build, cargo, run as run_command};
use crate::{demo, fleet, packages};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(clap::Subcommand)]
enum Subject {
    /// The file module beside fd, ripgrep and openssl, on data of its own.
    File {
        /// Arguments of the bench program; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A tree of a million files, by every module that searches for files.
    Tree {
        /// Arguments of the bench program; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The memory module beside a bare read and yara, on a process of its own.
    Memory {
        /// Arguments of the bench program; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The audit module at ten thousand events a second, beside auditd. As root.
    Audit {
        /// Arguments of the bench program; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A fleet of simulated agents against one server: how long they take to be
    /// there, and what an investigation of all of them takes.
    Swarm(fleet::Options),
    /// Whole investigations with one agent: process start, signing, TLS,
    /// scheduling, the agent's checks, its worker, and printing.
    Investigation {
        /// How often.
        #[arg(long, default_value_t = 30)]
        runs: usize,
    },
}

/// Runs the measurement.
pub fn run(options: &Options) -> Outcome<()> {
    match &options.subject {
        Subject::File { arguments } => {
            packages::for_benches();
            program("file-bench", &[], arguments)
        }
        Subject::Tree { arguments } => program("tree-bench", &[], arguments),
        Subject::Memory { arguments } => {
            packages::for_benches();
            program("memory-bench", &["-p", "mig-plugin-memory"], arguments)
        }
        Subject::Audit { arguments } => {
            packages::for_benches();
            program(
                "audit-bench",
                &["--features", "mig-agent/modaudit"],
                arguments,
            )
        }
        Subject::Swarm(options) => fleet::run(options),
        Subject::Investigation { runs } => investigation((*runs).max(1)),
    }
}

/// Runs a bench program beside an agent, and other packages, of the same build.
fn program(name: &str, packages: &[&str], arguments: &[String]) -> Outcome<()> {
    let mut words = vec!["build", "--release", "-p", "mig-agent", "-p", "mig-benches"];
    words.extend(packages);
    build("agent and bench", &words)?;
    let mut call = cargo();
    call.args([
        "run",
        "--release",
        "--quiet",
        "-p",
        "mig-benches",
        "--bin",
        name,
        "--",
    ]);
    run_command("the bench", call.args(arguments))
}

fn investigation(runs: usize) -> Outcome<()> {
    let site = demo::start_and_investigate(&[])?;
    let mut millis = Vec::with_capacity(runs);
    for _ in 0..runs {
        let mut command = site.mig();
        command
            .args(["file", "-now", "-c"])
            .arg(site.client_configuration());
        command.args(["-t", "allonline", "-path", "/etc", "-name", "^passwd$"]);
        let start = Instant::now();
        let output = command
            .output()
            .map_err(|error| format!("cannot run mig: {error}"))?;
        millis.push(start.elapsed().as_secs_f64() * 1000.0);
        if !output.status.success() || output.stdout.is_empty() {
            return Err(format!(
                "a run failed: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    millis.sort_by(f64::total_cmp);
    println!(
        "whole run of mig, {runs} runs: median {:.0} ms, fastest {:.0} ms, slowest {:.0} ms",
        millis[runs / 2],
        millis[0],
        millis[runs - 1]
    );
    site.stop()
}
