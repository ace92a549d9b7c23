//! `mig-agent explain`, held against what the real agent does.

mod site;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use mig_protocol::action::compress_parameters;
use mig_protocol::json::to_go_json;
use mig_protocol::{Action, CommandStatus, Operation, Time};
use serde_json::{Value, json};
use site::Site;

fn program(site: &Site, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-agent"))
        .arg("-c")
        .arg(site.configuration())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn nothing() -> Value {
    json!({"searches": {"s1": {"paths": ["/nonexistent"], "names": ["x"]}}})
}

#[test]
fn misuse_is_one_line_and_a_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("agent.cfg");
    let text_of = format!(
        "[agent]\nrelay = \"amqp://a:b@127.0.0.1:9/mig\"\nrundirectory = \"{}\"\n",
        directory.path().display()
    );
    std::fs::write(&configuration, text_of).unwrap();
    let broken = directory.path().join("broken.json");
    std::fs::write(&broken, "{").unwrap();
    for words in [
        &["explain"][..],
        &["explain", "/nonexistent/action.json"],
        &["explain", broken.to_str().unwrap()],
        &["history", "-since", "once"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mig-agent"))
            .arg("-c")
            .arg(&configuration)
            .args(words)
            .output()
            .unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// Explains an action; whether it would run, and what was said.
fn explain(site: &Site, action: &Action) -> (bool, String) {
    let path = site.path("action.json");
    std::fs::write(&path, to_go_json(action).unwrap()).unwrap();
    let output = program(site, &["explain", path.to_str().unwrap()]);
    let said = text(&output.stdout);
    let runs = match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("{other:?}: {said} {}", text(&output.stderr)),
    };
    (runs, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_and_the_agent_are_of_one_mind() {
    let mut site = Site::new().await;
    let modules = site.path("modules");
    std::fs::create_dir(&modules).unwrap();
    site.configure(&format!("moduleconfiguration = \"{}\"", modules.display()));
    let agent = site.agent();
    let record = site.heartbeat().await;
    let stranger = mig_protocol::openpgp::generate_investigator_key(
        "Eve <eve@example.net>",
        None,
        Time::from_unix(1_600_000_000),
    )
    .unwrap();
    let stranger =
        mig_protocol::openpgp::KeyFileSigner::from_armored(stranger.secret.as_bytes(), None)
            .unwrap();
    let now = Time::now();
    let valid = site.signed("file", nothing());
    let mut cases: Vec<(&str, bool, Action)> = vec![("valid", true, valid.clone())];
    let mut case = |name, runs, sign: bool, change: &dyn Fn(&mut Action)| {
        let mut action = site.action("file", nothing());
        change(&mut action);
        let action = if sign { site.sign(action) } else { action };
        cases.push((name, runs, action));
    };
    let operation = |module: &str, parameters: Value| Operation {
        module: module.into(),
        parameters,
        ..Operation::default()
    };
    case("unsigned", false, false, &|_| {});
    case("expired", false, true, &|action| {
        action.validfrom = now - Duration::from_secs(7200);
        action.expireafter = now - Duration::from_secs(3600);
    });
    case("not valid yet", false, true, &|action| {
        action.validfrom = now + Duration::from_secs(200);
    });
    case("another syntax", false, true, &|action| {
        action.syntaxversion = 1
    });
    case("nothing to do", false, true, &|action| {
        action.operations = Some(vec![])
    });
    case("too little weight", false, true, &|action| {
        action.operations = Some(vec![operation("forbidden", json!({}))]);
    });
    case("unknown module", false, true, &|action| {
        action.operations = Some(vec![operation("absent", json!({}))]);
    });
    case("bad parameters", false, true, &|action| {
        action.operations = Some(vec![operation("file", json!({"searches": 5}))]);
    });
    case(
        "parameters that only the module understands",
        false,
        true,
        &|action| {
            let search = json!({"searches": {"s1": {"paths": ["/tmp"], "names": ["("]}}});
            action.operations = Some(vec![operation("file", search)]);
        },
    );
    case(
        "a persistent module that nobody enabled",
        false,
        true,
        &|action| {
            action.operations = Some(vec![operation("fswatch", json!({}))]);
        },
    );
    case("one good and one bad operation", false, true, &|action| {
        action.operations = Some(vec![
            operation("file", nothing()),
            operation("absent", json!({})),
        ]);
    });
    case("compressed", true, true, &|action| {
        let operation = &mut action.operations.as_mut().unwrap()[0];
        operation.want_compressed = true;
        compress_parameters(operation);
    });
    case("badly compressed", false, true, &|action| {
        let operation = &mut action.operations.as_mut().unwrap()[0];
        operation.is_compressed = true;
        operation.parameters = json!("bm90IGd6aXA=");
    });
    let name = &record.name;
    let queue = &record.queueloc;
    let pid = agent.pid();
    for (target, runs) in [
        (format!("name='{name}'"), true),
        ("name='somebody.else'".to_owned(), false),
        (format!("queueloc='{queue}' AND pid={pid}"), true),
        (format!("pid={}", pid + 1), false),
        ("environment->>'os'='linux'".to_owned(), true),
        ("environment->>'os'='plan9'".to_owned(), false),
        ("tags->>'operator'='it' AND mode='daemon'".to_owned(), true),
        ("tags->>'operator'='sales'".to_owned(), false),
        (
            "heartbeattime > NOW() - INTERVAL '5 minutes'".to_owned(),
            true,
        ),
        ("name=".to_owned(), false),
    ] {
        case("a target", runs, true, &|action| {
            action.target.clone_from(&target)
        });
    }
    let mut altered = site.signed("file", nothing());
    altered.target = "status='online' OR name='x'".into();
    cases.push(("altered", false, altered));
    let mut foreign = site.action("file", nothing());
    mig_protocol::openpgp::sign_action(&mut foreign, &stranger, now).unwrap();
    cases.push(("signed by a stranger", false, foreign));
    cases.push(("a replay", false, valid));

    for (id, (name, runs, action)) in (1..).zip(cases) {
        let (would_run, said) = explain(&site, &action);
        site.send(id, action.clone()).await;
        let answer = site.answer(id).await;
        let ran = answer.status == CommandStatus::Success;
        let errors: Vec<&str> = answer
            .results()
            .iter()
            .flat_map(|result| result.errors())
            .map(String::as_str)
            .collect();
        assert_eq!(ran, runs, "{name}, target {}: {errors:?}", action.target);
        assert_eq!(would_run, runs, "{name}, target {}: {said}", action.target);
        if !runs {
            // The time of day is in some reasons; modules word theirs in
            // another way when they are asked beforehand.
            let reason = errors[0].split("; it is now").next().unwrap();
            let parameters = reason.starts_with("module `file`") || reason.contains("searches");
            let told = if parameters {
                said.contains("its parameters")
            } else {
                said.contains(reason)
            };
            assert!(
                told || name.starts_with("one good"),
                "{name}: `{reason}` is not in {said}"
            );
        }
        assert!(said.contains(if runs {
            "would run it."
        } else {
            "would not run it:"
        }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_says_what_a_module_may_and_what_would_be_masked() {
    let mut site = Site::new().await;
    site.configure("extraprivacymode = on");
    let mut action = site.action("file", nothing());
    action.target = "pid=1".into();
    let (runs, said) = explain(&site, &action);
    assert!(!runs, "{said}");
    for expected in [
        "read any file",
        "is masked (name)",
        "part of mig-agent",
        "the action is not signed",
        "`pid` is not known: no agent runs here",
        "ACL entry `default` asks for weight 1",
        "Ana has weight 1 and did not sign",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Nothing was left behind by looking.
    assert!(!site.run_directory().exists());
    let path = site.path("action.json");
    let json = program(&site, &["explain", "-json", path.to_str().unwrap()]);
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["runs"], false);
    assert_eq!(value["checks"][2]["answer"], "unknown");
    assert_eq!(value["operations"][0]["module"], "file");
}
