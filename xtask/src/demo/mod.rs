//! `cargo xtask demo`: a real investigation on this machine.

mod alerts;
mod expectation;
mod interruption;
mod prey;
mod questions;
mod site;

use crate::build;
use crate::building::Outcome;
use crate::module_set::ModuleSet;
pub use site::Site;

/// How to run the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Leave everything running and say how to use it.
    #[arg(long)]
    keep: bool,
}

/// Builds, starts, investigates, stops.
pub fn run(options: &Options) -> Outcome<()> {
    let site = start_and_investigate(&alerts::ALL.map(str::to_owned))?;
    questions::others(&site)?;
    if options.keep {
        site.keep();
        return Ok(());
    }
    let directory = site.directory().to_path_buf();
    site.stop()?;
    if directory.exists() {
        return Err(format!("{} was left behind", directory.display()));
    }
    println!("everything was as expected; nothing is left running or on disk");
    Ok(())
}

/// Builds everything, starts a site whose agent has these modules that keep
/// running, and runs the first investigation.
pub fn start_and_investigate(persistent: &[String]) -> Outcome<Site> {
    build_programs()?;
    let site = Site::start(persistent)?;
    questions::first(&site)?;
    Ok(site)
}

/// Builds what the demo runs: an agent whose modules are all plugin files, and
/// clients with the default pack.
pub fn build_programs() -> Outcome<()> {
    build::shipped(&ModuleSet::from_words("")?, &ModuleSet::none()?)
}
