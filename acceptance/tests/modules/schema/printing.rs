//! Printers meet masked results on every client: they print them, and nothing
//! that was masked appears.

use mig_acceptance::PLUGINS;
use mig_host::{Cancel, Ending, Job, ModuleStore, Operation, Outcome};
use serde_json::{Value, json};

use super::hostile::{Vice, document};
use super::{assert_nothing_survives, for_each_module, hostile_documents, masked, schema_of};
use crate::setup::plugin_files;

/// Asks a module to print, in a worker of its own.
fn print(store: &ModuleStore, module: &str, result: &Value, found_only: bool) -> Outcome {
    let input = json!({"result": result, "foundonly": found_only});
    let job = Job::new(module, Operation::Print, input);
    store.run(&job, &Cancel::new(), &mut |_| {})
}

#[test]
fn masked_results_are_printed_without_what_was_masked() {
    let (store, _directory) = plugin_files(&PLUGINS);
    for_each_module(|module| {
        for vice in [Vice::None, Vice::Examples, Vice::Undeclared] {
            let document = document(&schema_of(module), vice);
            let masked = masked(module, &document.value).expect("a document of the schema");
            for found_only in [true, false] {
                let outcome = print(&store, module, &masked, found_only);
                let context = format!("{module}: {vice:?}: {:?}", outcome.reason);
                assert_eq!(outcome.ending, Ending::Done, "{context}");
                let lines = outcome.answer["lines"].to_string();
                assert_nothing_survives(module, "printed", &document, &lines);
            }
        }
    });
}

#[test]
fn no_printer_breaks_on_what_does_not_fit_its_schema() {
    let (store, _directory) = plugin_files(&PLUGINS);
    for_each_module(|module| {
        for (what, document) in hostile_documents(&schema_of(module)) {
            // As from an agent of another version: printed or refused in one
            // line, in an orderly way.
            let outcome = print(&store, module, &document.value, false);
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
