//! Budgets: each ends in a clear line, and what was found by then is kept.

use std::time::Duration;

use mig_host::{Ending, Job, Limits, Operation};
use serde_json::json;

use crate::c_plugins::Plugins;
use crate::setup::{job, reason, run, run_out_of_time, store};

#[test]
fn wall_time_ends_a_loop() {
    let mut job = job("probe", json!({"act": "loop"}));
    job.limits.wall = Duration::from_millis(200);
    let found = json!([{"name": "before", "size": 1}]);
    let outcome = run_out_of_time(&store(), &mut job, |outcome| {
        outcome.answer["elements"]["even"] == found
    });
    assert_eq!(outcome.answer["elements"]["even"], found);
    let limit = format!("time limit of {} s", job.limits.wall.as_secs_f64());
    assert!(reason(&outcome).contains(&limit), "{outcome:?}");
}

#[test]
fn wall_time_ends_helper_operations_too() {
    let mut job = Job {
        operation: Operation::Options,
        ..job("probe", json!({"words": ["-hang"], "defaults": "mig"}))
    };
    job.limits.wall = Duration::from_millis(200);
    let outcome = run(&store(), &job);
    assert_eq!(outcome.ending, Ending::Timeout);
    assert_eq!(outcome.answer, serde_json::Value::Null);
    reason(&outcome);
}

#[test]
fn processor_time_ends_a_loop() {
    let mut job = job("probe", json!({"act": "loop"}));
    job.limits.cpu = Some(Duration::from_secs(1));
    let outcome = run(&store(), &job);
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(
        reason(&outcome).contains("processor time of 1 s"),
        "{outcome:?}"
    );
}

#[test]
fn memory_ends_a_hoard() {
    let mut job = job("probe", json!({"act": "allocate"}));
    job.limits.memory = 64 << 20;
    let outcome = run(&store(), &job);
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(
        reason(&outcome).contains("memory limit of 64 MiB"),
        "{outcome:?}"
    );
}

#[test]
fn memory_that_the_limit_does_not_count_is_not_to_be_had() {
    let shared = "errno = 0; void *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return report_errno(host, p == MAP_FAILED);";
    let growing = "errno = 0; void *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
        return report_errno(host, p == MAP_FAILED);";
    let file = "return report_errno(host, memfd_create(\"x\", 0) < 0);";
    let hidden = "size_t held = 0; for (;;) { char *p = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) break; held += 8; mprotect(p, 8 << 20, PROT_READ); }
        return report(host, held < 4096 ? \"bounded\" : \"unbounded\");";
    for (call, expected) in [
        (shared, "EPERM"),
        (growing, "EPERM"),
        (file, "EPERM"),
        (hidden, "bounded"),
    ] {
        let Some((_plugins, store)) = Plugins::with(call) else {
            return;
        };
        let outcome = run(&store, &job("cplug", json!(null)));
        assert_eq!(
            outcome.answer["errors"],
            json!([expected]),
            "{call}: {:?}",
            outcome.reason
        );
    }
}

#[test]
fn output_beyond_the_limit_is_left_out_and_said_so() {
    let mut job = job("probe", json!({"act": "stream", "count": 100_000}));
    job.limits.output = 100_000;
    let outcome = run(&store(), &job);
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let said = reason(&outcome);
    assert!(said.contains("output limit of 100000 bytes"), "{said}");
    assert_eq!(outcome.answer["errors"], json!([said]));
    assert_eq!(outcome.answer["foundanything"], true);
    let kept = outcome.answer["elements"]["even"]
        .as_array()
        .expect("findings")
        .len();
    assert!((1000..3000).contains(&kept), "{kept}");
}

#[test]
fn many_findings_arrive_in_order() {
    let outcome = run(
        &store(),
        &job("probe", json!({"act": "stream", "count": 20_000})),
    );
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let even = outcome.answer["elements"]["even"]
        .as_array()
        .expect("findings");
    assert_eq!(even.len(), 10_000);
    assert!(
        even.iter()
            .enumerate()
            .all(|(index, found)| found["size"] == index * 2)
    );
}

#[test]
fn a_flood_that_does_not_stop_is_cut() {
    let stubborn = r#"unsigned char big[70000] = {0x7a, 0, 1, 0, 0}; memset(big + 5, 'x', 65536);
        for (;;) emit(host, MIG_EMIT_ELEMENT, "/elements/a", big, 65541);"#;
    let Some((_plugins, store)) = Plugins::with(stubborn) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits.output = 1 << 20;
    let outcome = run(&store, &job);
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(
        reason(&outcome).contains("did not stop at its output limit of 1 MiB"),
        "{outcome:?}"
    );
    let kept = outcome.answer["elements"]["a"]
        .as_array()
        .expect("kept")
        .len();
    assert!((10..=16).contains(&kept), "{kept}");
}

#[test]
fn a_flood_past_the_worker_is_cut_by_the_host() {
    // Writes frames itself, so that only the host counts.
    let call = r#"static unsigned char frame[8 + 11 + 65541]; memcpy(frame, "\x02\0\x0b\0\x05\0\x01\0/elements/a\x7a\0\x01\0\0", 24);
        memset(frame + 24, 'x', 65536); for (;;) if (write(64, frame, sizeof frame) < 0) {}"#;
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits.output = 1 << 20;
    let outcome = run(&store, &job);
    assert_eq!(outcome.ending, Ending::Failed);
    let kept = outcome.answer["elements"]["a"]
        .as_array()
        .expect("kept")
        .len();
    assert!(kept <= 16, "{kept}");
}

#[test]
fn descriptors_are_counted() {
    let call = "int opened = 0; while (dup(0) >= 0) opened++; char text[32];
        snprintf(text, sizeof text, \"%s %s\", strerrorname_np(errno), opened < 40 ? \"few\" : \"many\"); return report(host, text);";
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits = Limits {
        descriptors: 32,
        ..job.limits
    };
    let outcome = run(&store, &job);
    assert_eq!(
        outcome.answer["errors"],
        json!(["EMFILE few"]),
        "{:?}",
        outcome.reason
    );
}
