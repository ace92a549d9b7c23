//! Measures what alerts of a persistent module cost, and what it costs to have
//! one that is quiet.
//!
//! ```text
//! cargo run --release -p mig-host --example alerts -- [SECONDS]
//! ```

use std::time::{Duration, Instant};

use mig_host::{
    Attendant, Cancel, Mailbox, ModuleStore, ServiceEvent, ServiceJob, StaticModule, StoreOptions,
};
use mig_plugin_sdk::{Failure, Module, PersistentModule, ResultDocument, Service, Session, Start};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Alerts each second.
const RATE: u64 = 10_000;
/// A usual alert of the audit module.
const LENGTH: usize = 1200;

const LINKED: &[StaticModule] = &[StaticModule(plugin)];

/// Raises alerts at an even rate, and then is quiet.
struct Raiser;

#[derive(Deserialize)]
struct Configuration {
    alerts: u64,
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Module for Raiser {
    type Parameters = Nothing;
    const MANIFEST: &'static [u8] = concat!(
        r#"{"name":"raiser","version":"1","persistent":true,"abi":{"major":1,"fingerprint":""#,
        "99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc",
        r#""},"operations":{"run":{},"serve":{}}}"#
    )
    .as_bytes();

    fn run(_: Nothing, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it only raises alerts"))
    }
}

impl PersistentModule for Raiser {
    type Configuration = Configuration;

    fn serve(start: Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
        service.ready()?;
        let text = "x".repeat(LENGTH);
        let begin = Instant::now();
        let mut raised = 0;
        while raised < start.config.alerts {
            let due = begin.elapsed().as_micros() as u64 * RATE / 1_000_000;
            while raised < due.min(start.config.alerts) {
                service.alert(&text)?;
                raised += 1;
            }
            service.next(Some(Duration::from_millis(1)))?;
        }
        service.alert("done")?;
        loop {
            service.next(None)?;
        }
    }
}

mig_plugin_sdk::declare_plugin!(persistent Raiser);

/// Counts, and cancels a while after the last one.
struct Counter {
    cancel: Cancel,
    quiet: Duration,
    count: u64,
    begin: Instant,
}

impl Attendant for Counter {
    fn event(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::Ended { reason, .. } => println!("{reason}"),
            ServiceEvent::AlertsDropped { count, reason } => println!("{count} dropped: {reason}"),
            _ => {}
        }
    }

    fn take_alert(&mut self, text: &str) -> bool {
        if text != "done" {
            self.count += 1;
            return true;
        }
        let seconds = self.begin.elapsed().as_secs_f64();
        println!("{} alerts in {seconds:.1} s", self.count);
        report("with alerts");
        let (cancel, quiet) = (self.cancel.clone(), self.quiet);
        std::thread::spawn(move || {
            std::thread::park_timeout(quiet);
            report("quiet since then");
            println!("host: {}", memory("self"));
            cancel.cancel();
        });
        true
    }
}

/// Processor time and memory of a process, as `/proc` has them.
fn memory(process: &str) -> String {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
    let rollup = rollup.unwrap_or_default();
    let pss = rollup.lines().find(|line| line.starts_with("Pss:"));
    pss.unwrap_or("Pss unknown").to_owned()
}

fn ticks(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let numbers = fields.split_whitespace().skip(11).take(2);
    numbers.filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn children() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn report(what: &str) {
    let worker: u64 = children().iter().map(|child| ticks(child)).sum();
    println!(
        "{what}: processor time in hundredths of a second so far: host {}, worker {worker}",
        ticks("self")
    );
    for child in children() {
        println!("worker: {}", memory(&child));
    }
}

fn main() {
    mig_host::run_worker_if_asked(LINKED);
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    let store = ModuleStore::open(LINKED, &StoreOptions::default());
    for refusal in store.refused() {
        eprintln!("{refusal}");
    }
    let (Ok(mailbox), cancel) = (Mailbox::new(), Cancel::new()) else {
        return;
    };
    let job = ServiceJob::new("raiser", json!({"alerts": RATE * seconds}));
    let mut counter = Counter {
        cancel: cancel.clone(),
        quiet: Duration::from_secs(2 * seconds),
        count: 0,
        begin: Instant::now(),
    };
    store.serve(&job, &mailbox, &cancel, &mut counter);
}
