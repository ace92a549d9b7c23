//! The kernel's audit state from outside of the running module, for tests and
//! measurements.

use crate::control::{Change, Control, Keeper, Kernel, Saved, Status};
use crate::netlink::Socket;
use crate::rules::{self, Names};
use std::path::Path;

/// Settings, counters and rules of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// 0 off, 1 on, 2 immutable.
    pub enabled: u32,
    /// What happens when a record is lost.
    pub failure: u32,
    /// Process of the audit daemon.
    pub pid: u32,
    /// Records per second.
    pub rate_limit: u32,
    /// Length of the queue.
    pub backlog_limit: u32,
    /// Records lost since the boot.
    pub lost: u32,
    /// The rules as the kernel lists them.
    pub rules: Vec<Vec<u8>>,
    status: Status,
}

impl State {
    /// The process that takes the records, if it lives: the kernel forgets one that has
    /// ended only with the next record.
    #[must_use]
    pub fn daemon(&self) -> Option<u32> {
        let lives = |pid: &u32| *pid != 0 && Path::new(&format!("/proc/{pid}")).exists();
        Some(self.pid).filter(lives)
    }

    /// Everything that a program sets, without process and counters.
    #[must_use]
    pub fn settings(&self) -> (u32, u32, u32, u32, Vec<Vec<u8>>) {
        (
            self.enabled,
            self.failure,
            self.rate_limit,
            self.backlog_limit,
            self.rules.clone(),
        )
    }
}

fn open() -> Result<Socket, String> {
    Socket::open().map_err(|error| error.to_string())
}

/// Reads the state.
///
/// # Errors
/// One line.
pub fn state() -> Result<State, String> {
    let mut socket = open()?;
    let status = socket.status().map_err(|error| error.to_string())?;
    Ok(State {
        enabled: status.enabled,
        failure: status.failure,
        pid: status.pid,
        rate_limit: status.rate_limit,
        backlog_limit: status.backlog_limit,
        lost: status.lost,
        rules: socket.rules().map_err(|error| error.to_string())?,
        status,
    })
}

/// Sets limits and adds the rules of a rule file.
///
/// # Errors
/// One line.
pub fn change(rate_limit: u32, backlog_limit: u32, rule_file: &str) -> Result<(), String> {
    let compiled = rules::compile(rule_file, &Names::read(Path::new("/etc")))?;
    let mut socket = open()?;
    let change = Change {
        rate_limit: Some(rate_limit),
        backlog_limit: Some(backlog_limit),
        ..Change::default()
    };
    socket.set(change).map_err(|error| error.to_string())?;
    for (name, rule) in compiled.rules {
        let added = socket.add(&rule.to_bytes());
        added.map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// Puts settings and rules of before back.
///
/// # Errors
/// One line for each problem.
pub fn restore(before: &State) -> Result<(), String> {
    let saved = Saved::of(&before.status, &before.rules);
    let problems = Control::of(open()?, Keeper::new(None), saved).give_back();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n")),
    }
}

/// Makes this process the audit daemon for as long as the result lives.
///
/// # Errors
/// One line.
pub fn become_daemon() -> Result<impl Sized, String> {
    let mut socket = open()?;
    let change = Change {
        pid: Some(std::process::id()),
        ..Change::default()
    };
    socket.set(change).map_err(|error| error.to_string())?;
    Ok(socket)
}

/// Takes the place of the audit daemon away from this process, as the kernel
/// itself does with a daemon that takes no records.
///
/// # Errors
/// One line.
pub fn give_daemon_up() -> Result<(), String> {
    let change = Change {
        pid: Some(0),
        ..Change::default()
    };
    open()?.set(change).map_err(|error| error.to_string())
}

/// Switches audit on.
///
/// # Errors
/// One line.
pub fn enable() -> Result<(), String> {
    let change = Change {
        enabled: Some(1),
        ..Change::default()
    };
    open()?.set(change).map_err(|error| error.to_string())
}
