//! `mig`: asks a question of many machines and prints what they answer.

mod arguments;
mod investigation;
mod local;
mod usage;

use std::process::ExitCode;

use mig_client::terminal::printable;

/// Exit codes. Refusals and failures of agents are in 2, so that scripts see
/// them; what was found is not, unless asked for.
mod exit {
    /// Everybody answered.
    pub const DONE: u8 = 0;
    /// Usage, key or network.
    pub const ERROR: u8 = 1;
    /// Some agents failed, refused or expired.
    pub const TROUBLED: u8 = 2;
    /// With `--exit-code`: nothing was found.
    pub const NOTHING: u8 = 3;
    /// The person interrupted.
    pub const INTERRUPTED: u8 = 130;
}

fn main() -> ExitCode {
    mig_host::run_worker_if_asked(mig_modules::BUILT_IN);
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match run(&words) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // What the API or a module says may come from anywhere.
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::from(exit::ERROR)
        }
    }
}

fn run(words: &[String]) -> Result<u8, mig_client::ClientError> {
    let arguments = match arguments::parse(words)? {
        arguments::Request::Usage => {
            eprint!("{}", usage::TEXT);
            return Ok(exit::ERROR);
        }
        arguments::Request::Version => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            return Ok(exit::DONE);
        }
        arguments::Request::Run(arguments) => arguments,
    };
    if arguments.target.as_deref() == Some("local") {
        local::run(&arguments)
    } else {
        investigation::run(&arguments, words)
    }
}
