//! `cargo xtask demo`: a real investigation on this machine.

mod expectation;
mod interruption;
mod site;

use std::process::Command;

use crate::build;
use crate::building::Outcome;
use crate::module_set::ModuleSet;
use expectation::{Expected, investigate};
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
    let site = start_and_investigate()?;
    further(&site)?;
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

/// Builds everything, starts a site, and runs the first investigation.
pub fn start_and_investigate() -> Outcome<Site> {
    build_programs()?;
    let site = Site::start()?;
    investigate(
        &site,
        "which agents have root in their password file?",
        &[
            "file",
            "-t",
            "allonline",
            "-path",
            "/etc",
            "-name",
            "^passwd$",
            "-content",
            "^root",
        ],
        &Expected {
            exit: 0,
            stdout: &[
                "/etc/passwd [lastmodified:",
                "mode:-rw-r--r--, size:",
                "in search 's1'",
            ],
            stderr: &[
                "1 agents will be targeted",
                "Following action ID",
                "1 / 1",
                "1 sent, 1 done, 1 succeeded",
                "1 agent has found results",
            ],
        },
    )?;
    Ok(site)
}

/// Builds what the demo runs: an agent whose modules are all plugin files, and
/// clients with the default pack.
pub fn build_programs() -> Outcome<()> {
    build::shipped(&ModuleSet::from_words("")?, &ModuleSet::none()?)
}

/// A hash search, one that finds nothing, and one that the agent refuses.
fn further(site: &Site) -> Outcome<()> {
    let hash = sha256("/etc/passwd")?;
    investigate(
        site,
        "which agents have exactly this file?",
        &["file", "-t", "allonline", "-path", "/etc", "-sha2", &hash],
        &Expected {
            exit: 0,
            stdout: &["/etc/passwd [lastmodified:"],
            stderr: &["1 agent has found results"],
        },
    )?;
    investigate(
        site,
        "which agents have a file that is nowhere?",
        &[
            "file",
            "-t",
            "allonline",
            "-path",
            "/etc",
            "-name",
            "^mig-demo-no-such-file$",
        ],
        &Expected {
            exit: 0,
            stdout: &[],
            stderr: &["0 agent has found results"],
        },
    )?;
    investigate(
        site,
        "what does an agent say to an operation that its access list does not allow?",
        &["example", "-t", "allonline", "-gethostname"],
        &Expected {
            exit: 2,
            stdout: &[],
            stderr: &["1 failed", "example", "weight"],
        },
    )
}

fn sha256(path: &str) -> Outcome<String> {
    let output = Command::new("sha256sum")
        .arg(path)
        .output()
        .map_err(|error| format!("cannot run sha256sum: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .next()
        .filter(|hash| output.status.success() && hash.len() == 64)
        .map(str::to_owned)
        .ok_or_else(|| format!("sha256sum {path} did not answer with a hash"))
}
