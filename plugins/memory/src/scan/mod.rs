//! Looking at all processes, each once for all searches, on a few threads.

mod lane;
mod pagemap;
mod process;
mod region;
mod walk;

use crate::plan::Plan;
use crate::processes::{self, family};
use crate::results::{Find, Losses};
pub use pagemap::Pagemap;
use process::Worker;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most threads of one run: an endpoint has other work to do.
const MAX_THREADS: usize = 4;

/// What all threads share.
pub struct Run<'r> {
    plan: &'r Plan,
    cancelled: &'r (dyn Fn() -> bool + Sync),
    progress: &'r (dyn Fn(u64, u64) + Sync),
    /// Processes that nobody looks at yet, the next one last.
    waiting: Mutex<Vec<i32>>,
    done: AtomicU64,
    total: u64,
    losses: &'r Losses,
}

/// What a run amounts to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of the digits of the processes' numbers.
    pub finds: Vec<Find>,
    /// Processes that were looked at.
    pub processes: u64,
    /// Bytes of memory that were read.
    pub read: u64,
    /// Processes that are never searched.
    pub excluded: u64,
}

/// Looks at all processes except our own family; when `cancelled` says so, the
/// outcome is what was found until then.
///
/// # Errors
/// When there is no list of processes.
pub fn run(
    plan: &Plan,
    losses: &Losses,
    cancelled: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(u64, u64) + Sync),
) -> std::io::Result<Outcome> {
    let mut waiting = processes::all()?;
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let family = family::of(own, &waiting);
    let before = waiting.len();
    waiting.retain(|pid| !family.contains(pid));
    let excluded = before - waiting.len();
    waiting.reverse();
    let run = Run {
        plan,
        cancelled,
        progress,
        total: waiting.len() as u64,
        waiting: Mutex::new(waiting),
        done: AtomicU64::new(0),
        losses,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(MAX_THREADS))
            // Where no further thread may be started, fewer do the work.
            .filter_map(|number| {
                std::thread::Builder::new()
                    .name(format!("memory-{number}"))
                    .stack_size(512 << 10)
                    .spawn_scoped(scope, || Worker::new(&run).work())
                    .ok()
            })
            .collect();
        let mut parts = vec![Worker::new(&run).work()];
        for helper in helpers {
            match helper.join() {
                Ok(part) => parts.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parts
    });
    let mut outcome = Outcome {
        excluded: excluded as u64,
        ..Outcome::default()
    };
    for part in parts {
        outcome.finds.extend(part.finds);
        outcome.processes += part.processes;
        outcome.read += part.read;
    }
    outcome
        .finds
        .sort_by_cached_key(|find| find.pid.to_string());
    Ok(outcome)
}

impl Run<'_> {
    fn next(&self) -> Option<i32> {
        if (self.cancelled)() {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(|e| e.into_inner());
        waiting.pop()
    }

    fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(done, self.total);
    }
}
