//! Sealed memory files: verified bytes that nobody can change any more.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

/// Not in the libc crate for every target: a memory file that can never become
/// executable by `exec`, which loading a library does not need.
const MFD_NOEXEC_SEAL: libc::c_uint = 0x8;

/// Copies `bytes` into a memory file and seals it: no process that gets the
/// descriptor can write, shrink or grow it.
pub(crate) fn sealed(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let fd = match create(name, flags | MFD_NOEXEC_SEAL) {
        // Before Linux 6.3 the flag is unknown.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(name, flags)?,
        other => other?,
    };
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: F_ADD_SEALS takes an integer.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}

fn create(name: &CStr, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: `name` is a C string; the answer is a new descriptor.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above, `fd` is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether this system lets the file be mapped executable, as loading does.
/// Nothing of it is executed.
pub(crate) fn may_be_mapped_executable(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: a fresh private mapping at an address of the kernel's choice,
    // never read and unmapped right away.
    unsafe {
        let address = libc::mmap(
            std::ptr::null_mut(),
            1,
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE,
            fd.as_raw_fd(),
            0,
        );
        if address == libc::MAP_FAILED {
            return false;
        }
        libc::munmap(address, 1);
    }
    true
}

/// The path under which the running process can open a descriptor again.
pub(crate) fn path_of(fd: &impl AsFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()))
}
