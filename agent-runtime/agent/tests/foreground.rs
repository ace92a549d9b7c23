//! `mig-agent -P NAME`: one persistent module, with lines of JSON.

mod site;

use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use site::{DEADLINE, Site};

fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_mig-agent")).with_file_name("examples/agent_with_own_modules")
}

/// The module, and the lines to and from it.
struct Module {
    child: Child,
    input: Option<PipeWriter>,
    output: BufReader<ChildStdout>,
}

impl Module {
    fn start(site: &Site, words: &[&str]) -> Self {
        Self::start_told(site, words, "")
    }

    /// With these lines there from the start: a configuration that comes later than
    /// two seconds after it does not count any more.
    fn start_told(site: &Site, words: &[&str], lines: &str) -> Self {
        let (stdin, mut input) = std::io::pipe().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        let mut child = Command::new(program())
            .arg("-c")
            .arg(site.configuration())
            .args(words)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: Some(input),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    fn tell(&mut self, message: &Value) {
        self.say(&message.to_string());
    }

    /// The next line; null at the end.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        match line.as_str() {
            "" => Value::Null,
            line => serde_json::from_str(line).unwrap(),
        }
    }

    /// The next line of a class.
    fn next_of(&mut self, class: &str) -> Value {
        loop {
            let message = self.next();
            assert!(!message.is_null(), "the end came before a `{class}`");
            if message["class"] == class {
                return message["parameters"].clone();
            }
        }
    }

    /// Where it takes queries.
    fn registered(&mut self) -> PathBuf {
        let register = self.next_of("register");
        let path = register["sockpath"].as_str().unwrap();
        path.strip_prefix("unix:").unwrap().into()
    }

    fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        mig_testkit::wait_until("the end of the program", DEADLINE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line in, one line out.
fn ask(socket: &Path, line: &str) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    writeln!(stream, "{line}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn order(parameters: &Value) -> String {
    json!({"class": "parameters", "parameters": parameters}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_supervisor_can_run_a_module() {
    let site = Site::new().await;
    let config = json!({"class": "config", "parameters": {
        "config": {"watcher": {"INTERVAL": 5}}, "hostname": "h1", "environment": {"os": "linux"},
        "tags": {"a": "1"}}});
    let mut module = Module::start_told(&site, &["-P", "watcher"], &format!("{config}\n"));
    let socket = module.registered();
    assert!(socket.ends_with("persist-watcher.sock"), "{socket:?}");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its user alone");
    let ping = json!({"class": "ping"});
    module.tell(&ping);
    assert_eq!(module.next(), ping);

    let result = ask(&socket, &order(&json!({"order": "say", "text": "t"})));
    assert_eq!(result["success"], true, "{result}");
    assert_eq!(
        result["elements"],
        json!({"text": "t", "hostname": "h1", "tags": {"a": "1"}, "environment": {"os": "linux"},
               "config": {"Watcher": {"Interval": 5}}})
    );
    // A line that makes no sense costs one answer, not the module.
    for line in ["{", "", "{\"class\":\"stop\"}", "\u{0}"] {
        let result = ask(&socket, line);
        assert_eq!(result["success"], false, "{line}: {result}");
        assert!(result["errors"][0].is_string(), "{line}: {result}");
    }
    let text = "100%s \u{e9}";
    ask(&socket, &order(&json!({"order": "raw", "text": text})));
    assert_eq!(module.next_of("alert"), json!({"message": text}));
    ask(&socket, &order(&json!({"order": "log", "text": "hello"})));
    assert_eq!(module.next_of("log"), json!({"message": "hello"}));
    module.say("nonsense");
    assert!(
        module.next_of("log")["message"]
            .as_str()
            .unwrap()
            .contains("not JSON")
    );
    // The end of standard input ends the module.
    module.input = None;
    assert_eq!(module.ended(), Some(0));
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_get_the_configuration_of_the_file() {
    let site = Site::new().await;
    site.configure_module("watcher", "[watcher]\npath = /x\n");
    let mut module = Module::start(&site, &["-P", "WATCHER"]);
    let socket = module.registered();
    let result = ask(&socket, &order(&json!({"order": "say"})));
    assert_eq!(
        result["elements"]["config"],
        json!({"Watcher": {"Path": ["/x"]}})
    );
    assert_eq!(result["elements"]["tags"], json!({"operator": "it"}));
    // As at a terminal.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(module.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(module.ended(), Some(0));

    site.configure_module("watcher", "[watcher]\n\npaths = /x\n");
    let mut module = Module::start(&site, &["-P", "watcher"]);
    let message = module.next_of("log")["message"].clone();
    let message = message.as_str().unwrap();
    assert!(
        message.contains("watcher.cfg: line 3: unknown key `paths`"),
        "{message}"
    );
    assert_eq!(module.ended(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_of_others_reach_a_module_that_takes_them() {
    let site = Site::new().await;
    site.configure_module("keeper", "");
    let mut module = Module::start(&site, &["-P", "keeper"]);
    module.tell(&json!({"class": "alert", "parameters": {"message": "{\"a\":\"%d\"}"}}));
    module.registered();
    let kept = site.run_directory().join("modules/keeper/kept");
    mig_testkit::wait_until("the alert", DEADLINE, || site::lines(&kept) == 1);
    assert_eq!(
        std::fs::read_to_string(kept).unwrap(),
        "1 agent {\"a\":\"%d\"}\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_persistent_module_says_so_and_ends_well() {
    let site = Site::new().await;
    for (name, reason) in [
        ("absent", "module 'absent' is not available"),
        ("wait", "module 'wait' is not persistent"),
    ] {
        let mut module = Module::start(&site, &["-P", name]);
        let line = json!({"class": "log", "parameters": {"message": reason}});
        assert_eq!(module.next(), line);
        assert_eq!(module.next(), Value::Null);
        assert_eq!(module.ended(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_crashes_says_why_and_ends_the_program() {
    let site = Site::new().await;
    site.configure_module("watcher", "");
    let mut module = Module::start(&site, &["-P", "watcher"]);
    let socket = module.registered();
    let result = ask(&socket, &order(&json!({"order": "crash"})));
    assert_eq!(result["success"], false, "{result}");
    let message = module.next_of("log")["message"].clone();
    assert!(message.as_str().unwrap().contains("watcher"), "{message}");
    assert_eq!(module.ended(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persistent_module_does_not_answer_by_hand() {
    let site = Site::new().await;
    let mut module = Module::start(&site, &["-m", "watcher"]);
    module.tell(&json!({"class": "parameters", "parameters": {"order": "say"}}));
    module.input = None;
    let result = module.next();
    assert_eq!(result["success"], false, "{result}");
    let error = result["errors"][0].as_str().unwrap();
    assert!(
        error.contains("answers in the running agent only") && error.contains("-P watcher"),
        "{error}"
    );
    assert_eq!(module.ended(), Some(0));
}
