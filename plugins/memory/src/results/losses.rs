//! What could not be read, and why.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;

/// Most lines of one result; a busy machine has thousands of processes.
const MOST_LINES: usize = 512;
/// Largest number that a result can carry.
const LARGEST: u64 = (1 << 53) - 1;

/// Why memory was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The rights do not suffice.
    Permission,
    /// The process ended, or started another program.
    Ended,
    /// The kernel cannot give it: the file behind it was cut off, it was
    /// unmapped meanwhile, or it is broken.
    Inaccessible,
    /// The process itself may not read it.
    Protected,
    /// It belongs to a device.
    Device,
    /// The kernel shows it to every process.
    Kernel,
    /// It is shared, and this process has never touched it.
    Untouched,
}

impl Reason {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Reason::Permission => "permission denied",
            Reason::Ended => "the process ended or started another program",
            Reason::Inaccessible => "not accessible",
            Reason::Protected => "mapped without read permission",
            Reason::Device => "device memory",
            Reason::Kernel => "pages of the kernel",
            Reason::Untouched => "shared memory that the process never touched",
        }
    }
}

/// Collects what all threads could not read.
#[derive(Debug, Default)]
pub struct Losses {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sorted as the processes are.
    lines: BTreeSet<(String, String)>,
    lines_total: usize,
    unread: BTreeMap<Reason, Unread>,
}

#[derive(Debug, Default)]
struct Unread {
    bytes: u64,
    processes: HashSet<i32>,
}

impl Losses {
    /// A process, or the rest of it, was not searched.
    pub fn process(&self, pid: i32, reason: Reason, line: String) {
        self.memory(pid, reason, 0);
        self.line(pid, line);
    }

    /// So many bytes of a process were not read.
    pub fn memory(&self, pid: i32, reason: Reason, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let unread = state.unread.entry(reason).or_default();
        unread.bytes = unread.bytes.saturating_add(bytes).min(LARGEST);
        unread.processes.insert(pid);
    }

    /// A line of its own; only the first lines are kept.
    pub fn line(&self, pid: i32, line: String) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        if state.lines.insert((pid.to_string(), line)) {
            state.lines_total += 1;
        }
        if state.lines.len() > MOST_LINES {
            state.lines.pop_last();
        }
    }

    /// The lines, and a last one that counts those left out.
    pub fn lines(&self) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let mut lines: Vec<String> = state.lines.iter().map(|(_, line)| line.clone()).collect();
        let withheld = state.lines_total - lines.len();
        if withheld > 0 {
            lines.push(format!("{withheld} more failures were not returned"));
        }
        lines
    }

    /// Bytes and processes by reason, for the statistics.
    pub fn unread(&self) -> Vec<Value> {
        let state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let entry = |(reason, unread): (&Reason, &Unread)| {
            json!({"reason": reason.text(), "bytes": unread.bytes,
                "processes": unread.processes.len()})
        };
        state.unread.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_like_processes_and_bounded() {
        let losses = Losses::default();
        for pid in (1..=600).rev() {
            let line = format!("Permission denied to access memory of process {pid}");
            losses.process(pid, Reason::Permission, line);
        }
        losses.memory(7, Reason::Device, u64::MAX);
        losses.memory(7, Reason::Device, 1);
        let lines = losses.lines();
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert!(lines[0].ends_with("process 1") && lines[1].ends_with("process 10"));
        assert_eq!(lines[MOST_LINES], "88 more failures were not returned");
        let wanted = [
            json!({"reason": "permission denied", "bytes": 0, "processes": 600}),
            json!({"reason": "device memory", "bytes": LARGEST, "processes": 1}),
        ];
        assert_eq!(losses.unread(), wanted);
    }
}
