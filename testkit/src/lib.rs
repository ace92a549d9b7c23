//! What the tests of all crates share: skipping by name, waiting on state, free
//! ports, reading what is logged, and children and threads that leave no trace.
//! Nothing here is linked into a program that is shipped.

mod bound;
mod disk;
mod listen;
mod port;
mod program;
mod silent;
mod stop;

pub use bound::{spawn, spawn_until};
pub use disk::{SmallDisk, own_mounts};
pub use listen::{Heard, Listening, hear, listen};
pub use port::free_port;
pub use program::install;
pub use silent::{Silent, name};
pub use stop::StopOnDrop;

use std::io::Write;
use std::time::{Duration, Instant};

/// Environment variable naming the file that collects the names of skipped
/// tests; `cargo xtask test` compares it with the committed list.
pub const SKIP_LOG: &str = "MIG_SKIP_LOG";

/// Reports the calling test as skipped, by name and with the reason. The caller
/// returns right afterwards. A skip that the committed list does not allow
/// fails the run.
///
/// # Panics
/// When the skip log is set but cannot be written: a skip nobody sees would be
/// a silent pass.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("main");
    let binary = std::env::current_exe()
        .ok()
        .and_then(|path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        })
        .unwrap_or_default();
    // Test binaries are called `name-<hash>`.
    let binary = binary
        .rsplit_once('-')
        .map_or(binary.as_str(), |(name, _)| name);
    eprintln!("skipped: {binary}::{name}: {reason}");
    if let Some(path) = std::env::var_os(SKIP_LOG) {
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("cannot open skip log {}: {error}", path.display()));
        // In one piece: other tests append at the same time.
        let line = format!("{binary}::{name}\t{reason}\n");
        log.write_all(line.as_bytes()).expect("write skip log");
    }
}

/// True when the tests run as root.
pub fn is_root() -> bool {
    // The owner of this process's own /proc entry is its effective user.
    std::fs::metadata("/proc/self")
        .map(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
        .unwrap_or(false)
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not hold within `deadline`; `what` names it.
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    loop {
        // Before the look: who was held up between two looks has one more.
        let late = Instant::now() >= end;
        if condition() {
            return;
        }
        assert!(!late, "{what} did not happen within {deadline:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Excludes other tests, also of other programs, that change the kernel's audit
/// settings: there is one set of them for the whole machine. The lock is held
/// until the file is dropped.
///
/// # Panics
/// When the lock cannot be had.
pub fn kernel_audit_lock() -> std::fs::File {
    let path = std::env::temp_dir().join("mig-test-kernel-audit.lock");
    // Reading is enough for a lock, and a file of another user may not be
    // created again.
    let file = std::fs::File::open(&path).or_else(|_| {
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
    });
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file
}
