//! The audit subsystem's settings: `struct audit_status` of `linux/audit.h`.

/// Which settings a change is about.
mod which {
    pub(super) const ENABLED: u32 = 1;
    pub(super) const FAILURE: u32 = 2;
    pub(super) const PID: u32 = 4;
    pub(super) const RATE_LIMIT: u32 = 8;
    pub(super) const BACKLOG_LIMIT: u32 = 0x10;
    pub(super) const BACKLOG_WAIT: u32 = 0x20;
}

/// `enabled` when nothing can be changed until the next boot.
pub(crate) const IMMUTABLE: u32 = 2;
/// `failure` when a lost record ends the machine.
pub(crate) const PANIC: u32 = 2;
/// `failure` when a lost record is a line in the kernel's log.
pub(crate) const PRINT: u32 = 1;
/// The feature of kernels that let the wait for the backlog be set.
const WAIT_CAN_BE_SET: u32 = 2;
const WORDS: usize = 11;

/// The settings and counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// 0 off, 1 on, 2 on and immutable.
    pub(crate) enabled: u32,
    /// What happens when a record is lost: 0 nothing, 1 a line in the kernel's
    /// log, 2 panic.
    pub(crate) failure: u32,
    /// Process of the audit daemon, 0 for none.
    pub(crate) pid: u32,
    /// Records per second, 0 for any number.
    pub(crate) rate_limit: u32,
    /// Length of the kernel's queue.
    pub(crate) backlog_limit: u32,
    /// Records lost since the boot.
    pub(crate) lost: u32,
    /// Records that wait in the kernel's queue.
    pub(crate) backlog: u32,
    /// How long a process waits when the queue is full, in the kernel's ticks;
    /// `None` where that cannot be set.
    pub(crate) backlog_wait: Option<u32>,
}

impl Status {
    /// Reads the structure; what an older kernel does not have is 0.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut words = [0u32; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = bytes.try_into().map_or(0, u32::from_ne_bytes);
        }
        let [
            _,
            enabled,
            failure,
            pid,
            rate_limit,
            backlog_limit,
            lost,
            backlog,
            features,
            wait,
            _,
        ] = words;
        Self {
            enabled,
            failure,
            pid,
            rate_limit,
            backlog_limit,
            lost,
            backlog,
            backlog_wait: (features & WAIT_CAN_BE_SET != 0).then_some(wait),
        }
    }
}

/// A change of settings; what is `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) enabled: Option<u32>,
    pub(crate) failure: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) backlog_limit: Option<u32>,
    pub(crate) backlog_wait: Option<u32>,
}

impl Change {
    /// The structure.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let parts = [
            (which::ENABLED, 1, self.enabled),
            (which::FAILURE, 2, self.failure),
            (which::PID, 3, self.pid),
            (which::RATE_LIMIT, 4, self.rate_limit),
            (which::BACKLOG_LIMIT, 5, self.backlog_limit),
            (which::BACKLOG_WAIT, 9, self.backlog_wait),
        ];
        let mut words = [0u32; WORDS];
        for (bit, place, value) in parts {
            if let (Some(value), Some(word)) = (value, words.get_mut(place)) {
                *word = value;
                words[0] |= bit;
            }
        }
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}
