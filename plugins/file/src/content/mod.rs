//! One pass over the content of a file, for all patterns and checksums at once.

mod channel;
mod digests;
mod inflate;
mod pass;

pub use pass::{Pass, PassError, Subject, Verdicts};

/// Bytes read at a time. Large enough that the searching engine is entered
/// rarely, small enough to stay in the processor's second-level cache.
pub const BLOCK: usize = 256 << 10;
