//! What jobs leave behind in the host: nothing. A test program of its own,
//! because it counts what the whole process holds.

use std::thread::JoinHandle;
use std::time::Duration;

use mig_host::{
    Attendant, Cancel, Document, Ending, Job, Mailbox, ModuleStore, Operation, Outcome, Pace,
    ServiceEvent, ServiceJob, StaticModule, StoreOptions,
};
use mig_plugin_sdk::{
    Failure, Message, Module, PersistentModule, ResultDocument, Service, Session, Start,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

const STATICS: &[StaticModule] = &[
    StaticModule(mig_module_example::plugin),
    StaticModule(plugin),
];

/// A persistent module that ends as soon as it is asked anything.
struct Short;

#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Module for Short {
    type Parameters = Nothing;
    const MANIFEST: &'static [u8] = concat!(
        r#"{"name":"short","version":"1","persistent":true,"abi":{"major":1,"fingerprint":""#,
        "99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc",
        r#""},"operations":{"run":{},"serve":{}}}"#
    )
    .as_bytes();

    fn run(_: Nothing, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Err(Failure::unsupported("it answers while it runs"))
    }
}

impl PersistentModule for Short {
    type Configuration = Nothing;

    fn serve(_: Start<Nothing>, service: &Service<'_>) -> Result<(), Failure> {
        service.ready()?;
        service.alert("up")?;
        while let Some(message) = service.next(None)? {
            if let Message::Query(query) = message {
                service.answer(query, Err(Failure::unsupported("no")))?;
                break;
            }
        }
        Ok(())
    }
}

mig_plugin_sdk::declare_plugin!(persistent Short);

/// Asks the module twice, which ends two lives, and then ends the third.
struct Twice {
    mailbox: Mailbox,
    cancel: Cancel,
    lives: usize,
    asking: Vec<JoinHandle<Outcome<Document>>>,
}

impl Attendant for Twice {
    fn event(&mut self, event: ServiceEvent) {
        if event == ServiceEvent::Ready {
            self.lives += 1;
            if self.lives == 3 {
                return self.cancel.cancel();
            }
            let mailbox = self.mailbox.clone();
            self.asking.push(std::thread::spawn(move || {
                mailbox.query(&json!({}), Duration::from_secs(60), &Cancel::new())
            }));
        }
    }

    fn take_alert(&mut self, text: &str) -> bool {
        text == "up"
    }
}

fn serve_three_times(store: &ModuleStore) {
    let mut twice = Twice {
        mailbox: Mailbox::new().expect("a mailbox"),
        cancel: Cancel::new(),
        lives: 0,
        asking: Vec::new(),
    };
    let (mailbox, cancel) = (twice.mailbox.clone(), twice.cancel.clone());
    let job = ServiceJob {
        pace: Pace {
            pause: Duration::from_millis(1),
            ..Pace::default()
        },
        ..ServiceJob::new("short", json!({}))
    };
    store.serve(&job, &mailbox, &cancel, &mut twice);
    assert_eq!(twice.lives, 3);
    // They hold what they asked with.
    for asking in twice.asking {
        asking.join().expect("asked");
    }
}

/// The libtest harness owns `main`, so the worker is recognised before it.
#[used]
#[unsafe(link_section = ".init_array")]
static WORKER_FIRST: extern "C" fn() = {
    extern "C" fn run() {
        mig_host::run_worker_if_asked(STATICS);
    }
    run
};

/// Open descriptors and children of this process.
fn held() -> (usize, String) {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("fd").count();
    let children = std::fs::read_dir("/proc/self/task")
        .expect("task")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .collect::<String>();
    (descriptors, children)
}

#[test]
fn no_descriptor_and_no_process_stays_behind() {
    let store = ModuleStore::open(STATICS, &StoreOptions::default());
    let mut job = Job::new("example", Operation::Run, json!({"gethostname": true}));
    let cancelled = Cancel::new();
    cancelled.cancel();
    let ready = Cancel::new();
    // Whatever is opened once and for all.
    serve_three_times(&store);
    mig_testkit::wait_until("no process", PATIENCE, || held().1.is_empty());
    let before = held();
    serve_three_times(&store);
    for round in 0..30 {
        job.limits.wall = match round % 3 {
            0 => Duration::from_secs(60),
            // Ends while the worker is being started.
            1 => Duration::ZERO,
            _ => Duration::from_micros(300 * round),
        };
        let outcome = store.run(&job, &ready, &mut |_| {});
        if round % 3 == 0 {
            assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
        }
        // A cancel that comes while it starts.
        let cancel = Cancel::new();
        store.run(&job, &cancel, &mut |_| cancel.cancel());
        let outcome = store.run(&job, &cancelled, &mut |_| {});
        assert_eq!(outcome.ending, Ending::Cancelled);
    }
    let unknown = store.with_worker_program("/nonexistent/program".into());
    let outcome = unknown.run(&job, &ready, &mut |_| {});
    assert_eq!(outcome.ending, Ending::Failed);
    let wrong = unknown.with_worker_program("/bin/echo".into());
    job.limits.wall = Duration::from_secs(60);
    let outcome = wrong.run(&job, &ready, &mut |_| {});
    let reason = outcome.reason.expect("a reason");
    assert!(reason.contains("run_worker_if_asked"), "{reason}");
    mig_testkit::wait_until("nothing left", PATIENCE, || held() == before);
}
