//! What an interrupted demo leaves behind: nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long the programs may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// What has to go when somebody interrupts.
struct Remains {
    directory: PathBuf,
    processes: Vec<u32>,
}

static REMAINS: Mutex<Option<Remains>> = Mutex::new(None);

/// Removes `directory` when this program is interrupted or told to end.
pub fn watch(directory: &Path) {
    static ONCE: Once = Once::new();
    *REMAINS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Remains {
        directory: directory.to_path_buf(),
        processes: Vec::new(),
    });
    ONCE.call_once(|| {
        // Without a handler an interruption leaves the directory, no more.
        let _ = ctrlc::set_handler(clean_up);
    });
}

/// Stops a process of ours first.
pub fn watch_process(id: u32) {
    let mut remains = REMAINS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(remains) = remains.as_mut() {
        remains.processes.push(id);
    }
}

/// Everything was stopped in order, or is meant to stay.
pub fn forget() {
    REMAINS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
}

fn clean_up() {
    let remains = REMAINS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(remains) = remains {
        eprintln!("\ninterrupted; stopping what was started");
        let mut processes: Vec<Pid> = remains
            .processes
            .iter()
            .filter_map(|id| i32::try_from(*id).ok().map(Pid::from_raw))
            .collect();
        for process in &processes {
            let _ = kill(*process, Signal::SIGTERM);
        }
        let end = Instant::now() + GRACE;
        while !processes.is_empty() && Instant::now() < end {
            processes.retain(|process| {
                matches!(
                    waitpid(*process, Some(WaitPidFlag::WNOHANG)),
                    Ok(WaitStatus::StillAlive)
                )
            });
            std::thread::sleep(Duration::from_millis(10));
        }
        for process in processes {
            let _ = kill(process, Signal::SIGKILL);
        }
        if let Err(error) = std::fs::remove_dir_all(&remains.directory) {
            eprintln!("xtask: {}: {error}", remains.directory.display());
        }
    }
    std::process::exit(130);
}
