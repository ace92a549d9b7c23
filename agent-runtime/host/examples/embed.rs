//! A program of somebody else that runs MIG modules: it looks into the
//! directories given on its command line, lists what is there, asks the module
//! `example` and prints its answer.
//!
//! ```text
//! cargo run -p mig-host --example embed -- /usr/lib/mig/modules
//! ```

use std::error::Error;
use std::path::PathBuf;

use mig_host::{
    Cancel, Ending, Job, ModuleStore, Operation, Origin, Progress, StaticModule, StoreOptions,
};
use serde_json::json;

/// The modules this program is linked with.
const LINKED: &[StaticModule] = &[StaticModule(mig_module_example::plugin)];

fn main() -> Result<(), Box<dyn Error>> {
    // Before anything else: every worker is this program, started once more.
    mig_host::run_worker_if_asked(LINKED);
    let directories = std::env::args_os().skip(1).map(PathBuf::from).collect();
    print!("{}", investigate(directories)?);
    Ok(())
}

/// Runs the example module and gives what there is to print.
pub fn investigate(directories: Vec<PathBuf>) -> Result<String, Box<dyn Error>> {
    let store = ModuleStore::open(
        LINKED,
        &StoreOptions {
            directories,
            // A real program names its publishers' keys here.
            keyring_directory: None,
            ..StoreOptions::default()
        },
    );
    let mut text = String::new();
    for module in store.modules() {
        let origin = match &module.origin {
            Origin::Static => "linked".to_owned(),
            Origin::Dynamic { path, .. } => path.display().to_string(),
        };
        let manifest = &module.manifest;
        text += &format!("module {} {} ({origin})\n", manifest.name, manifest.version);
    }
    for refusal in store.refused() {
        text += &format!("refused {refusal}\n");
    }

    // Parameters from words, as on a command line.
    let words = json!({"words": ["-gethostname"], "defaults": "mig"});
    let parameters = ask(&store, Operation::Options, words)?["parameters"].clone();
    let result = ask(&store, Operation::Run, parameters)?;
    // The module knows best how to print its result.
    let printed = ask(
        &store,
        Operation::Print,
        json!({"result": result, "foundonly": false}),
    )?;
    for line in printed["lines"].as_array().into_iter().flatten() {
        text += &format!("{}\n", line.as_str().unwrap_or_default());
    }
    Ok(text)
}

fn ask(
    store: &ModuleStore,
    operation: Operation,
    input: serde_json::Value,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let job = Job::new("example", operation, input);
    let outcome = store.run(&job, &Cancel::new(), &mut |progress| {
        if let Progress::Log { message, .. } = progress {
            eprintln!("example says: {message}");
        }
    });
    match (outcome.ending, outcome.reason) {
        (Ending::Done, None) => Ok(outcome.answer),
        (_, reason) => Err(reason.unwrap_or_default().into()),
    }
}
