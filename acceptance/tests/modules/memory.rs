//! The `memory` module, as the plugin file that it is unless it was built in,
//! on processes that hold what is searched in their arguments.

use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mig_acceptance::{Configuration, Programs};
use serde_json::{Value, json};

use crate::setup::{Machine, fed};

/// Whatever a shell is called here.
const SHELL: &str = "/(da|ba|z|k)?sh$|busybox$";

/// A machine with the plugin, for agent and client.
fn machine(configuration: Configuration) -> Machine {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let machine = Machine::with(configuration);
    let folder = machine.directory().join("modules");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(programs.plugin("memory"), folder.join("memory.so")).unwrap();
    for (path, mode) in [(folder.clone(), 0o700), (folder.join("memory.so"), 0o600)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let modules = |configuration: Configuration| {
        configuration
            .set("modules", "path", folder.display())
            .set("modules", "allowunsigned", "on")
            .to_string()
    };
    let file = machine.directory().join("agent.cfg");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = modules(Configuration::default());
    std::fs::write(&file, format!("{text}\n{more}")).unwrap();
    let client = modules(Configuration::default());
    std::fs::write(machine.directory().join(".migrc"), client).unwrap();
    machine
}

fn open() -> Machine {
    machine(Configuration::default().set("agent", "extraprivacymode", "off"))
}

/// A word that stands nowhere else: it is made of pieces when the test runs.
fn mark(test: &str) -> String {
    format!("{}-{}-{test}", "mig0memory0mark", std::process::id())
}

/// A process that holds some words until it is dropped.
struct Holder(Child);

impl Holder {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        // Once it speaks it is what it is called.
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn shell(words: &[&str]) -> Self {
        let script = "echo ready; read line";
        Self::start(Command::new("sh").args(["-c", script, "sh"]).args(words))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether this process may look into its siblings, which it did not start.
fn may_look() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    if mig_testkit::is_root() || scope.is_err() || scope.is_ok_and(|scope| scope.trim() == "0") {
        return true;
    }
    mig_testkit::skip("kernel.yama.ptrace_scope forbids looking into other processes");
    false
}

fn pids(result: &Value) -> Vec<u64> {
    let entries = result["elements"]["s1"].as_array().expect("entries");
    let pid = |entry: &&Value| entry["process"]["pid"].as_u64().expect("a number");
    let entries = entries.iter().filter(|entry| {
        let name = entry["process"]["name"].as_str().unwrap_or_default();
        !is_copy(name, pid(entry))
    });
    entries
        .map(|entry| pid(&entry))
        .filter(|pid| *pid != 0)
        .collect()
}

/// Whether a process is one that another test of this program just starts: a copy
/// of it, with all its memory, until it becomes what it shall be.
fn is_copy(name: &str, pid: u64) -> bool {
    let own = std::env::current_exe().expect("own program");
    Path::new(name) == own && pid != u64::from(std::process::id())
}

fn search(criteria: Value) -> Value {
    let mut search = criteria;
    search["options"] = json!({"matchall": true});
    json!({"searches": {"s1": search}})
}

#[test]
fn a_process_is_found_by_name_library_bytes_and_content_at_once() {
    if !may_look() {
        return;
    }
    let machine = open();
    let mark = mark("all");
    let holder = Holder::shell(&[&mark]);
    let bytes: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
    let question = search(json!({
        "names": [SHELL], "libraries": ["libc|musl"], "bytes": [bytes],
        "contents": [mark, format!("(?i){}", mark.to_uppercase()), format!("[a-z0]+memory0mark-[0-9]+-all")],
    }));
    let result = machine.run("memory", &question);
    assert_eq!(pids(&result), [u64::from(holder.pid())], "{result}");
    assert_eq!(result["foundanything"], true);
    assert_eq!(result["errors"], Value::Null);
    let statistics = &result["statistics"];
    assert_eq!(statistics["totalhits"], 1);
    assert!(
        statistics["memoryread"].as_u64().unwrap() > 4096,
        "{result}"
    );
    let lines = machine.printed("memory", &question);
    let shell = result["elements"]["s1"][0]["process"]["name"]
        .as_str()
        .unwrap();
    assert_eq!(
        lines[0],
        format!("{shell} [pid:{}] in search 's1'", holder.pid())
    );
    assert!(
        lines.last().unwrap().starts_with("Statistics: "),
        "{lines:?}"
    );
}

#[test]
fn the_command_line_finds_it_and_neither_itself_nor_the_shell_that_called() {
    if !may_look() {
        return;
    }
    let machine = open();
    let mark = mark("caller");
    let holder = Holder::shell(&[&mark]);
    // Everybody on the way holds the pattern: this test in its memory, the
    // shell and its sub-shell in their arguments, the client in its own.
    let mig = machine.program("mig");
    let script = "(\"$@\"; exit $?); exit $?";
    let mut call = Command::new("sh");
    call.env_remove("MIG_PLUGIN_PATH")
        .env("HOME", machine.directory())
        .args(["-c", script, "sh"])
        .arg(mig.get_program());
    let names = format!("{SHELL}|/mig$|/mig-agent$|/modules-");
    call.args(["memory", "-t", "local", "-name", &names, "-content", &mark]);
    let said = fed(&mut call, "");
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let copy = |line: &&str| {
        let process = line.split_once(" [pid:").and_then(|(name, rest)| {
            let pid = rest.split_once(']')?.0.parse().ok()?;
            Some((name, pid))
        });
        process.is_some_and(|(name, pid)| is_copy(name, pid))
    };
    let lines: Vec<&str> = said.stdout.lines().filter(|line| !copy(line)).collect();
    assert_eq!(lines.len(), 1, "{said:?}");
    let wanted = format!(" [pid:{}] in search 's1'", holder.pid());
    assert!(lines[0].ends_with(&wanted), "{said:?}");

    let said = machine.mig("memory", &["help"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("\nex: "), "{said:?}");
    let said = machine.mig("memory", &["-bytes", "0x41"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("searches.s1.bytes: '0x41'"),
        "{said:?}"
    );
}

#[test]
fn rights_decide_what_can_be_read_and_the_rest_is_named() {
    let machine = open();
    let mark = mark("rights");
    if mig_testkit::is_root() {
        // The worker keeps the capability to look into anybody's processes.
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["sh", "-c", "echo ready; read line", "sh", &mark]);
        let holder = Holder::start(&mut command);
        let result = machine.run(
            "memory",
            &search(json!({"names": [SHELL], "contents": [mark]})),
        );
        assert_eq!(pids(&result), [u64::from(holder.pid())], "{result}");
    } else {
        // A program that may be run and not read makes processes that nobody
        // else may look into.
        let program = machine.directory().join("sh");
        let source = ["/bin/sh", "/usr/bin/sh"]
            .map(Path::new)
            .into_iter()
            .find(|path| path.exists());
        mig_testkit::install(source.expect("a shell"), &program, 0o111);
        let mut command = Command::new(&program);
        command.args(["-c", "echo ready; read line", "sh", &mark]);
        let holder = Holder::start(&mut command);
        let result = machine.run(
            "memory",
            &search(json!({"names": ["."], "contents": [mark]})),
        );
        assert_eq!(pids(&result), [0_u64; 0], "{result}");
        let statistics = &result["statistics"];
        let failures = statistics["failures"].as_array().expect("failures");
        let pid = holder.pid();
        let line = format!("Permission denied to access memory of process {pid}");
        assert!(failures.contains(&json!(line)), "{result}");
        assert_eq!(
            statistics["unread"][0]["reason"], "permission denied",
            "{result}"
        );
        assert!(statistics["unread"][0]["processes"].as_u64().unwrap() >= 1);
        assert_eq!(result["success"], true);
    }
}

#[test]
fn privacy_mode_hides_names_and_keeps_what_was_asked() {
    if !may_look() {
        return;
    }
    let machine = machine(Configuration::default().set("agent", "extraprivacymode", "on"));
    let mark = mark("private");
    let holder = Holder::shell(&[&mark]);
    let result = machine.run(
        "memory",
        &search(json!({"names": [SHELL], "contents": [mark]})),
    );
    let entry = &result["elements"]["s1"][0];
    assert_eq!(
        entry["process"],
        json!({"name": "masked", "pid": holder.pid()}),
        "{result}"
    );
    assert_eq!(entry["search"]["contents"], json!([mark]));
    for failure in result["statistics"]["failures"]
        .as_array()
        .into_iter()
        .flatten()
    {
        assert_eq!(failure, "masked");
    }
}

/// A process with all of a file in one block of memory, in the midst of writing
/// it into a pipe.
fn dd(machine: &Machine, file: &Path, size: u64) -> (Child, std::fs::File) {
    let pipe = machine.directory().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let argument = |name: &str, path: &Path| {
        let mut argument = std::ffi::OsString::from(name);
        argument.push(path);
        argument
    };
    let child = Command::new("dd")
        .arg(argument("if=", file))
        .arg(argument("of=", &pipe))
        .args([
            format!("bs={size}"),
            "count=1".into(),
            "iflag=fullblock".into(),
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("dd");
    let reader = std::fs::File::open(&pipe).expect("the pipe");
    // The first byte comes when the last was read.
    let mut first = [0];
    std::io::Read::read_exact(&mut &reader, &mut first).expect("the first byte");
    (child, reader)
}

#[test]
fn a_large_process_is_searched_within_a_small_limit() {
    if !may_look() {
        return;
    }
    let size: u64 = 256 << 20;
    let machine = machine(
        Configuration::default()
            .set("agent", "extraprivacymode", "off")
            .set("limits", "memory", "33554432"),
    );
    let mark = mark("large");
    let file = machine.directory().join("large");
    let large = std::fs::File::create(&file).unwrap();
    large.set_len(size).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&large, mark.as_bytes(), size - 100).unwrap();
    let (mut child, reader) = dd(&machine, &file, size);
    let question = search(json!({"names": ["/(dd|coreutils|busybox)$"],
        "contents": [mark, format!("(?i){}", mark.to_uppercase()), "[a-z]+0MEMORY0mark|memory0mark-[0-9]+-large"]}));
    let result = machine.run("memory", &question);
    assert_eq!(pids(&result), [u64::from(child.id())], "{result}");
    assert!(
        result["statistics"]["memoryread"].as_u64().unwrap() >= size,
        "{result}"
    );
    drop(reader);
    child.wait().unwrap();
}

#[test]
fn processes_with_hostile_names_come_and_go_under_it() {
    let machine = open();
    let folder = machine.directory().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // No program needs to be found: the link is called what it is, and
            // every start ends at once.
            let name = std::ffi::OsStr::from_bytes(b"a\n\x1b[31m\xff) Z 1");
            let link = folder.join(name);
            std::os::unix::fs::symlink("/bin/true", &link).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(Command::new(&link).status().unwrap().success());
            }
        });
        for _ in 0..5 {
            let question = json!({"searches": {
                "s1": {"names": ["/(true|coreutils|busybox)$"], "contents": ["not there at all"],
                    "options": {"matchall": true}},
                "s2": {"libraries": ["nobody has this"], "options": {"logfailures": true}},
            }});
            let result = machine.run("memory", &question);
            assert_eq!(result["success"], true, "{result}");
            assert_eq!(result["errors"], Value::Null, "{result}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
