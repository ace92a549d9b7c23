//! `cargo xtask fuzz`: every fuzz target, on the stable toolchain.
//!
//! libFuzzer wants code that is instrumented for coverage. The compiler's own
//! sanitizer pass does that without a nightly toolchain; only g++ is needed,
//! for libFuzzer itself.

use std::time::Instant;

use crate::building::{Outcome, cargo, root, run as run_command};

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
    /// Seconds in all, shared by the targets.
    #[arg(default_value_t = 60)]
    seconds: u64,
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
    for target in targets {
        let corpus = folder.join("corpus").join(target);
        let findings = folder.join("artifacts").join(target);
        for directory in [&corpus, &findings] {
            std::fs::create_dir_all(directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
        }
        let seeds = folder.join("seeds").join(target);
        println!("fuzzing {target} for {share} s");
        let mut command = std::process::Command::new(&program);
        command
            .env("MIG_FUZZ_TARGET", target)
            .arg(&corpus)
            .args(seeds.is_dir().then_some(&seeds))
            .arg(format!("-max_total_time={share}"))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .args([
                "-timeout=10",
                "-rss_limit_mb=2048",
                "-max_len=65536",
                "-print_final_stats=0",
            ])
            .args(["-verbosity=0", "-detect_leaks=0"])
            .args(options.seed.map(|seed| format!("-seed={seed}")));
        run_command(
            &format!("fuzzing {target} (findings are in {})", findings.display()),
            &mut command,
        )?;
    }
    Ok(())
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
