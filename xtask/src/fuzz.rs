//! `cargo xtask fuzz`: every fuzz target, on the stable toolchain.
//!
//! libFuzzer wants code that is instrumented for coverage. The compiler's own
//! sanitizer pass does that without a nightly toolchain; only g++ is needed,
//! for libFuzzer itself.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use crate::building::{Outcome, cargo, root, run as run_command, run_aside};

/// The targets of `fuzz/src/main.rs`, each a parser of foreign bytes.
const TARGETS: &[&str] = &[
    "frames",
    "certificate",
    "action",
    "target",
    "manifest",
    "worker",
    "serving",
    "configuration",
    "dpkg",
    "rpm",
    "maps",
    "netlink",
    "procnet",
    "scribe",
    "probes",
    "proxies",
    "record",
    "sshkey",
    "programs",
    "spool",
    "auditrecord",
    "auditrules",
    "auditmessage",
    "watched",
];

const INSTRUMENTATION: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=on -Coverflow-checks=on --cfg fuzzing";

/// How long to run.
#[derive(clap::Args)]
pub struct Options {
    /// Seconds of fuzzing in all, shared by the targets.
    #[arg(default_value_t = 60)]
    seconds: u64,
    /// How many targets run at the same time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    at_once: u8,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// Take the same way through the inputs each time, so that a change is
    /// judged by what it changed. Without it every run looks elsewhere.
    #[arg(long)]
    seed: Option<u32>,
}

/// Builds the fuzz program once and runs each target for its share of the time.
pub fn run(options: &Options) -> Outcome<()> {
    let targets: Vec<&str> = match &options.target {
        None => TARGETS.to_vec(),
        Some(wanted) => {
            let known = TARGETS.iter().find(|name| *name == wanted).ok_or_else(|| {
                format!(
                    "no fuzz target `{wanted}`; there are {}",
                    TARGETS.join(", ")
                )
            })?;
            vec![*known]
        }
    };
    let folder = root().join("fuzz");
    let platform = host_platform()?;
    println!("building the fuzz program");
    let start = Instant::now();
    run_command(
        "building the fuzz program",
        cargo()
            .current_dir(&folder)
            .args(["build", "--release", "--target", &platform])
            .env_remove("CARGO_TARGET_DIR")
            .env("RUSTFLAGS", INSTRUMENTATION),
    )?;
    println!(
        "built the fuzz program in {:.0} s",
        start.elapsed().as_secs_f64()
    );
    let program = folder
        .join("target")
        .join(&platform)
        .join("release/mig-fuzz");
    let share = (options.seconds / targets.len() as u64).max(1);
    let queue = Mutex::new(targets.into_iter());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(target) = queue.lock().map_err(|_| "a thread panicked")?.next() else {
                return Ok(());
            };
            println!("fuzzing {target} for {share} s");
            let findings = folder.join("artifacts").join(target);
            let mut command = call(&program, target, &folder, &findings, share, options.seed)?;
            if !run_aside(target, &mut command)? {
                let mut failed = failed.lock().map_err(|_| "a thread panicked")?;
                failed.push(format!("{target} (findings are in {})", findings.display()));
            }
        }
    };
    std::thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = (0..options.at_once).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join().map_err(|_| "a thread panicked".to_owned());
            ended.flatten()
        })
    })?;
    let failed = failed.into_inner().unwrap_or_default();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("fuzz targets that failed: {}", failed.join(", ")))
    }
}

/// The call that runs one target for so many seconds.
fn call(
    program: &Path,
    target: &str,
    folder: &Path,
    findings: &Path,
    seconds: u64,
    seed: Option<u32>,
) -> Outcome<Command> {
    let corpus = folder.join("corpus").join(target);
    for directory in [corpus.as_path(), findings] {
        std::fs::create_dir_all(directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    let seeds = folder.join("seeds").join(target);
    let mut command = Command::new(program);
    command
        .env("MIG_FUZZ_TARGET", target)
        .arg(&corpus)
        .args(seeds.is_dir().then_some(&seeds))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            "-print_final_stats=0",
        ])
        .args(["-verbosity=0", "-detect_leaks=0"])
        .args(seed.map(|seed| format!("-seed={seed}")));
    Ok(command)
}

/// The platform that the compiler builds for when nothing is said.
fn host_platform() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc)
        .arg("-vV")
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "rustc does not say which platform it builds for".into())
}
