//! `cargo xtask test`: every test of the workspace, with skips accounted for.

mod program;
mod running;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::building::{self, Outcome, cargo, root};
use crate::{packages, skips};
use program::Program;

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// Build as the caller but run the tests as this numeric user and group id
    /// (root only), to see what an ordinary user sees.
    #[arg(long, value_name = "ID")]
    run_as: Option<u32>,
    /// Only the tests of this package.
    #[arg(long, short)]
    package: Vec<String>,
    /// How many test programs run at the same time. Most of them wait more than
    /// they compute, so two keep a small machine busy.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    at_once: u8,
}

/// Builds and runs the tests; fails when one fails or is skipped unexpectedly.
pub fn run(options: &Options) -> Outcome<()> {
    packages::for_tests();
    let programs = build(options)?;
    let work = tempfile::Builder::new()
        .prefix("mig-test-")
        .tempdir()
        .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
    let log = work.path().join("skips");
    std::fs::write(&log, "").map_err(|error| format!("{}: {error}", log.display()))?;
    // The tests may run as another user; sticky as /tmp is, or nothing below it
    // would be safe to load plugins from.
    for (path, mode) in [(work.path(), 0o1777), (log.as_path(), 0o666)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let count = programs.len();
    let failed = running::all(programs, usize::from(options.at_once), |program| {
        let mut command = program.command(options.run_as, work.path());
        command.env(mig_testkit::SKIP_LOG, &log);
        command
    })?;
    let as_root = options.run_as.is_none() && mig_testkit::is_root();
    let recorded = std::fs::read_to_string(&log).unwrap_or_default();
    let skipped = skips::check(&skips::list(&root())?, &recorded, as_root);
    if !failed.is_empty() {
        return Err(format!("test programs that failed: {}", failed.join(", ")));
    }
    let skipped = skipped?;
    println!(
        "all {count} test programs passed as {}; {skipped} tests skipped, all of them listed in {}",
        if as_root { "root" } else { "an ordinary user" },
        skips::LIST,
    );
    Ok(())
}

/// Builds the test programs and what they start, and reads their places from
/// cargo's messages.
fn build(options: &Options) -> Outcome<Vec<Program>> {
    let mut words;
    if options.package.is_empty() {
        // In one go: a build of the programs and plugins by themselves has other
        // features of the same libraries and would compile them a second time.
        words = vec!["build", "--workspace"];
        words.extend(["--lib", "--bins", "--tests", "--examples"]);
    } else {
        // Tests of the whole run the programs, and several run the plugins.
        building::build("programs and plugins", &["build", "--workspace"])?;
        words = vec!["test", "--no-run"];
    }
    for package in &options.package {
        words.extend(["--package", package]);
    }
    println!("building the tests (cargo {})", words.join(" "));
    let start = std::time::Instant::now();
    let output = cargo()
        .args(words)
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    println!("built the tests in {:.0} s", start.elapsed().as_secs_f64());
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        if message["profile"]["test"] == true
            && let Some(executable) = message["executable"].as_str()
            && let Some(manifest) = message["manifest_path"].as_str()
        {
            let folder = Path::new(manifest).parent().unwrap_or(Path::new("/"));
            programs.push(Program::new(executable.into(), folder.to_path_buf()));
        }
    }
    programs.sort();
    Ok(programs)
}
