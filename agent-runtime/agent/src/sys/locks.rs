//! Locks on files: taking one, and who holds one without touching it, since trying it
//! would keep out, for that moment, whoever wants it.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// How often a lock is tried, and the pause between.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// How often the list of locks is read before it is believed that one is not held.
const LOOKS: usize = 5;

/// Takes an exclusive lock. A process that was killed while it started another one has
/// left the lock to that for the moment until it is executed: so it is tried for about
/// two seconds.
///
/// # Errors
/// Somebody keeps it, or it cannot be taken.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    patiently(PAUSE, || file.try_lock())
}

fn patiently(
    pause: Duration,
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match attempt() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            done => return done,
        }
    }
    attempt()
}

/// Whether the process `pid` holds an exclusive lock of the kind flock(2) on the
/// file with this inode, as /proc/locks of this process id namespace says.
///
/// The kernel hands that list out in pieces and finds its place again by counting: a
/// lock that somebody gives up between two of them hides another one's line. A line
/// that is not there is therefore looked for several times.
///
/// # Errors
/// The kernel does not say.
pub fn holds_lock(pid: i64, inode: u64) -> io::Result<bool> {
    for _ in 0..LOOKS {
        let locks = std::fs::read_to_string("/proc/locks")?;
        if locks.lines().any(|line| is_held(line, pid, inode)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A line such as `1: FLOCK  ADVISORY  WRITE 708 fd:00:1449 0 EOF`, from proc(5).
fn is_held(line: &str, pid: i64, inode: u64) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", holder, file, ..] = words.as_slice() else {
        return false;
    };
    let of_file = file.rsplit(':').next().and_then(|inode| inode.parse().ok());
    holder.parse() == Ok(pid) && of_file == Some(inode)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn only_an_exclusive_lock_of_that_process_on_that_file_counts() {
        for (line, held) in [
            ("1: FLOCK  ADVISORY  WRITE 708 fd:00:1449 0 EOF", true),
            ("1: FLOCK  ADVISORY  READ 708 fd:00:1449 0 EOF", false),
            ("1: POSIX  ADVISORY  WRITE 708 fd:00:1449 0 EOF", false),
            ("1: FLOCK  ADVISORY  WRITE 709 fd:00:1449 0 EOF", false),
            ("1: FLOCK  ADVISORY  WRITE 708 fd:00:14490 0 EOF", false),
            ("1: -> FLOCK  ADVISORY  WRITE 708 fd:00:1449 0 EOF", false),
            ("", false),
        ] {
            assert_eq!(is_held(line, 708, 1449), held, "{line}");
        }
    }

    #[test]
    fn a_lock_that_is_soon_free_is_taken_and_one_that_is_kept_is_not() {
        let mut held = [true, true, false].into_iter();
        let attempt = || match held.next() {
            Some(true) => Err(TryLockError::WouldBlock),
            _ => Ok(()),
        };
        assert!(patiently(Duration::ZERO, attempt).is_ok());
        let kept = patiently(Duration::ZERO, || Err(TryLockError::WouldBlock));
        assert!(matches!(kept, Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn looking_at_a_lock_does_not_take_it() {
        let file = tempfile::tempfile().unwrap();
        let (pid, inode) = (
            i64::from(std::process::id()),
            file.metadata().unwrap().ino(),
        );
        assert!(!holds_lock(pid, inode).unwrap());
        file.lock().unwrap();
        assert!(holds_lock(pid, inode).unwrap());
        assert!(!holds_lock(pid + 1, inode).unwrap());
    }
}
