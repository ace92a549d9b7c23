//! What many findings cost the host. A test program of its own, because it
//! measures the whole process.

use std::time::Duration;

use mig_host::{Cancel, Ending, Job, Limits, ModuleStore, Operation, StaticModule, StoreOptions};
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session, declare_plugin};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const STATICS: &[StaticModule] = &[StaticModule(plugin)];

/// The libtest harness owns `main`, so the worker is recognised before it.
#[used]
#[unsafe(link_section = ".init_array")]
static WORKER_FIRST: extern "C" fn() = {
    extern "C" fn run() {
        mig_host::run_worker_if_asked(STATICS);
    }
    run
};

#[derive(Serialize, Deserialize)]
struct Parameters {
    count: u64,
}

/// Streams findings of a few members.
struct Finder;

impl Module for Finder {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = br#"{"name":"finder","version":"1","abi":{"major":1,"minor":0,
        "fingerprint":"99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"},
        "operations":{"run":{"parameters":{"type":"object","properties":{"count":{"type":"integer"}}},
            "result":{"properties":{"elements":{"type":"object","x-mig-privacy-keys":"open","additionalProperties":{"type":"array",
                "items":{"type":"object","additionalProperties":{"type":"string"},
                "x-mig-privacy":"name","x-mig-privacy-keys":"open"}}}}}},
        "print":{}}}"#;

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        for number in 0..parameters.count {
            let finding: Map<String, Value> = (0..3)
                .map(|member| (format!("member{member}"), json!(format!("{number}"))))
                .collect();
            session.element("/elements/all", &finding)?;
        }
        Ok(ResultDocument {
            foundanything: true,
            success: true,
            ..ResultDocument::default()
        })
    }

    fn print(result: &ResultDocument, _: bool) -> Result<Vec<String>, Failure> {
        let all = result.elements["all"].as_array();
        Ok(all
            .into_iter()
            .flatten()
            .map(|_| "found".to_owned())
            .collect())
    }
}

declare_plugin!(Finder);

/// Largest resident size this process ever had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("a peak") >> 10
}

#[test]
fn a_hundred_thousand_findings_cost_the_host_little_more_than_their_bytes() {
    const FINDINGS: u64 = 100_000;
    // Five megabytes of payload. As values they would be seventy, in each place
    // that holds them.
    const MOST: u64 = 48;
    let store = ModuleStore::open(STATICS, &StoreOptions::default());
    let limits = Limits {
        wall: Duration::from_secs(120),
        memory: 1 << 30,
        output: 64 << 20,
        ..Limits::default()
    };
    for privacy in [false, true] {
        let before = peak();
        let job = Job {
            limits,
            privacy,
            ..Job::new("finder", Operation::Run, json!({"count": FINDINGS}))
        };
        let outcome = store.run_to_document(&job, &Cancel::new(), &mut |_| {});
        assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
        let json = serde_json::to_vec(&outcome.answer).expect("JSON");
        assert!(json.len() as u64 > FINDINGS * 3 * 10);
        drop(json);
        let printed = store.print("finder", &[outcome.answer], false, limits, &Cancel::new());
        let lines = printed[0].as_ref().expect("lines");
        assert_eq!(lines.len() as u64, FINDINGS);
        let grown = peak() - before;

        assert!(grown < MOST, "grew by {grown} MiB (privacy {privacy})");
    }
}
