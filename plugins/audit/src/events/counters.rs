//! What the assembler did, in numbers.

/// What was done so far. Every record is in exactly one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that were handed over.
    pub records: u64,
    /// Events that were finished.
    pub events: u64,
    /// Of these: parts of a system call's event whose end did not come in time.
    pub incomplete: u64,
    /// Of these: records of the buffered range that stand alone and that the
    /// kernel ends with nothing, delivered after the time-out.
    pub standalone: u64,
    /// Of these: finished early because too much was waiting.
    pub evicted: u64,
    /// Of these: cut because one event was too long.
    pub split: u64,
    /// Records without a stamp that can be read; delivered as text.
    pub malformed: u64,
    /// Records of a kind that has no name here; delivered with its number.
    pub unknown_kinds: u64,
    /// Fields in messages of programs that are named as the kernel's own and
    /// were therefore set apart.
    pub shadowed: u64,
}
