//! Removing the program file of an agent that was ended.

use crate::process::{Program, also_running};
use crate::sys::{self, FileIdentity, ProcessHandle};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most processes named in one reason.
const NAMED: usize = 5;
/// How long what an agent had started may take to go with it: its workers are
/// processes of the same program file.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at who runs a file.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why a program file stays.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    /// This agent runs it.
    #[error("it is also the executable of the running agent")]
    RunningAgent,
    /// Others run it.
    #[error("it is also the executable of pid {}", listed(.0))]
    InUse(Vec<i32>),
    /// There is nothing to remove.
    #[error("it was removed before")]
    Gone,
    /// Its name means nothing here.
    #[error("nothing has that name here; it was renamed or belongs to a container")]
    Elsewhere,
    /// Its name means another file by now, or another file for that process.
    #[error("another file has its name")]
    Replaced,
    /// The system refused.
    #[error("{}", sys::reason(.0))]
    System(#[from] io::Error),
}

fn listed(pids: &[i32]) -> String {
    let mut text: Vec<String> = pids.iter().take(NAMED).map(i32::to_string).collect();
    if pids.len() > NAMED {
        text.push(format!("{} others", pids.len() - NAMED));
    }
    text.join(", ")
}

/// Removes a program file by its name, if that still is the file that was
/// looked at and nobody runs it. `own` are the programs of the running agent;
/// `cancelled` cuts short the waiting for processes that are about to end.
///
/// # Errors
/// Why it stays.
pub fn remove(
    program: &Program,
    own: &[FileIdentity],
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Kept> {
    if own.contains(&program.identity) {
        return Err(Kept::RunningAgent);
    }
    if program.is_deleted {
        return Err(Kept::Gone);
    }
    wait_for_users(program.identity, cancelled)?;
    let (directory, name) = open_place(&program.path)?;
    match sys::entry(directory.as_fd(), &name) {
        Ok(found) if found == program.identity => {}
        Ok(_) => return Err(Kept::Replaced),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Kept::Elsewhere),
        Err(error) => return Err(error.into()),
    }
    Ok(sys::remove(directory.as_fd(), &name)?)
}

/// Waits a moment until nobody runs a file.
fn wait_for_users(program: FileIdentity, cancelled: &dyn Fn() -> bool) -> Result<(), Kept> {
    let end = Instant::now() + PATIENCE;
    loop {
        let users = also_running(program)?;
        let Some(first) = users.first() else {
            return Ok(());
        };
        if Instant::now() > end || cancelled() {
            return Err(Kept::InUse(users));
        }
        // One that is gone by now needs no waiting.
        if let Ok(user) = ProcessHandle::open(*first) {
            user.has_ended(LOOK_AGAIN)?;
        }
    }
}

/// The directory of a file, open, and the file's name in it.
fn open_place(path: &Path) -> Result<(File, CString), Kept> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Kept::Replaced);
    };
    let name = CString::new(name.as_bytes()).map_err(|_| Kept::Replaced)?;
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(parent);
    match opened {
        Ok(directory) => Ok((directory, name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Kept::Elsewhere),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_users_are_counted_instead_of_named() {
        assert_eq!(listed(&[4]), "4");
        assert_eq!(listed(&[1, 2, 3, 4, 5]), "1, 2, 3, 4, 5");
        assert_eq!(listed(&[1, 2, 3, 4, 5, 6, 7]), "1, 2, 3, 4, 5, 2 others");
    }
}
