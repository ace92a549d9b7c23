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
    /// Modules that keep running meanwhile, with commas between them; none when
    /// empty. Where the kernel's audit cannot be had, `audit` is left out.
    #[arg(long, default_value = "audit,dispatch")]
    persistent: String,
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
    let names = options.persistent.split(',').map(str::trim);
    let names: Vec<String> = names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let site = demo::start_and_investigate(&names)?;
    if names.iter().any(|name| name == "audit")
        && let Some(reason) = site.alerts().without_audit()
    {
        println!("measured without audit: {reason}");
    }
    println!("resting {} s", options.rest);
    rest(options.rest);
    let mut processes = site.processes();
    let agent = processes[0].1;
    let workers = children(agent)?;
    let wanted = site.alerts().modules().len();
    if workers.len() != wanted {
        return Err(format!(
            "{wanted} modules should run, but the agent has {} workers\n{}",
            workers.len(),
            site.last_words()
        ));
    }
    processes.splice(1..1, workers.into_iter().map(|id| ("a worker", id)));
    let of_agent = wanted + 1;
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
    let title = |name: &str| format!("{name:<12}");
    println!(
        "{} RSS KiB  PSS KiB  private KiB  % of a core",
        title("process")
    );
    let mut sum = (0, 0.0);
    for (index, ((name, id), before)) in processes.iter().zip(before).enumerate() {
        let now = reading(name, *id)?;
        let share = (now.ticks - before.ticks) as f64 / frequency / elapsed * 100.0;
        println!(
            "{} {:>7}  {:>7}  {:>11}  {share:>11.3}",
            title(name),
            now.rss,
            now.pss,
            now.private,
        );
        if index < of_agent {
            sum = (sum.0 + now.pss, sum.1 + share);
        }
        if index + 1 == of_agent && of_agent > 1 {
            println!(
                "{}          {:>7}  {:>11}  {:>11.3}",
                title("together"),
                sum.0,
                "",
                sum.1
            );
        }
    }
    for program in ["agent/mig-agent", "release/mig-server", "release/mig"] {
        let path = target_directory().join(program);
        if let Ok(meta) = std::fs::metadata(&path) {
            println!("{program}: {} bytes", meta.len());
        }
    }
    site.stop()
}

/// The processes that a process has started.
fn children(id: u32) -> Outcome<Vec<u32>> {
    let failed = |error: std::io::Error| format!("process {id}: {error}");
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).map_err(failed)?;
    let mut children = Vec::new();
    for thread in threads {
        let path = thread.map_err(failed)?.path().join("children");
        // A thread may have ended since.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        children.extend(
            text.split_whitespace()
                .filter_map(|word| word.parse::<u32>().ok()),
        );
    }
    Ok(children)
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
