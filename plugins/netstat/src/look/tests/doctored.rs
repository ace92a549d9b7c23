//! A machine made up: its processes in a directory, its kernel a function.

use crate::look::System;
use crate::module;
use crate::netlink::testing::{attribute, message};
use crate::netlink::{Subsystem, Transport};
use crate::parameters::Parameters;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What the kernel answers to a request: kind and body, and how many requests
/// came before.
pub type Kernel = Arc<dyn Fn(u16, &[u8], u32) -> io::Result<Vec<Vec<u8>>> + Send + Sync>;

/// A machine.
#[derive(Clone)]
pub struct Machine {
    pub kernel: Kernel,
    pub enter: fn(&File) -> io::Result<()>,
    proc: Arc<tempfile::TempDir>,
    requests: Arc<std::sync::atomic::AtomicU32>,
}

/// What a run does with parameters and session.
type Run = Box<dyn Fn(&Parameters, Session<'_>) -> Result<ResultDocument, Failure>>;

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// The module, doing what the calling thread has prepared.
struct Doctored;

impl Module for Doctored {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = crate::NetstatModule::MANIFEST;

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        RUN.with_borrow(|run| run.as_ref().expect("a run")(&parameters, *session))
    }
}

/// Runs parameters on a system to a good end.
pub fn run_on(system: System<'static>, parameters: Value) -> Value {
    RUN.set(Some(Box::new(move |parameters, session| {
        module::run(parameters, session, &system)
    })));
    let answer = FakeHost::new().run::<Doctored>(parameters);
    answer.expect_result();
    answer.document()
}

/// A netlink socket of the machine.
struct Line {
    machine: Machine,
    waiting: VecDeque<Vec<u8>>,
}

impl Transport for Line {
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let kind = u16::from_ne_bytes([request[4], request[5]]);
        let before = &self.machine.requests;
        let before = before.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.waiting = (self.machine.kernel)(kind, &request[16..], before)?.into();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.waiting.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(datagram.len())
    }
}

impl Machine {
    /// A machine without processes, whose kernel answers so.
    pub fn new(
        kernel: impl Fn(u16, &[u8], u32) -> io::Result<Vec<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kernel: Arc::new(kernel),
            enter: |_| Ok(()),
            proc: Arc::new(tempfile::tempdir().expect("a directory")),
            requests: Arc::default(),
        }
    }

    /// A machine whose kernel refuses every question.
    pub fn refusing() -> Self {
        Self::new(|_, _, _| Err(io::Error::from_raw_os_error(libc::EPERM)))
    }

    pub fn proc(&self) -> &Path {
        self.proc.path()
    }

    pub fn file(&self, name: &str, content: &str) {
        let path = self.proc().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, content).expect("a file");
    }

    pub fn link(&self, name: &str, target: impl AsRef<Path>) {
        let path = self.proc().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::os::unix::fs::symlink(target, path).expect("a link");
    }

    /// Runs parameters here.
    pub fn attempt(&self, host: &FakeHost, parameters: Value) -> Answer {
        let machine = self.clone();
        RUN.set(Some(Box::new(move |parameters, session| {
            let open = |_: Subsystem| -> io::Result<Box<dyn Transport>> {
                Ok(Box::new(Line {
                    machine: machine.clone(),
                    waiting: VecDeque::new(),
                }))
            };
            let system = System {
                proc: machine.proc.path(),
                open: &open,
                enter: &machine.enter,
            };
            module::run(parameters, session, &system)
        })));
        let answer = host.run::<Doctored>(parameters);
        assert_eq!(answer.misuse, Vec::<String>::new());
        answer
    }

    /// Runs parameters to a good end.
    pub fn run(&self, parameters: Value) -> Value {
        let answer = self.attempt(&FakeHost::new(), parameters);
        answer.expect_result();
        answer.document()
    }
}

/// The end of a dump.
pub fn done() -> Vec<u8> {
    message(3, 2, 1, &[0; 4])
}

/// A socket of IPv4, as a message: local end, remote end.
pub fn tcp(state: u8, local: ([u8; 4], u16), remote: ([u8; 4], u16), inode: u32) -> Vec<u8> {
    let mut bytes = vec![2, state, 0, 0];
    bytes.extend(local.1.to_be_bytes());
    bytes.extend(remote.1.to_be_bytes());
    for ip in [local.0, remote.0] {
        bytes.extend(ip);
        bytes.extend([0; 12]);
    }
    bytes.extend([0; 28]);
    bytes.extend(inode.to_ne_bytes());
    message(20, 2, 1, &bytes)
}

/// Whether a request is for TCP over IPv4.
pub fn asks_tcp(kind: u16, body: &[u8]) -> bool {
    kind == 20 && body[..2] == [2, 6]
}

/// A neighbour of IPv4, as a message.
pub fn neighbour(ip: [u8; 4], mac: [u8; 6]) -> Vec<u8> {
    let mut payload = vec![2, 0, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0];
    payload.extend(attribute(1, &ip));
    payload.extend(attribute(2, &mac));
    message(28, 2, 1, &payload)
}

/// The errors of a document.
pub fn errors(document: &Value) -> Vec<&str> {
    let errors = document["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| error.as_str().expect("a text"))
        .collect()
}
