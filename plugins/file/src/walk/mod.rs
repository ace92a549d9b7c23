//! The walk: one traversal for all searches of a run, on a few threads.

mod directory;
mod evaluate;
pub mod paths;
mod queue;
mod roots;
mod scope;
mod target;
mod worker;

use crate::checks::Plan;
use crate::results::{ErrorLog, Finds};
use queue::Queue;
use std::sync::atomic::{AtomicU64, Ordering};
use worker::Worker;

/// Most threads of one run: an endpoint has other work to do.
const MAX_THREADS: usize = 4;
/// Files between two reports of progress.
const REPORT_EVERY: u64 = 8192;

/// What all threads share.
pub struct Run<'r> {
    plan: &'r Plan,
    queue: Queue,
    errors: &'r ErrorLog,
    cancelled: &'r (dyn Fn() -> bool + Sync),
    progress: &'r (dyn Fn(u64) + Sync),
    files: AtomicU64,
    failed: AtomicU64,
    /// Some search reads files at all.
    reads: bool,
    /// No search stays out of file systems that the kernel makes up.
    enters_pseudo: bool,
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Files that were looked at.
    pub files: u64,
    /// Files, directories and links that could not be opened.
    pub failed: u64,
}

/// Walks all paths of all searches. Returns what each thread found; when
/// `cancelled` says so, what was found until then. `progress` hears from time
/// to time how many files were looked at.
pub fn run(
    plan: &Plan,
    errors: &ErrorLog,
    cancelled: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(u64) + Sync),
) -> (Vec<Finds>, Counts) {
    let run = Run {
        plan,
        queue: Queue::default(),
        errors,
        cancelled,
        progress,
        files: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        reads: plan
            .searches
            .iter()
            .any(crate::checks::PlannedSearch::reads),
        enters_pseudo: plan.searches.iter().all(|search| search.enters_pseudo),
    };
    run.queue.push_roots(roots::find(&run));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS);
    let finds = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads)
            // Where no further thread may be started, fewer do the work.
            .filter_map(|number| {
                std::thread::Builder::new()
                    .name(format!("walk-{number}"))
                    .spawn_scoped(scope, || Worker::new(&run).work())
                    .ok()
            })
            .collect();
        let mut finds = vec![Worker::new(&run).work()];
        for helper in helpers {
            match helper.join() {
                Ok(found) => finds.push(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        finds
    });
    let counts = Counts {
        files: run.files.load(Ordering::Relaxed),
        failed: run.failed.load(Ordering::Relaxed),
    };
    (finds, counts)
}

impl Run<'_> {
    /// Counts a file that is looked at.
    fn count_file(&self) {
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        if files.is_multiple_of(REPORT_EVERY) {
            (self.progress)(files);
        }
    }

    /// Counts something that could not be opened and names it.
    fn open_failed(&self, path: &[u8], error: &std::io::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.error("open", path, error);
    }

    /// Counts a link that leads nowhere and names it.
    fn link_failed(&self, path: &[u8], error: &std::io::Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.error("follow link", path, error);
    }

    fn error(&self, what: &str, path: &[u8], error: &std::io::Error) {
        let path = mig_plugin_patterns::matching::transcribe::text(path);
        self.errors
            .error(&format!("{what} {path}: {}", crate::sys::reason(error)));
    }

    fn is_cancelled(&self) -> bool {
        (self.cancelled)()
    }
}
