//! `cargo xtask footprint`: what the real demo processes cost while idle.

use std::time::{Duration, Instant};

use crate::building::{Outcome, target_directory};
use crate::demo;

/// How long to look.
#[derive(clap::Args)]
pub struct Options {
    /// Seconds of rest between the first investigation and the reading.
    #[arg(long, default_value_t = 300)]
    rest: u64,
    /// Seconds over which processor time is counted.
    #[arg(long, default_value_t = 60)]
    over: u64,
}

/// What `/proc` says of one process.
struct Reading {
    /// Resident memory in KiB, shared pages counted whole.
    rss: u64,
    /// Resident memory in KiB, shared pages divided among their users.
    pss: u64,
    /// Private memory in KiB.
    private: u64,
    /// User and system time in clock ticks.
    ticks: u64,
}

/// Starts the demo, lets it rest and prints the readings.
pub fn run(options: &Options) -> Outcome<()> {
    let site = demo::start_and_investigate()?;
    println!("resting {} s", options.rest);
    rest(options.rest);
    let processes = site.processes();
    let mut before = Vec::new();
    for (name, id) in &processes {
        before.push(reading(name, *id)?);
    }
    let start = Instant::now();
    rest(options.over);
    let elapsed = start.elapsed().as_secs_f64();
    let frequency = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100)
        .max(1) as f64;
    println!("process      RSS KiB  PSS KiB  private KiB  % of a core");
    for ((name, id), before) in processes.iter().zip(before) {
        let now = reading(name, *id)?;
        println!(
            "{name:<12} {:>7}  {:>7}  {:>11}  {:>11.3}",
            now.rss,
            now.pss,
            now.private,
            (now.ticks - before.ticks) as f64 / frequency / elapsed * 100.0
        );
    }
    for program in ["agent/mig-agent", "release/mig-server", "release/mig"] {
        let path = target_directory().join(program);
        if let Ok(meta) = std::fs::metadata(&path) {
            println!("{program}: {} bytes", meta.len());
        }
    }
    site.stop()
}

fn rest(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

fn reading(name: &str, id: u32) -> Outcome<Reading> {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{id}/{file}"))
            .map_err(|error| format!("{name} (process {id}): cannot read {file}: {error}"))
    };
    let memory = read("smaps_rollup")?;
    let kib = |key: &str| -> u64 {
        memory
            .lines()
            .filter(|line| line.starts_with(key))
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum()
    };
    let stat = read("stat")?;
    // The program's name, in parentheses, may contain spaces.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    Ok(Reading {
        rss: kib("Rss:"),
        pss: kib("Pss:"),
        private: kib("Private_"),
        // utime and stime are fields 14 and 15; the first after the name is 3.
        ticks: ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0),
    })
}
