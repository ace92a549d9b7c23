//! Modules without any server: `mig -t local`, `mig-agent -m` and `-i`.

use std::io::Write;
use std::process::{Command, Stdio};

use mig_acceptance::Site;
use serde_json::{Value, json};

use crate::setup::asking::{action, text_of};
use crate::setup::{AGENT, Said, files};

/// A site of which nothing runs, with the agent's configuration written.
fn quiet_site() -> Site {
    let (site, _) = files();
    let configuration = site.agent_configuration(AGENT).unwrap();
    site.write("agent.cfg", configuration).unwrap();
    site
}

/// The directory with something to find.
fn data(site: &Site) -> String {
    site.path("data").display().to_string()
}

/// Runs a program with something to read.
fn fed(command: &mut Command, input: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A program that does not want to read it may be gone.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().expect("its output");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_module_runs_here_without_server_key_or_agent() {
    let (site, _) = files();
    let data = data(&site);
    // Not even a configuration is needed, except for where plugins are.
    let local = |words: &[&str]| {
        let mut call = site.mig();
        call.env("HOME", site.path("nobody")).args(words);
        Said::by(&mut call)
    };
    let said = local(&["file", "-t", "local", "-path", &data, "-name", "^passwd$"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert!(
        said.stdout
            .starts_with(&format!("{data}/passwd [lastmodified:")),
        "{said:?}"
    );
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");

    let none = ["file", "-t", "local", "-path", &data, "-name", "^no-such$"];
    assert_eq!(local(&none).code, 0);
    let said = local(&[
        "file",
        "-t",
        "local",
        "-exit-code",
        "-path",
        &data,
        "-name",
        "^no-such$",
    ]);
    assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
    let said = local(&["file", "-t", "local", "-path", &data, "-name", "a[b"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.line_with("error: ").contains("a[b"), "{said:?}");
    let said = local(&["file", "help"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("-content"), "{said:?}");
    let said = local(&["-V"]);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, env!("CARGO_PKG_VERSION"))
    );
    let said = local(&[]);
    assert_eq!(said.code, 1, "{said:?}");
    said.line_with("usage: mig MODULE");

    // A plugin brings its own command line and printer.
    let said = Said::by(
        site.mig()
            .args(["example", "-t", "local", "-c"])
            .arg(site.path("ada.migrc"))
            .arg("-gethostname"),
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.starts_with("hostname is "), "{said:?}");
}

#[test]
fn an_agent_runs_one_module_on_standard_input_and_output() {
    let site = quiet_site();
    let agent = |words: &[&str], input: &str| {
        let mut call = site.programs().agent();
        call.arg("-c").arg(site.path("agent.cfg")).args(words);
        fed(&mut call, input)
    };
    let data = data(&site);
    let message = json!({"class": "parameters", "parameters": {"searches": {
        "s1": {"paths": [data], "names": ["^passwd$"]}}}})
    .to_string();
    let said = agent(&["-m", "file"], &message);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let result: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!(result["foundanything"], true, "{result}");
    assert_eq!(
        result["elements"]["s1"][0]["file"],
        format!("{data}/passwd"),
        "{result}"
    );
    let keys: Vec<&str> = result
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "foundanything",
            "success",
            "elements",
            "statistics",
            "errors"
        ]
    );

    let said = agent(&["-m", "file", "-p"], &message);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("/passwd [lastmodified:"), "{said:?}");
    said.line_with("Statistics: ");

    for (input, part) in [
        ("", "no message"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        (r#"{"class":"stop"}"#, "class `stop`"),
        (
            r#"{"class":"parameters","parameters":{"searches":{"s1":{"paths":"/etc"}}}}"#,
            "searches.s1.paths",
        ),
        (
            r#"{"class":"parameters","parameters":{"searches":{"s1":{"paths":["/etc"],"names":["a(b"]}}}}"#,
            "a(b",
        ),
    ] {
        let said = agent(&["-m", "file"], input);
        let result: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
        assert_eq!(result["success"], false, "{input}: {result}");
        let errors = result["errors"].as_array().expect("errors");
        assert!(
            errors[0].as_str().unwrap().contains(part),
            "{input}: {result}"
        );
    }
    let said = agent(&["-m", "nosuchmodule"], &message);
    assert_eq!(
        said.stdout,
        r#"{"errors":["module 'nosuchmodule' is not available"]}"#
    );
}

#[test]
fn an_agent_runs_an_action_file_and_answers_questions_about_itself() {
    let site = quiet_site();
    let agent = |words: &[&str]| {
        let mut call = site.programs().agent();
        Said::by(call.arg("-c").arg(site.path("agent.cfg")).args(words))
    };
    let parameters = json!({"searches": {"s1": {"paths": [data(&site)], "names": ["^passwd$"]}}});
    let file = site
        .write("action.json", text_of(&action("local", "file", parameters)))
        .unwrap();
    let said = agent(&["-i", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    let results: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(results[0]["foundanything"], true, "{results}");
    let said = agent(&["-i", file.to_str().unwrap(), "-p"]);
    assert!(said.stdout.contains("/passwd ["), "{said:?}");

    let said = agent(&["-V"]);
    assert_eq!(
        (said.code, said.stdout.trim()),
        (0, env!("CARGO_PKG_VERSION"))
    );
    let said = agent(&["-S"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("RUNDIRECTORY"), "{said:?}");
    let said = agent(&["-q", "pid"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
}
