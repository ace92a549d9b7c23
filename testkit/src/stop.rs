//! Loops of other threads, which must end with the test.

use std::sync::atomic::{AtomicBool, Ordering};

/// Raises a flag when it is dropped, so also when an assertion fails: a scope waits
/// for its threads, and would wait for ever for one that waits for the flag.
#[derive(Debug)]
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
