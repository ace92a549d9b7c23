//! The embedded control plane: relay, scheduler, API and SQLite in one process.

#![forbid(unsafe_code)]

mod command_line;
mod investigators;
mod open_files;
mod run;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use command_line::{CommandLine, Task};

/// Exit code of a program of a MIG site that cannot start.
const CANNOT_START: u8 = 9;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let outcome = match command_line.task {
        None => run::run(&command_line.config),
        Some(Task::Check) => run::check(&command_line.config).map(|warnings| {
            for warning in warnings {
                eprintln!("WARNING: {warning}.");
            }
            println!(
                "{}: the configuration is valid",
                command_line.config.display()
            );
        }),
        Some(Task::Investigator { task }) => investigators::run(&command_line.config, &task),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FATAL: {error}");
            ExitCode::from(CANNOT_START)
        }
    }
}
