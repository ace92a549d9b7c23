//! The load: a system call that hardly any program makes.

use crate::BenchError;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Key of the rule, by which events of the load are known.
pub const KEY: &str = "mig-audit-bench";

/// The rule, as a rule file.
pub fn rules() -> String {
    format!(
        r#"{{"audit_rules": [{{"actions": ["always", "exit"], "syscalls": ["getitimer"], "key": "{KEY}",
            "fields": [{{"name": "arch", "op": "eq", "value": 64}}]}}]}}"#
    )
}

/// How often the producer looks at the clock.
const TICK: Duration = Duration::from_millis(1);

/// Makes the call so many times, evenly.
pub fn produce(count: u64, rate: u64) {
    let start = Instant::now();
    let mut made = 0;
    while made < count {
        let due = match rate {
            0 => count,
            rate => (start.elapsed().as_micros() * u128::from(rate) / 1_000_000) as u64,
        };
        while made < due.min(count) {
            let mut value = std::mem::MaybeUninit::<libc::itimerval>::uninit();
            // SAFETY: the kernel fills a structure that lives here.
            unsafe { libc::getitimer(libc::ITIMER_PROF, value.as_mut_ptr()) };
            made += 1;
        }
        if rate > 0 {
            std::thread::sleep(TICK);
        }
    }
}

/// Starts a producer.
pub fn start(count: u64, rate: u64) -> Result<Child, BenchError> {
    let program =
        std::env::current_exe().map_err(|error| BenchError::System("this program", error))?;
    Command::new(program)
        .args(["produce", &count.to_string(), &rate.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| BenchError::System("the producer", error))
}

/// Processor time that a process has used.
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    // utime and stime are fields 14 and 15; the name is the second.
    let ticks: u64 = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // Linux counts them in hundredths of a second for programs.
    Duration::from_millis(ticks * 10)
}

/// Resident memory of a process, in bytes.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// The process that a process started, if there is one.
pub fn child_of(pid: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .find_map(|children| children.split_whitespace().next()?.parse().ok())
}
