//! System calls of Linux that the standard library does not have.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A process, held by a descriptor: whatever becomes of its number, this never
/// means another process.
#[derive(Debug)]
pub struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// Takes hold of a process.
    ///
    /// # Errors
    /// `ESRCH` when there is none, `EINVAL` when the number is that of a thread,
    /// `ENOSYS` before Linux 5.3.
    pub fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: integer arguments only.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal; 0 only asks whether one could be sent.
    ///
    /// # Errors
    /// `ESRCH` when the process has ended, `EPERM` without the right to.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the descriptor is open; no further information is passed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Waits up to `patience` for the end of the process; whether it has ended.
    ///
    /// # Errors
    /// Those of `poll`.
    pub fn has_ended(&self, patience: Duration) -> io::Result<bool> {
        let mut wait = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let patience = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: one record, which lives here.
        match unsafe { libc::poll(&raw mut wait, 1, patience) } {
            0 => Ok(false),
            count if count > 0 => Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }
}

/// What tells two files apart, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

/// The identity of an entry of an open directory, which must not be a link.
///
/// # Errors
/// Those of `fstatat`.
#[allow(
    clippy::unnecessary_cast,
    reason = "other architectures have other types"
)]
pub fn entry(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<FileIdentity> {
    let mut raw = std::mem::MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the descriptor is open, the name NUL-terminated, the buffer large
    // enough.
    let looked = unsafe {
        libc::fstatat64(
            directory.as_raw_fd(),
            name.as_ptr(),
            raw.as_mut_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    if looked < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled the buffer.
    let raw = unsafe { raw.assume_init_ref() };
    Ok(FileIdentity {
        device: raw.st_dev as u64,
        inode: raw.st_ino as u64,
    })
}

/// Removes a file from an open directory.
///
/// # Errors
/// Those of `unlinkat`.
pub fn remove(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the descriptor is open, the name NUL-terminated.
    if unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The reason in an error, without its number: `Permission denied`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
