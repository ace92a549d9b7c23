//! `mig-plugin`: what authors and packagers of modules need. It inspects plugin
//! files without executing them, tries in workers what a host relies on, signs
//! them and checks signatures.

mod arguments;
mod check;
mod create;
mod error;
mod files;
mod inspect;
mod keygen;
mod secret_key;
mod sign;
mod verify;

use arguments::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // `check` runs plugins in workers, which are this program once more.
    mig_host::run_worker_if_asked(&[]);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers; everything else is wrong usage.
            let code = ExitCode::from(u8::from(error.use_stderr()));
            return match error.print() {
                Ok(()) => code,
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    let outcome = match &arguments.command {
        Command::Check(options) => check::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Keygen(options) => keygen::run(options),
        Command::New(options) => create::run(options),
        Command::Sign(options) => sign::run(options),
        Command::Verify(options) => verify::run(options),
    };
    match outcome {
        Ok(text) => files::print(&text),
        Err(error) => {
            if let error::Error::Broken { report, .. } = &error {
                files::print(report);
            }
            eprintln!("mig-plugin: {error}");
            ExitCode::FAILURE
        }
    }
}
