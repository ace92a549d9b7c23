//! A process to look into, and short ways to ask about it.

use mig_module_memory::MemoryModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the module reads at a time, in bytes. Were it to change, these tests
/// would still hold, but no longer test the borders.
pub const BLOCK: usize = 512 << 10;
/// A pattern for the program that is looked into.
pub const NAME: &str = "/memory_target$";

/// A running `memory_target`.
pub struct Target {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The program, which cargo builds beside the tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("own program");
    let directory = test.ancestors().nth(2).expect("cargo's directory");
    let program = directory.join("examples/memory_target");
    assert!(
        program.is_file(),
        "{} is missing; run: cargo build -p mig-module-memory --examples",
        program.display()
    );
    program
}

impl Target {
    pub fn start() -> Self {
        Self::of(&program())
    }

    /// A copy of the program that lies elsewhere.
    pub fn of(program: &Path) -> Self {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let orders = child.stdin.take();
        let mut target = Self {
            answers: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
            orders,
        };
        assert_eq!(target.answer(), "ready");
        target
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    pub fn send(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("a pipe");
        writeln!(orders, "{order}").expect("a pipe");
    }

    pub fn order(&mut self, order: &str) -> usize {
        self.send(order);
        let answer = self.answer();
        answer.parse().unwrap_or_else(|_| panic!("{answer}"))
    }

    /// Becomes another process image.
    pub fn exec(&mut self) {
        self.send("exec");
        assert_eq!(self.answer(), "ready");
    }

    pub fn map(&mut self, size: usize) -> usize {
        self.order(&format!("map {size}"))
    }

    pub fn put(&mut self, address: usize, bytes: &[u8]) {
        self.order(&format!("put {address} {}", hex(bytes)));
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: kill takes integers; the child is not reaped before the end.
        assert_eq!(unsafe { libc::kill(self.pid() as i32, signal) }, 0);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that are nowhere else, from a number: letters and digits only. Nor are
/// they in processes of the same test that runs a second time on this machine.
pub fn mark(number: u64) -> String {
    let number = number ^ u64::from(std::process::id()) << 32;
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D;
    (0..20)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b"abcdefghijklmnopqrstuvwxyz012345"[(state >> 32) as usize % 32])
        })
        .collect()
}

/// Runs parameters.
pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<MemoryModule>(parameters)
}

/// Runs parameters and insists on success.
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    answer.expect_result();
    assert_eq!(answer.misuse, Vec::<String>::new());
    let document = answer.document();
    assert_eq!(document["success"], true, "{document}");
    document
}

/// One search labelled `s`, for processes with that name unless it says
/// otherwise, with `matchall`.
pub fn search(mut criteria: Value) -> Value {
    if criteria.get("names").is_none() {
        criteria["names"] = json!([NAME]);
    }
    criteria["options"]["matchall"] = json!(true);
    run(json!({"searches": {"s": criteria}}))
}

/// The numbers of the processes found in `s`.
pub fn pids(document: &Value) -> Vec<u32> {
    document["elements"]["s"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| entry["process"]["pid"].as_u64().expect("a number") as u32)
        .filter(|&pid| pid != 0)
        .collect()
}

/// Whether a search finds this process.
pub fn finds(target: &Target, criteria: Value) -> bool {
    pids(&search(criteria)).contains(&target.pid())
}

/// Bytes that were not read for a reason, of all processes.
pub fn unread(document: &Value, reason: &str) -> Option<u64> {
    let entries = document["statistics"]["unread"].as_array()?;
    entries.iter().find(|entry| entry["reason"] == reason)?["bytes"].as_u64()
}

/// The failures of a result.
pub fn failures(document: &Value) -> Vec<String> {
    let lines = document["statistics"]["failures"].as_array();
    let text = |line: &Value| line.as_str().expect("a text").to_owned();
    lines.into_iter().flatten().map(text).collect()
}
