//! kill -9 in the middle. The test starts itself again as the process that is
//! to be killed, which runs the module and gets its alerts through a pipe.

use super::{settled, start};
use crate::server::{Answer, Server, ok, status};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Name of this test, for starting it again.
const NAME: &str = "killed::what_was_stored_arrives_in_order_however_often_the_process_is_killed";
/// Says to a started process where the buffer is, and where the server.
const DIRECTORY: &str = "MIG_DISPATCH_TEST_DIRECTORY";
const URL: &str = "MIG_DISPATCH_TEST_URL";
/// Alerts in all.
const ALERTS: u64 = 400;
/// How often the process is killed.
const KILLS: u64 = 8;

/// Numbers that look random and are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// The process that is killed: hands each line over as an alert, and says each
/// number that was stored.
fn victim(directory: &Path, url: &str) {
    let service = start(url, directory, json!({}));
    service.wait_until_ready();
    std::thread::scope(|scope| {
        let (numbers, stored) = channel::<u64>();
        let service = &service;
        scope.spawn(move || {
            for number in stored {
                service.wait_until_stored(number);
                let mut out = std::io::stdout();
                let _gone = writeln!(out, "stored {number}");
                let _gone = out.flush();
            }
        });
        for line in std::io::stdin().lines() {
            let number = service.alert("audit", &line.expect("a line"));
            numbers.send(number).expect("the other thread");
        }
    });
}

struct Victim {
    child: Child,
    input: Option<ChildStdin>,
    stored: Receiver<()>,
}

impl Victim {
    fn start(directory: &Path, url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory)
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a second process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, stored) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.contains("stored ") && sender.send(()).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            stored,
        }
    }

    fn say(&mut self, number: u64) {
        let input = self.input.as_mut().expect("its input");
        let _gone = writeln!(input, "{number}");
    }

    fn kill(mut self) -> u64 {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("its end");
        // What it said before it died was stored.
        self.stored.iter().count() as u64
    }
}

#[test]
fn what_was_stored_arrives_in_order_however_often_the_process_is_killed() {
    if let (Some(directory), Some(url)) = (std::env::var_os(DIRECTORY), std::env::var_os(URL)) {
        victim(Path::new(&directory), url.to_str().expect("an address"));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let asked = AtomicU64::new(0);
    // Every seventh attempt fails.
    let server = Server::that(move |_| match asked.fetch_add(1, Ordering::SeqCst) % 7 {
        3 => status(503),
        5 => Answer::HangUp,
        _ => ok(),
    });
    let mut random = Seeded(20_240_517);
    // As the agent does: what was not said to be stored is handed over again.
    let mut stored = 0;
    for _ in 0..KILLS {
        let mut victim = Victim::start(directory.path(), &server.url());
        let end = (stored + 60).min(ALERTS);
        for number in stored..end {
            victim.say(number);
        }
        let wait = random.below(60);
        for _ in 0..wait.min(end - stored) {
            victim
                .stored
                .recv_timeout(Duration::from_secs(60))
                .expect("something is stored");
            stored += 1;
        }
        std::thread::park_timeout(Duration::from_micros(random.below(20_000)));
        stored += victim.kill();
    }
    assert!(stored > 0);
    let service = start(&server.url(), directory.path(), json!({}));
    // Before it is given anything: only what it found.
    let found = service.status_with(|status| status["stored"].is_u64());
    for number in stored..ALERTS {
        service.alert("audit", &number.to_string());
    }
    // A status without anything waiting may be older than some of these alerts:
    // each of them has to be stored, or known from before.
    let count = |status: &Value, key: &str| status[key].as_u64().unwrap();
    let all = count(&found, "stored") + ALERTS - stored;
    let total = service.status_with(|status| {
        status["waiting"] == 0 && count(status, "stored") + count(status, "duplicates") == all
    });
    let total = settled(&service, total["stored"].as_u64().unwrap());
    assert!(total["stored"].as_u64().unwrap() >= ALERTS);
    assert_eq!(total["delivered"], total["stored"], "{total}");
    assert_eq!(total["damaged"], 0);
    check(&server);
}

/// Everything arrived, first arrivals in order, each under one name.
fn check(server: &Server) {
    let (mut seen, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let mut first = Vec::new();
    for request in server.taken(1) {
        let record: Value = serde_json::from_str(&request.body).unwrap();
        let number = record["event"].as_u64().unwrap();
        if seen.insert(number) {
            first.push(number);
        }
        labels.insert(request.headers["x-mig-alert-id"].clone());
    }
    assert_eq!(first, (0..ALERTS).collect::<Vec<_>>());
    assert!(labels.len() >= ALERTS as usize);
}
