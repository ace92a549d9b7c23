//! The project's own commands: `cargo xtask build`, `demo`, `test`, `fuzz`,
//! `faults`, `footprint`, `bench`.

mod bench;
mod build;
mod building;
mod demo;
mod faults;
mod fleet;
mod footprint;
mod fuzz;
mod module_set;
mod packages;
#[cfg(test)]
mod policy;
mod skips;
mod test_suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, shows and checks MIG.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build agent, clients, tools and plugin files; the environment variable
    /// MODULETAGS chooses the modules of agent and clients.
    Build(build::Options),
    /// Run a real investigation on this machine, from certificates to printed results.
    Demo(demo::Options),
    /// Run all tests.
    Test(test_suite::Options),
    /// Run every fuzz target for so many seconds in all.
    Fuzz(fuzz::Options),
    /// Kill engines and agents at random, in every combination of engines, until
    /// many actions were hit, and check that nothing was lost or done twice.
    Faults(faults::Options),
    /// Print the memory and processor use of the real demo processes.
    Footprint(footprint::Options),
    /// Measure the file module and a whole investigation beside their peers.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Build(options) => build::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test_suite::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Footprint(options) => footprint::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
