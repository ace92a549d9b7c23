//! Input that is wrong: each mistake gets one clear line and changes nothing, and
//! the agent lives through all of them.
//!
//! What a worker may answer wrongly (nested too deep, too large, cut short, with
//! a key twice, with bytes after the end) is tried against the host in
//! `agent-runtime/host/tests/host/hostile.rs`; here one of each kind goes the
//! whole way.

mod configuration;
mod deliveries;
mod orders;
mod plugins;
mod posts;
mod prey;
mod surroundings;

use std::path::{Path, PathBuf};

/// A file of a key that was made for these tests and is good no longer.
fn old_key(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file)
}
