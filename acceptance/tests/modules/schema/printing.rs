//! Printers meet masked results on every client: they print them, and nothing
//! that was masked appears.

use std::path::Path;

use mig_acceptance::{PLUGINS, Programs};
use mig_host::{Cancel, Ending, Job, ModuleStore, Operation, Outcome, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::hostile::{Vice, document};
use super::{assert_nothing_survives, for_each_module, hostile_documents, masked, schema_of};

/// The plugin files, each asked to print in a worker of its own.
struct Printers {
    store: ModuleStore,
    // Kept for as long as the store is used.
    _directory: TempDir,
}

impl Printers {
    fn new() -> Self {
        let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
        let directory = TempDir::with_prefix("mig-printers-").expect("a directory");
        for module in PLUGINS {
            let file = directory.path().join(format!("{module}.so"));
            std::fs::copy(programs.plugin(module), &file).expect("a plugin file");
        }
        let options = StoreOptions {
            directories: vec![directory.path().to_owned()],
            allow_unsigned: true,
            ..StoreOptions::default()
        };
        let agent = programs.agent();
        let store = ModuleStore::open(&[], &options)
            .with_worker_program(Path::new(agent.get_program()).to_owned());
        assert!(store.refused().is_empty(), "{:?}", store.refused());
        Self {
            store,
            _directory: directory,
        }
    }

    fn print(&self, module: &str, result: &Value, found_only: bool) -> Outcome {
        let input = json!({"result": result, "foundonly": found_only});
        let job = Job::new(module, Operation::Print, input);
        self.store.run(&job, &Cancel::new(), &mut |_| {})
    }
}

#[test]
fn masked_results_are_printed_without_what_was_masked() {
    let printers = Printers::new();
    for_each_module(|module| {
        for vice in [Vice::None, Vice::Examples, Vice::Undeclared] {
            let document = document(&schema_of(module), vice);
            let masked = masked(module, &document.value).expect("a document of the schema");
            for found_only in [true, false] {
                let outcome = printers.print(module, &masked, found_only);
                let context = format!("{module}: {vice:?}: {:?}: {masked}", outcome.reason);
                assert_eq!(outcome.ending, Ending::Done, "{context}");
                let lines = outcome.answer["lines"].to_string();
                assert_nothing_survives(module, "printed", &document, &lines);
            }
        }
    });
}

#[test]
fn no_printer_breaks_on_what_does_not_fit_its_schema() {
    let printers = Printers::new();
    for_each_module(|module| {
        for (what, document) in hostile_documents(&schema_of(module)) {
            // As from an agent of another version: printed or refused in one
            // line, in an orderly way.
            let outcome = printers.print(module, &document.value, false);
            let reason = outcome.reason.unwrap_or_default();
            assert!(
                matches!(outcome.ending, Ending::Done | Ending::Failed),
                "{module}: {what}: {:?}: {reason}",
                outcome.ending
            );
            for word in ["panic", "exit status", "signal"] {
                assert!(!reason.contains(word), "{module}: {what}: {reason}");
            }
            assert!(reason.lines().count() <= 1, "{module}: {what}: {reason}");
        }
    });
}
