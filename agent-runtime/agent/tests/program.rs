//! The program on its own: options, modules by hand, the status page.

mod site;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use site::{Site, until};

fn agent(words: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mig-agent"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn version_and_help_are_printed() {
    let version = agent(&["-V"], "");
    assert!(version.status.success());
    assert_eq!(text(&version.stdout), format!("{}\n", mig_agent::VERSION));
    assert!(text(&agent(&["-h"], "").stdout).contains("-q QUERY"));
}

#[test]
fn a_bad_command_line_is_one_line_and_no_agent() {
    for words in [&["-x"][..], &["-m"], &["now"]] {
        let output = agent(words, "");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_configuration_stops_the_program() {
    let site = Site::new().await;
    let path = site.configuration();
    let good = std::fs::read_to_string(&path).unwrap();
    for (bad, expected) in [
        ("[agent]\nrelai = x\n", "did you mean `relay`?"),
        ("[agent]\n", "[agent] relay is missing"),
        (
            "[agent]\nrelay = amqps://u:hunter2@127.0.0.1/mig\n",
            "needs `ca`, `cert` and `key`",
        ),
        ("[agent]\nrelay = nonsense\n", "is not an address"),
        ("nonsense", "line 1"),
    ] {
        // The directories stay those of the test.
        let rest = good
            .lines()
            .filter(|line| line.starts_with("rundirectory"))
            .collect::<Vec<_>>()
            .join("\n");
        std::fs::write(&path, format!("{bad}\n[agent]\n{rest}\n")).unwrap();
        let output = agent(&["-f", "-c", path.to_str().unwrap()], "");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        let last = error.lines().last().unwrap();
        assert!(
            last.contains(expected) && !error.contains("hunter2"),
            "{error}"
        );
    }
    let missing = agent(&["-f", "-c", "/nonexistent/agent.cfg"], "");
    assert!(text(&missing.stderr).contains("/nonexistent/agent.cfg"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_shown_without_the_password() {
    let site = Site::new().await;
    let output = agent(&["-S", "-c", site.configuration().to_str().unwrap()], "");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("AMQPBROKER         : amqp://agent:***@127.0.0.1:"),
        "{shown}"
    );
    assert!(shown.contains("HEARTBEATFREQ      : 5m0s\n"), "{shown}");
}

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("passwd"), "root:x:0:0\n").unwrap();
    tree
}

fn search(tree: &Path) -> Value {
    json!({"searches": {"s1": {"paths": [tree], "names": ["^passwd$"], "contents": ["^root"]}}})
}

#[test]
fn a_module_runs_on_standard_input_and_output() {
    let tree = tree();
    let message = json!({"class": "parameters", "parameters": search(tree.path())}).to_string();
    let output = agent(&["-m", "file"], &message);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["foundanything"], true, "{result}");
    assert!(!output.stdout.ends_with(b"\n"));
    let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
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

    let printed = text(&agent(&["-m", "file", "-p"], &message).stdout);
    assert!(printed.contains("passwd"), "{printed}");
}

#[test]
fn a_module_that_is_not_there_or_gets_no_message_says_so() {
    let output = agent(&["-m", "a\"b"], "{}");
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        r#"{"errors":["module 'a\"b' is not available"]}"#
    );
    for input in ["", "{", r#"{"class":"stop"}"#] {
        let output = agent(&["-m", "file"], input);
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["success"], false);
        assert!(result["errors"][0].is_string(), "{result}");
    }
}

#[test]
fn an_action_file_runs_without_server_or_signature() {
    let tree = tree();
    let file = tree.path().join("action.json");
    let action = json!({"name": "a", "target": "status='online'", "syntaxversion": 2,
                        "operations": [{"module": "file", "parameters": search(tree.path())},
                                       {"module": "absent", "parameters": null}]});
    std::fs::write(&file, action.to_string()).unwrap();
    let output = agent(&["-i", file.to_str().unwrap()], "");
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results[0]["foundanything"], true, "{results}");
    assert_eq!(results[1]["errors"][0], "module 'absent' is not available");
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&agent(&["-i", file.to_str().unwrap(), "-p"], "").stdout);
    assert!(printed.contains("passwd"), "{printed}");
    let missing = agent(&["-i", "/nonexistent/action.json"], "");
    assert!(text(&missing.stderr).contains("/nonexistent/action.json"));
}

/// One request to the status page; the whole answer.
fn request(port: u16, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_page_tells_and_only_the_identity_stops() {
    let mut site = Site::new().await;
    let port = mig_testkit::free_port();
    site.configure(&format!("socket = 127.0.0.1:{port}\ntags = \"html:<b>&\""));
    let mut running = site.agent();
    let record = site.heartbeat().await;
    let configuration = site.configuration();
    let configuration = configuration.to_str().unwrap();

    let answer = request(port, "/pid", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with(&format!("\r\n\r\n{}", running.pid())),
        "{answer}"
    );
    let answer = request(port, "/shutdown", "");
    assert!(
        answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("\r\n\r\nmust set AGENTID header\n"),
        "{answer}"
    );
    let page = request(port, "/", "");
    let secret = record.queueloc.strip_prefix("linux.").unwrap();
    assert!(
        page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"),
        "{page}"
    );
    assert!(
        !page.contains(secret) && !page.contains("amqp://"),
        "{page}"
    );
    assert!(
        page.contains("<td>owner&#39;s record</td><td>") && page.contains(" bytes) in "),
        "{page}"
    );
    let rebound = {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: evil.example.net\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(rebound.starts_with("HTTP/1.1 403 "), "{rebound}");

    let pid = agent(&["-q", "pid", "-c", configuration], "");
    assert_eq!(text(&pid.stdout), format!("{}\n", running.pid()));
    let unknown = agent(&["-q", "weather", "-c", configuration], "");
    assert!(text(&unknown.stderr).contains("weather"));
    assert!(running.is_running());
    let stopped = tokio::task::spawn_blocking({
        let configuration = configuration.to_owned();
        move || agent(&["-q", "shutdown", "-c", &configuration], "")
    });
    assert!(stopped.await.unwrap().status.success());
    assert_eq!(running.wait(), Some(0));
    let gone = agent(&["-q=pid", "-c", configuration], "");
    assert_eq!(gone.status.code(), Some(1));
    assert!(
        text(&gone.stderr).contains("no agent answers"),
        "{}",
        text(&gone.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_socket_means_no_status_page() {
    let mut site = Site::new().await;
    let running = site.agent();
    site.heartbeat().await;
    let listening = std::fs::read_to_string(format!("/proc/{}/net/tcp", running.pid())).unwrap();
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", running.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    for line in listening.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields[3] == "0A" && inodes.contains(&fields[9].to_owned());
        assert!(!listens, "the agent listens: {line}");
    }
    let question = agent(
        &["-q", "pid", "-c", site.configuration().to_str().unwrap()],
        "",
    );
    assert!(text(&question.stderr).contains("has no status page"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_goes_into_the_background_and_tells_its_pid() {
    let mut site = Site::new().await;
    let port = mig_testkit::free_port();
    site.configure(&format!("socket = 127.0.0.1:{port}"));
    let configuration = site.configuration().to_str().unwrap().to_owned();
    let started = tokio::task::spawn_blocking({
        let configuration = configuration.clone();
        move || agent(&["-c", &configuration], "")
    });
    let started = started.await.unwrap();
    assert!(started.status.success(), "{}", text(&started.stderr));
    let said = text(&started.stdout);
    let pid: u32 = said.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(site.heartbeat().await.pid, i64::from(pid));
    until("the status page", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    let stopped =
        tokio::task::spawn_blocking(move || agent(&["-q", "shutdown", "-c", &configuration], ""));
    assert!(stopped.await.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_cannot_start_says_why_before_it_detaches() {
    let site = Site::new().await;
    std::fs::write(site.path("acl.cfg"), "{").unwrap();
    let output = agent(&["-c", site.configuration().to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("acl.cfg"),
        "{}",
        text(&output.stderr)
    );
    assert!(output.stdout.is_empty());
}
