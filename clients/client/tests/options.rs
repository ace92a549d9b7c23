//! Command lines that name files: what the client reads for a module, through
//! a real worker.

use std::path::Path;

use mig_client::modules::{Modules, Options};
use mig_host::{StaticModule, StoreOptions};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{
    Defaults, Failure, Files, Module, Options as Answer, ResultDocument, Session, declare_plugin,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    lines: Vec<String>,
}

/// Makes parameters of the lines of files; the first word says how.
struct Reader;

impl Module for Reader {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = br#"{"name":"reader","version":"1","abi":{"major":1,"minor":0,
        "fingerprint":"99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"},
        "operations":{"run":{"parameters":{"type":"object","properties":{
            "lines":{"type":"array","items":{"type":"string"}}}},
            "result":{"properties":{"statistics":{"type":"integer","x-mig-privacy":"open"}}}},
        "options":{}}}"#;

    fn run(parameters: Parameters, _: &Session<'_>) -> Result<ResultDocument, Failure> {
        Ok(ResultDocument {
            success: true,
            statistics: json!(parameters.lines.len()),
            ..ResultDocument::default()
        })
    }

    fn options_with_files(
        words: &[String],
        _: Defaults,
        files: &Files,
    ) -> Result<Answer<Parameters>, Failure> {
        let (how, paths) = words.split_first().expect("a word");
        match how.as_str() {
            // All at once.
            "all" => {
                let texts: Option<Vec<_>> = paths.iter().map(|path| files.get(path)).collect();
                let Some(texts) = texts else {
                    return Ok(Answer::Files(paths.to_vec()));
                };
                let lines = texts.iter().flat_map(|text| text.lines());
                return Ok(Answer::Parameters(Parameters {
                    lines: lines.map(str::to_owned).collect(),
                }));
            }
            // One after the other.
            "each" => {
                if let Some(next) = paths.iter().find(|path| files.get(path).is_none()) {
                    return Ok(Answer::Files(vec![next.clone()]));
                }
            }
            "forever" => return Ok(Answer::Files(paths.to_vec())),
            "nothing" => return Ok(Answer::Files(Vec::new())),
            "steal" => return Ok(Answer::Files(vec!["/etc/passwd".to_owned()])),
            _ => return Err(Failure::bad_parameters("how", "what?")),
        }
        Ok(Answer::Parameters(Parameters { lines: Vec::new() }))
    }
}

declare_plugin!(Reader);

fn modules() -> Modules {
    let modules = Modules::of(STATICS, &StoreOptions::default());
    assert_eq!(modules.refused(), Vec::<String>::new());
    modules
}

fn words(how: &str, paths: &[&Path]) -> Vec<String> {
    let paths = paths
        .iter()
        .map(|path| path.to_str().expect("UTF-8").to_owned());
    std::iter::once(how.to_owned()).chain(paths).collect()
}

fn parameters(how: &str, paths: &[&Path]) -> Value {
    match modules().options("reader", &words(how, paths)) {
        Ok(Options::Parameters(parameters)) => parameters,
        other => panic!("{other:?}"),
    }
}

fn refusal(how: &str, paths: &[&Path]) -> String {
    let refused = modules().options("reader", &words(how, paths));
    let line = refused.expect_err("refused").to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn a_module_gets_the_files_that_its_words_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
    std::fs::write(&one, "a\nb\n").expect("write");
    std::fs::write(&two, "c\n").expect("write");
    let both = [one.as_path(), two.as_path()];
    assert_eq!(parameters("all", &both), json!({"lines": ["a", "b", "c"]}));
    assert_eq!(parameters("each", &both), json!({"lines": []}));
}

#[test]
fn a_unit_test_gives_texts_without_any_file() {
    let host = FakeHost::new();
    let asked = host.options::<Reader>(&["all", "p"]);
    assert_eq!(asked.expect_result(), &json!({"files": ["p"]}));
    let given = host.options_with_files::<Reader>(&["all", "p"], &[("p", "x\ny")]);
    assert_eq!(
        given.expect_result()["parameters"]["lines"],
        json!(["x", "y"])
    );
}

#[test]
fn a_module_that_asks_forever_is_told_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "text").expect("write");
    let line = refusal("forever", &[&file]);
    assert!(
        line.contains("module `reader`: asks for the file"),
        "{line}"
    );
    assert!(line.contains("again, which it was given"), "{line}");
    let line = refusal("nothing", &[&file]);
    assert!(line.contains("does not have its shape"), "{line}");
}

#[test]
fn a_module_chooses_no_file_by_itself() {
    let line = refusal("steal", &[Path::new("/etc/hosts")]);
    assert!(
        line.contains("`/etc/passwd`, which the options do not name"),
        "{line}"
    );
    let line = refusal("all", &[Path::new("/does/not/exist")]);
    assert_eq!(
        line,
        "module `reader`: /does/not/exist: there is no such file; check the path"
    );
}

#[test]
fn a_document_of_sixteen_mebibytes_becomes_parameters_of_a_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("document");
    let line = format!("{}\n", "t".repeat(127));
    std::fs::write(&file, line.repeat(128 << 10)).expect("write");
    assert_eq!(std::fs::metadata(&file).expect("metadata").len(), 16 << 20);
    let parameters = parameters("all", &[&file]);
    let result = modules().run("reader", parameters).expect("it runs");
    assert_eq!(result.get("statistics"), Some(&json!(128 << 10)));
}
