//! The system's own audit daemon under the same load.

use crate::load::{self, KEY};
use crate::{BenchError, Measured};
use mig_module_audit::probe;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "/usr/sbin/auditd";
/// How long it may take to begin.
const BEGIN: Duration = Duration::from_secs(20);
/// How long its file may stay as it is until nothing more is expected.
const SILENCE: Duration = Duration::from_secs(3);

/// Puts a load on the daemon; `None` where there is none.
pub fn hold(count: u64, rate: u64) -> Result<Option<Measured>, BenchError> {
    if !Path::new(PROGRAM).is_file() {
        return Ok(None);
    }
    let system = |what| move |error| BenchError::System(what, error);
    let directory = tempfile::tempdir().map_err(system("a directory"))?;
    let log = directory.path().join("audit.log");
    let settings = format!(
        "log_file = {}\nlog_format = RAW\nlog_group = root\nwrite_logs = yes\nflush = NONE\n\
         max_log_file = 2000\nmax_log_file_action = IGNORE\nspace_left = 2\nadmin_space_left = 1\n\
         space_left_action = IGNORE\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n\
         disk_error_action = IGNORE\n",
        log.display()
    );
    std::fs::write(directory.path().join("auditd.conf"), settings)
        .map_err(system("a configuration"))?;
    let mut child = Command::new(PROGRAM)
        .args(["-n", "-s", "enable", "-c"])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(system("auditd"))?;
    let outcome = measure(&mut child, &log, count, rate);
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    child.wait().map_err(system("auditd"))?;
    outcome.map(Some)
}

fn measure(child: &mut Child, log: &Path, count: u64, rate: u64) -> Result<Measured, BenchError> {
    let pid = child.id();
    let deadline = Instant::now() + BEGIN;
    while probe::state().map_err(BenchError::Kernel)?.pid != pid {
        if Instant::now() > deadline || child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(BenchError::Ended("auditd"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    probe::enable().map_err(BenchError::Kernel)?;
    probe::change(10_000_000, 16384, &load::rules()).map_err(BenchError::Kernel)?;
    let before = load::processor_time(pid);
    let lost = probe::state().map_err(BenchError::Kernel)?.lost;
    let start = Instant::now();
    let mut producer = load::start(count, rate)?;
    let waited = producer.wait();
    waited.map_err(|error| BenchError::System("the producer", error))?;
    let size = || std::fs::metadata(log).map_or(0, |about| about.len());
    let (mut seen, mut last) = (size(), Instant::now());
    while last.elapsed() < SILENCE {
        std::thread::sleep(Duration::from_millis(50));
        if size() != seen {
            (seen, last) = (size(), Instant::now());
        }
    }
    let text = std::fs::read(log).map_err(|error| BenchError::System("auditd's file", error))?;
    let key = format!("key=\"{KEY}\"");
    let received = text
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"type=SYSCALL"))
        .filter(|line| line.windows(key.len()).any(|part| part == key.as_bytes()))
        .count();
    Ok(Measured {
        produced: count,
        received: received as u64,
        lost: probe::state()
            .map_err(BenchError::Kernel)?
            .lost
            .wrapping_sub(lost),
        elapsed: last - start,
        processors: vec![("auditd", load::processor_time(pid).saturating_sub(before))],
        memory: load::resident(pid),
    })
}
