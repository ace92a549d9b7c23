//! Many results through few workers.

use mig_host::{Cancel, Limits, Printed};
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::setup::{PATIENCE, store};

fn limits() -> Limits {
    Limits {
        wall: PATIENCE,
        ..Limits::default()
    }
}

fn print(store: &mig_host::ModuleStore, module: &str, results: &[Value]) -> Vec<Printed> {
    store.print(module, results, false, limits(), &Cancel::new())
}

fn result(elements: Value) -> Value {
    json!({"foundanything": true, "success": true, "elements": elements,
           "statistics": null, "errors": null})
}

/// Prints the number of this process' calls; dies at a result whose `elements`
/// is the text "die", refuses one that is "refuse", answers nonsense to "lie".
const COUNTING: &str = r#"static unsigned char out[] = "\xa1\x65" "lines" "\x81\x62" "00"; static int calls;
    size_t end = sizeof out - 2;
    calls++;
    if (memmem(input.ptr, input.len, "die", 3)) abort();
    if (memmem(input.ptr, input.len, "refuse", 6)) {
        EMIT(MIG_EMIT_ERROR, "", "\xa1\x67" "message" "\x69" "not today");
        return MIG_CODE_UNSUPPORTED;
    }
    if (memmem(input.ptr, input.len, "lie", 3)) { EMIT(MIG_EMIT_RESULT, "", "\x01"); return MIG_CODE_OK; }
    if (memmem(input.ptr, input.len, "flood", 5)) {
        size_t size = 20 << 20; unsigned char *much = calloc(1, size);
        memcpy(much, "\xa1\x65" "lines" "\x81\x7a\x01\x3f\xff\xf3", 13);
        memset(much + 13, 'x', size - 13);
        return emit(host, MIG_EMIT_RESULT, "", much, size) ? MIG_CODE_LIMIT : MIG_CODE_OK;
    }
    out[end - 1] = (unsigned char)('0' + calls / 10); out[end] = (unsigned char)('0' + calls % 10);
    return emit(host, MIG_EMIT_RESULT, "", out, end + 1);"#;

#[test]
fn one_worker_prints_many_results() {
    let Some((_plugins, store)) = Plugins::with(COUNTING) else {
        return;
    };
    let results: Vec<Value> = (0..40).map(|number| result(json!(number))).collect();
    let printed = print(&store, "cplug", &results);
    let expected: Vec<Printed> = (1..=40)
        .map(|call| Ok(vec![format!("{call:02}")]))
        .collect();
    assert_eq!(printed, expected);
}

#[test]
fn a_result_that_cannot_be_printed_costs_no_other_its_lines() {
    let Some((_plugins, store)) = Plugins::made_of(&Source {
        call: COUNTING,
        ..Source::default()
    }) else {
        return;
    };
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let results: Vec<Value> = [
        json!("a"),
        json!("refuse"),
        json!("lie"),
        json!("b"),
        json!("die"),
        json!("c"),
        deep,
        json!("flood"),
        json!("d"),
        json!("die"),
    ]
    .into_iter()
    .map(result)
    .collect();
    let printed = print(&store, "cplug", &results);
    let lines = |number: &str| Ok(vec![number.to_owned()]);
    assert_eq!(printed.len(), results.len());
    for (index, expected) in [(0, "01"), (3, "04"), (5, "01"), (8, "02")] {
        assert_eq!(printed[index], lines(expected), "{printed:?}");
    }
    for (index, reason) in [
        (1, "not today"),
        (2, "does not have its shape"),
        (4, "crashed (SIGABRT)"),
        (6, "nested deeper"),
        (7, "more than its output limit of 16 MiB"),
        (9, "crashed (SIGABRT)"),
    ] {
        let said = printed[index].as_ref().expect_err(reason);
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn lines_are_harmless_and_modules_without_a_printer_say_so() {
    let store = store();
    let printed = print(
        &store,
        "probe",
        &[result(json!({"even": "x"})), result(json!(1))],
    );
    for lines in &printed {
        let lines = lines.as_ref().expect("lines");
        assert!(!lines[0].contains('\u{1b}'), "{lines:?}");
    }
    assert_eq!(
        print(&store, "telepathy", &[json!({}), json!({})]),
        vec![Err("module 'telepathy' is not available".to_owned()); 2]
    );
    assert_eq!(print(&store, "probe", &[]), Vec::<Printed>::new());
}

#[test]
fn a_cancelled_printer_prints_nothing() {
    let cancel = Cancel::new();
    cancel.cancel();
    let results = [result(json!(1)), result(json!(2))];
    let printed = store().print("probe", &results, false, limits(), &cancel);
    assert_eq!(printed.len(), 2);
    assert!(printed.iter().all(|one| {
        one.as_ref()
            .is_err_and(|reason| reason.contains("was cancelled"))
    }));
}
