//! Printers meet masked results on every client: they print them, and nothing
//! that was masked appears.

use mig_acceptance::PLUGINS;
use mig_host::{Cancel, Limits, ModuleStore};
use serde_json::Value;

use super::hostile::{Vice, document};
use super::{Declared, for_each_module, hostile_documents};
use crate::setup::plugin_files;

/// Asks a module to print these results, in a worker.
fn print(
    store: &ModuleStore,
    module: &str,
    results: &[Value],
    found_only: bool,
) -> Vec<Result<Vec<String>, String>> {
    let printed = store.print(
        module,
        results,
        found_only,
        Limits::default(),
        &Cancel::new(),
    );
    assert_eq!(printed.len(), results.len(), "{module}");
    printed
}

#[test]
fn masked_results_are_printed_without_what_was_masked() {
    let (store, _directory) = plugin_files(&PLUGINS);
    for_each_module(|module| {
        let declared = Declared::by(module);
        let vices = [Vice::None, Vice::Examples, Vice::Undeclared];
        let documents = vices.map(|vice| document(&declared.json, vice));
        let masked: Vec<Value> = documents
            .iter()
            .map(|document| declared.masked(&document.value).expect("within the schema"))
            .collect();
        for found_only in [true, false] {
            let printed = print(&store, module, &masked, found_only);
            for (document, lines) in documents.iter().zip(printed) {
                let lines = lines.unwrap_or_else(|reason| panic!("{module}: {reason}"));
                declared.assert_nothing_survives(module, document, &lines.join("\n"));
            }
        }
    });
}

#[test]
fn no_printer_breaks_on_what_does_not_fit_its_schema() {
    let (store, _directory) = plugin_files(&PLUGINS);
    for_each_module(|module| {
        let documents = hostile_documents(&Declared::by(module).json);
        let (what, values): (Vec<String>, Vec<Value>) = documents
            .into_iter()
            .map(|(what, document)| (what, document.value))
            .unzip();
        // Unmasked, as from an agent of another version: printed, or refused in
        // one line, in an orderly way.
        for (what, printed) in what.iter().zip(print(&store, module, &values, false)) {
            let Err(reason) = printed else { continue };
            for word in ["panic", "exit status", "signal"] {
                assert!(!reason.contains(word), "{module}: {what}: {reason}");
            }
            assert_eq!(reason.lines().count(), 1, "{module}: {what}: {reason}");
        }
    });
}
