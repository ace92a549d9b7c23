//! The module, in the agent's jail.

use crate::load::{self, KEY};
use crate::{BenchError, Measured};
use mig_module_audit::probe;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long the module may take to begin.
const BEGIN: Duration = Duration::from_secs(20);
/// Silence after which nothing more is expected.
const SILENCE: Duration = Duration::from_secs(5);

/// Puts a load on the module and waits until everything that comes has come.
pub fn hold(agent: &Path, count: u64, rate: u64) -> Result<Measured, BenchError> {
    let system = |what| move |error| BenchError::System(what, error);
    let directory = tempfile::tempdir().map_err(system("a directory"))?;
    let rules = directory.path().join("rules.json");
    std::fs::write(&rules, load::rules()).map_err(system("the rules"))?;
    let configuration = directory.path().join("agent.cfg");
    let settings = format!(
        "[agent]\nrelay = \"amqp://guest:guest@localhost:5672/\"\napi = \"http://localhost:1664/api/v1/\"\n\
         heartbeatfreq = 300s\nmoduletimeout = 300s\nrundirectory = \"{}\"\n",
        directory.path().display()
    );
    std::fs::write(&configuration, settings).map_err(system("a configuration"))?;
    let mut child = Command::new(agent)
        .arg("-c")
        .arg(&configuration)
        .args(["-P", "audit"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(system("the agent"))?;
    let outcome = measure(&mut child, &rules, count, rate);
    // The end of its input ends the module, which gives the kernel back.
    drop(child.stdin.take());
    child.wait().map_err(system("the agent"))?;
    outcome
}

fn measure(child: &mut Child, rules: &Path, count: u64, rate: u64) -> Result<Measured, BenchError> {
    let (Some(input), Some(output)) = (child.stdin.as_mut(), child.stdout.take()) else {
        return Err(BenchError::Ended("the agent"));
    };
    let section = serde_json::json!({"rulespath": rules, "ratelimit": 10_000_000});
    let message =
        serde_json::json!({"class": "config", "parameters": {"config": {"audit": section}}});
    writeln!(input, "{message}").map_err(|error| BenchError::System("the agent", error))?;
    let (sender, arrivals) = channel();
    std::thread::spawn(move || {
        let (mut output, mut line) = (BufReader::with_capacity(1 << 20, output), String::new());
        while output.read_line(&mut line).is_ok_and(|length| length > 0) {
            let said = match line.contains("syscall\\\":\\\"getitimer") && line.contains(KEY) {
                true => Said::Event,
                false if line.contains("listening") => Said::Listening,
                false => Said::Else,
            };
            if sender.send(said).is_err() {
                return;
            }
            line.clear();
        }
    });
    until_listening(&arrivals)?;
    let agent = child.id();
    let worker = load::child_of(agent).ok_or(BenchError::Ended("the module"))?;
    let before = (load::processor_time(worker), load::processor_time(agent));
    let lost = probe::state().map_err(BenchError::Kernel)?.lost;
    let start = Instant::now();
    let mut producer = load::start(count, rate)?;
    let (mut received, mut last) = (0, start);
    loop {
        match arrivals.recv_timeout(SILENCE) {
            Ok(Said::Event) => {
                received += 1;
                last = Instant::now();
                if received == count {
                    break;
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return Err(BenchError::Ended("the module")),
        }
    }
    producer
        .wait()
        .map_err(|error| BenchError::System("the producer", error))?;
    let after = (load::processor_time(worker), load::processor_time(agent));
    Ok(Measured {
        produced: count,
        received,
        lost: probe::state()
            .map_err(BenchError::Kernel)?
            .lost
            .wrapping_sub(lost),
        elapsed: last - start,
        processors: vec![
            ("module", after.0.saturating_sub(before.0)),
            ("agent", after.1.saturating_sub(before.1)),
        ],
        memory: load::resident(worker) + load::resident(agent),
    })
}

/// What a line of the agent is.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// An alert of the load.
    Event,
    /// The module is at work.
    Listening,
    /// Anything else.
    Else,
}

fn until_listening(arrivals: &Receiver<Said>) -> Result<(), BenchError> {
    let deadline = Instant::now() + BEGIN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match arrivals.recv_timeout(left) {
            Ok(Said::Listening) => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(BenchError::Ended("the module")),
        }
    }
}
