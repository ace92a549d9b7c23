//! Which guards a worker really ran under.

use serde::{Deserialize, Serialize};

/// One guard around a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// A process group of its own, so that all of it can be ended.
    OwnGroup,
    /// The worker dies when the host does.
    DiesWithHost,
    /// The memory limit.
    MemoryLimit,
    /// Limits of descriptors, core files, file sizes and CPU time.
    CountLimits,
    /// Lower processor priority.
    Nice,
    /// Idle I/O class.
    IdleIo,
    /// First choice of the kernel when memory runs out.
    FirstToGo,
    /// No program it starts gains privileges.
    NoNewPrivileges,
    /// Capabilities reduced to what the manifest declares.
    Capabilities,
    /// Landlock rules for files, sockets and signals.
    Landlock,
    /// The allow-list of system calls.
    Seccomp,
}

/// The state of one guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardState {
    /// Which one.
    pub guard: Guard,
    /// Whether it is in force.
    pub active: bool,
    /// Why it is not, or not fully.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Every guard of one worker, in the order they were put up. A kernel or a
/// container that lacks one does not stop the work; it is said here instead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The guards.
    pub guards: Vec<GuardState>,
}

impl SandboxReport {
    /// Whether this guard was in force.
    pub fn is_active(&self, guard: Guard) -> bool {
        self.guards
            .iter()
            .any(|state| state.guard == guard && state.active)
    }

    /// The guards that were not in force.
    pub fn missing(&self) -> impl Iterator<Item = &GuardState> {
        self.guards.iter().filter(|state| !state.active)
    }

    pub(crate) fn note<E: std::fmt::Display>(&mut self, guard: Guard, done: Result<(), E>) {
        self.guards.push(GuardState {
            guard,
            active: done.is_ok(),
            note: done.err().map(|error| error.to_string()),
        });
    }
}
