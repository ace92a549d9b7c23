//! What jobs leave behind in the host: nothing. A test program of its own,
//! because it counts what the whole process holds.

use std::time::Duration;

use mig_host::{Cancel, Ending, Job, ModuleStore, Operation, StaticModule, StoreOptions};
use serde_json::json;

const STATICS: &[StaticModule] = &[StaticModule(mig_module_example::plugin)];

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
    let before = held();
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
    assert_eq!(held(), before);
}
