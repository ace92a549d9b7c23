//! Measures what one job costs, worker included.
//!
//! ```text
//! cargo run --release -p mig-host --example round_trip -- [DIRECTORY MODULE]
//! ```

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mig_host::{Cancel, Ending, Job, ModuleStore, Operation, StaticModule, StoreOptions};
use serde_json::json;

const LINKED: &[StaticModule] = &[StaticModule(mig_module_example::plugin)];
const ROUNDS: usize = 200;

fn main() {
    mig_host::run_worker_if_asked(LINKED);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let module = arguments.get(1).map_or("example", String::as_str);
    let options = StoreOptions {
        directories: arguments.first().map(PathBuf::from).into_iter().collect(),
        allow_unsigned: true,
        ..StoreOptions::default()
    };
    let opened = Instant::now();
    let store = ModuleStore::open(LINKED, &options);
    println!("opening the store: {:?}", opened.elapsed());
    for refusal in store.refused() {
        eprintln!("{refusal}");
    }
    for operation in [Operation::Options, Operation::Run] {
        let input = match operation {
            Operation::Options => json!({"words": ["help"], "defaults": "mig"}),
            _ => json!({}),
        };
        let job = Job::new(module, operation, input);
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let started = Instant::now();
                let outcome = store.run(&job, &Cancel::new(), &mut |_| {});
                assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
                started.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "{:>8}: median {:?}, best {:?}, 95 % {:?}",
            operation.as_str(),
            times[ROUNDS / 2],
            times[0],
            times[ROUNDS * 95 / 100]
        );
    }
}
