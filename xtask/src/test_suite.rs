//! `cargo xtask test`: every test of the workspace, with skips accounted for.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::building::{self, Outcome, cargo, root};
use crate::{packages, skips};

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
}

/// One built test program.
struct Program {
    executable: PathBuf,
    /// Folder of its package: tests expect to start there.
    folder: PathBuf,
}

/// Builds and runs the tests; fails when one fails or is skipped unexpectedly.
pub fn run(options: &Options) -> Outcome<()> {
    packages::for_tests();
    // Tests of the whole run the programs, and several run the plugins.
    building::build("programs and plugins", &["build", "--workspace"])?;
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
    let mut failed = Vec::new();
    for program in &programs {
        let name = program
            .executable
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        println!("     Running {name}");
        let status = command(program, options.run_as, work.path())
            .env(mig_testkit::SKIP_LOG, &log)
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run {}: {error}", program.executable.display()))?;
        if !status.success() {
            failed.push(name.into_owned());
        }
    }
    let as_root = options.run_as.is_none() && mig_testkit::is_root();
    let recorded = std::fs::read_to_string(&log).unwrap_or_default();
    let skipped = skips::check(&skips::list(&root())?, &recorded, as_root);
    if !failed.is_empty() {
        return Err(format!("test programs that failed: {}", failed.join(", ")));
    }
    let skipped = skipped?;
    println!(
        "all {} test programs passed as {}; {skipped} tests skipped, all of them listed in {}",
        programs.len(),
        if as_root { "root" } else { "an ordinary user" },
        skips::LIST,
    );
    Ok(())
}

/// The call that runs one test program.
fn command(program: &Program, run_as: Option<u32>, work: &Path) -> Command {
    let mut command = match run_as {
        Some(id) => {
            let mut command = Command::new("setpriv");
            command
                .args([format!("--reuid={id}"), format!("--regid={id}")])
                .args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
                .arg(&program.executable)
                .env("HOME", work)
                .env("TMPDIR", work);
            command
        }
        None => Command::new(&program.executable),
    };
    command
        .current_dir(&program.folder)
        .env("MIG_PLUGIN_BUILD", building::target_directory());
    command
}

/// Builds the test programs and reads their places from cargo's messages.
fn build(options: &Options) -> Outcome<Vec<Program>> {
    println!("building the tests");
    let mut call = cargo();
    call.args([
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    if options.package.is_empty() {
        call.arg("--workspace");
    }
    for package in &options.package {
        call.args(["--package", package]);
    }
    let output = call
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        if message["profile"]["test"] == true
            && let Some(executable) = message["executable"].as_str()
            && let Some(manifest) = message["manifest_path"].as_str()
        {
            programs.push(Program {
                executable: executable.into(),
                folder: Path::new(manifest)
                    .parent()
                    .unwrap_or(Path::new("/"))
                    .to_path_buf(),
            });
        }
    }
    programs.sort_by(|left, right| left.executable.cmp(&right.executable));
    Ok(programs)
}
