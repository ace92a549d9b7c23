//! Programs that run until somebody ends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mig_acceptance::Configuration;
use mig_testkit::{free_port, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::setup::{Machine, fed};

/// How long a program may take to start or to be gone.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running program with a directory of its own.
pub struct Victim {
    directory: TempDir,
    pub executable: PathBuf,
    child: Child,
}

impl Victim {
    /// A copy of the agent, in the foreground, whose relay does not answer.
    /// Stripped as packages have it, where that is possible: what it says about
    /// itself must survive that.
    pub fn agent() -> Self {
        let built = PathBuf::from(Machine::new().program("mig-agent").get_program());
        let strip = |to: &Path| {
            let made = Command::new("strip").arg("-o").arg(to).arg(&built).output();
            if !made.is_ok_and(|output| output.status.success()) {
                copy(&built, to);
            }
        };
        Self::start("mig-agent", strip, agent)
    }

    /// A copy of any program, with these words.
    pub fn program(original: &Path, name: &str, words: &[&str]) -> Self {
        let call = |_: &Path, executable: &Path| {
            let mut call = Command::new(executable);
            call.args(words);
            call
        };
        Self::start(name, |to| copy(original, to), call)
    }

    fn start(
        name: &str,
        make: impl FnOnce(&Path),
        call: impl FnOnce(&Path, &Path) -> Command,
    ) -> Self {
        let directory = TempDir::with_prefix("mig-victim-").expect("a directory");
        let executable = directory.path().join(name);
        make(&executable);
        let child = spawn(&mut call(directory.path(), &executable));
        let victim = Self {
            directory,
            executable,
            child,
        };
        runs(victim.pid(), &victim.executable);
        victim
    }

    /// Another agent from the same file.
    pub fn twin(&self) -> Twin {
        let place = self.directory.path().join("twin");
        fs::create_dir(&place).expect("a directory");
        let child = spawn(&mut agent(&place, &self.executable));
        let twin = Twin(child);
        runs(twin.0.id(), &self.executable);
        twin
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a state").is_none()
    }

    /// The signal that ended it.
    pub fn end_signal(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        wait_until("the end of the program", DEADLINE, || !self.is_running());
        self.child.wait().expect("its end").signal()
    }

    /// Ends it, and takes note of that, so that its number is free.
    pub fn end(&mut self) {
        self.child.kill().expect("a signal");
        self.child.wait().expect("its end");
    }

    /// What destroying it answers.
    pub fn destroy(&self, version: &str) -> Value {
        destroy(&Machine::new(), &self.order(version))
    }

    /// The parameters that name it.
    pub fn order(&self, version: &str) -> Value {
        json!({"pid": self.pid(), "version": version})
    }

    /// What destroying it through its own program answers, instead of through
    /// the one that was built.
    pub fn destroy_by_own_program(&self, version: &str) -> Value {
        let machine = Machine::new();
        let mut call = Command::new(&self.executable);
        call.arg("-c").arg(machine.directory().join("agent.cfg"));
        call.args(["-m", "agentdestroy"])
            .env_remove("MIG_PLUGIN_PATH");
        answer(&mut call, &self.order(version)).0
    }
}

/// What an agent answers that is to end another one which it started itself, and
/// whether that lives on.
pub fn destroy_own_child(version: &str) -> (Value, bool) {
    let directory = TempDir::with_prefix("mig-victim-").expect("a directory");
    let machine = Machine::new();
    let program = PathBuf::from(machine.program("mig-agent").get_program());
    let child = agent(directory.path(), &program);
    let parent = machine.agent("agentdestroy");
    // The shell starts the one and becomes the other.
    let script = r#"
        order=$1; version=$2; shift 2
        "$1" "$2" "$3" "$4" </dev/null >/dev/null 2>&1 &
        until [ "$(readlink "/proc/$!/exe")" = "$(readlink -f "$1")" ]; do :; done
        printf '%s' "$!" > "$order.pid"
        printf '{"class":"parameters","parameters":{"pid":%s,"version":"%s"}}' \
            "$!" "$version" > "$order"
        shift 4
        exec "$@" < "$order"
    "#;
    let mut call = Command::new("sh");
    let order = directory.path().join("order");
    call.args(["-c", script, "sh"]).arg(&order).arg(version);
    for one in [&child, &parent] {
        call.arg(one.get_program()).args(one.get_args());
    }
    for (name, value) in parent.get_envs() {
        match value {
            Some(value) => call.env(name, value),
            None => call.env_remove(name),
        };
    }
    let said = fed(&mut call, "");
    let document = serde_json::from_str(&said.stdout);
    let pid = fs::read_to_string(order.with_extension("pid")).expect("its number");
    let lives = fs::read_link(format!("/proc/{pid}/exe"))
        .is_ok_and(|path| path == program.canonicalize().expect("a path"));
    let ended = Command::new("kill").args(["-9", &pid]).status();
    assert_eq!(ended.expect("kill").success(), lives);
    let document = document.unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (document, lives)
}

/// The answer to any parameters. The exit code must agree with it.
#[track_caller]
pub fn destroy(machine: &Machine, parameters: &Value) -> Value {
    let (document, code) = answer(&mut machine.agent("agentdestroy"), parameters);
    assert_eq!(document["success"], code == 0, "{document}");
    document
}

fn answer(call: &mut Command, parameters: &Value) -> (Value, i32) {
    let message = json!({"class": "parameters", "parameters": parameters});
    let said = fed(call, &message.to_string());
    let document = serde_json::from_str(&said.stdout);
    (
        document.unwrap_or_else(|error| panic!("{error}: {said:?}")),
        said.code,
    )
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A second process of a victim's program.
pub struct Twin(Child);

impl Twin {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a state").is_none()
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(directory: &Path, executable: &Path) -> Command {
    let relay = free_port();
    let status = free_port();
    let keys = directory.join("keys");
    let rules = directory.join("acl.cfg");
    fs::create_dir_all(&keys).expect("a directory");
    fs::write(&rules, "{}").expect("rules");
    let configuration = Configuration::default()
        .set(
            "agent",
            "relay",
            format!("amqp://agent:agent@127.0.0.1:{relay}/"),
        )
        .set("agent", "socket", format!("127.0.0.1:{status}"))
        .set("agent", "rundirectory", directory.display())
        .set("agent", "keyring", keys.display())
        .set("agent", "acl", rules.display())
        .set("agent", "checkin", "off")
        .set("agent", "isimmortal", "off")
        .set("agent", "discoverpublicip", "off")
        .set("agent", "discoverawsmeta", "off")
        .set("logging", "mode", "stdout")
        .set("logging", "level", "info");
    let file = directory.join("agent.cfg");
    fs::write(&file, configuration.to_string()).expect("a configuration");
    let mut call = Command::new(executable);
    call.arg("-c").arg(file).arg("-f");
    call.env_remove("MIG_PLUGIN_PATH");
    call
}

/// Copies a program. Not by ourselves: another test's child could inherit the
/// descriptor that is being written to, and nobody can run such a file.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}

fn spawn(call: &mut Command) -> Child {
    let program = call.get_program().to_owned();
    call.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    mig_testkit::spawn(call).unwrap_or_else(|error| panic!("{program:?}: {error}"))
}

/// Waits until a process has become this program.
fn runs(pid: u32, executable: &Path) {
    let link = format!("/proc/{pid}/exe");
    let executable = executable.canonicalize().expect("a path");
    wait_until("the program runs", DEADLINE, || {
        fs::read_link(&link).is_ok_and(|path| path == executable)
    });
}

/// The version that the built agent prints.
pub fn version() -> String {
    let said = fed(Machine::new().program("mig-agent").arg("-V"), "");
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout.trim_end().to_owned()
}

/// The only error of a run that was refused.
#[track_caller]
pub fn refusal(document: &Value) -> &str {
    assert_eq!(document["success"], false, "{document}");
    assert_eq!(document["foundanything"], false);
    let errors = document["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{document}");
    let error = errors[0].as_str().expect("a text");
    assert!(!error.contains('\n'), "{error}");
    error
}
