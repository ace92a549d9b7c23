//! Linux: `/proc/PID` and the memory of other processes.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest link that is read, in bytes: paths may be longer than `PATH_MAX`.
const MAX_LINK: usize = 1 << 16;

/// The directory of one process in `/proc`. It stays that of this process: once
/// it has ended, everything in it fails, also when its number is used again.
#[derive(Debug)]
pub struct ProcessDirectory {
    directory: OwnedFd,
}

impl ProcessDirectory {
    /// Opens the directory of a process.
    pub fn open(pid: i32) -> io::Result<Self> {
        let path = c_text(&format!("/proc/{pid}"))?;
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        open_at(libc::AT_FDCWD, &path, flags).map(|directory| Self { directory })
    }

    /// Opens a file in it for reading.
    pub fn file(&self, name: &str) -> io::Result<File> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        open_at(self.directory.as_raw_fd(), &c_text(name)?, flags).map(File::from)
    }

    /// Where a link in it leads.
    pub fn link(&self, name: &str) -> io::Result<Vec<u8>> {
        let name = c_text(name)?;
        let mut length = 512;
        loop {
            let mut target = vec![0_u8; length];
            // SAFETY: the name is NUL-terminated, the buffer has `length` bytes.
            let count = unsafe {
                libc::readlinkat(
                    self.directory.as_raw_fd(),
                    name.as_ptr(),
                    target.as_mut_ptr().cast(),
                    length,
                )
            };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            if count < length || length >= MAX_LINK {
                target.truncate(count);
                return Ok(target);
            }
            length *= 4;
        }
    }

    /// Device, inode and number of names of the file that a link leads to.
    pub fn target(&self, name: &str) -> io::Result<(u64, u64, u64)> {
        let name = c_text(name)?;
        // SAFETY: a zeroed stat is valid; name and stat live through the call.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstatat(self.directory.as_raw_fd(), name.as_ptr(), &mut stat, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            #[allow(
                clippy::unnecessary_cast,
                reason = "the types differ between platforms"
            )]
            Ok((stat.st_dev as u64, stat.st_ino as u64, stat.st_nlink as u64))
        }
    }
}

fn c_text(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

fn open_at(directory: libc::c_int, path: &CString, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the path is NUL-terminated and lives through the call.
    let fd = unsafe { libc::openat(directory, path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The memory of a process, as it was when this was opened: when the process
/// ends or starts another program, nothing more can be read.
#[derive(Debug)]
pub struct Memory {
    pid: i32,
    file: File,
    /// Whether the faster call may be used.
    direct: AtomicBool,
}

impl Memory {
    /// Opens `/proc/PID/mem`.
    pub fn open(pid: i32, process: &ProcessDirectory) -> io::Result<Self> {
        Ok(Self {
            pid,
            file: process.file("mem")?,
            direct: AtomicBool::new(true),
        })
    }

    /// Reads from an address on; the number of bytes is 0 only when the
    /// process, or the program that it was, has ended.
    ///
    /// # Errors
    /// When not even the first byte can be read.
    pub fn read(&self, address: u64, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.direct.load(Ordering::Relaxed) {
            match self.read_direct(address, into) {
                Ok(count) => {
                    // The call goes by the number of the process, which may be
                    // another one, or the same one with another program.
                    return if self.is_the_same() { Ok(count) } else { Ok(0) };
                }
                // Not in this kernel, or not with these rights, although the
                // file could be opened.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.direct.store(false, Ordering::Relaxed);
                }
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(0),
                Err(error) => {
                    return if self.is_the_same() {
                        Err(error)
                    } else {
                        Ok(0)
                    };
                }
            }
        }
        self.file.read_at(into, address)
    }

    fn read_direct(&self, address: u64, into: &mut [u8]) -> io::Result<usize> {
        let address =
            usize::try_from(address).map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
        let local = libc::iovec {
            iov_base: into.as_mut_ptr().cast(),
            iov_len: into.len(),
        };
        let remote = libc::iovec {
            iov_base: std::ptr::without_provenance_mut(address),
            iov_len: into.len(),
        };
        // SAFETY: the local range is `into`, which lives through the call; the
        // remote range is checked by the kernel and never touched here.
        let count = unsafe { libc::process_vm_readv(self.pid, &local, 1, &remote, 1, 0) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Whether the memory that was opened still exists. Nothing is mapped at
    /// address 0, which is an error; memory that is gone is just at its end. No
    /// other address will do: this way of reading may reach a device.
    fn is_the_same(&self) -> bool {
        !matches!(self.file.read_at(&mut [0], 0), Ok(0))
    }
}

/// Bytes of a page.
pub fn page_size() -> u64 {
    // SAFETY: sysconf takes an integer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two())
        .unwrap_or(4096)
}

/// What went wrong, without the number of the error.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
