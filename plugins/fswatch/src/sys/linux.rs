//! Linux: inotify(7), waiting, and an open that neither blocks nor follows.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// What is asked of the kernel for each directory. Permissions are not.
const WANTED: u32 = libc::IN_CREATE
    | libc::IN_MODIFY
    | libc::IN_CLOSE_WRITE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF
    | libc::IN_EXCL_UNLINK
    | libc::IN_ONLYDIR;

/// Size of `struct inotify_event` without the name.
const HEADER: usize = 16;

/// One event of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The watch; -1 for the queue's own events.
    pub watch: i32,
    mask: u32,
    /// Name in the watched directory; empty for the directory itself.
    pub name: &'a OsStr,
}

impl Event<'_> {
    fn any(&self, bits: u32) -> bool {
        self.mask & bits != 0
    }

    /// Events were lost.
    pub fn overflow(&self) -> bool {
        self.any(libc::IN_Q_OVERFLOW)
    }

    /// It is about a directory.
    pub fn directory(&self) -> bool {
        self.any(libc::IN_ISDIR)
    }

    /// A name has come.
    pub fn came(&self) -> bool {
        self.any(libc::IN_CREATE | libc::IN_MOVED_TO)
    }

    /// A name has gone.
    pub fn went(&self) -> bool {
        self.any(libc::IN_DELETE | libc::IN_MOVED_FROM)
    }

    /// Content was written.
    pub fn written(&self) -> bool {
        self.any(libc::IN_MODIFY | libc::IN_CLOSE_WRITE)
    }

    /// The watched directory itself was moved.
    pub fn moved_itself(&self) -> bool {
        self.any(libc::IN_MOVE_SELF)
    }

    /// The watched directory itself is gone, and its watch with it.
    pub fn ended(&self) -> bool {
        self.any(libc::IN_DELETE_SELF | libc::IN_IGNORED)
    }

    /// Its file system is no longer there.
    pub fn unmounted(&self) -> bool {
        self.any(libc::IN_UNMOUNT)
    }
}

/// The events in what was read, up to the first that is cut off.
pub fn events(mut bytes: &[u8]) -> impl Iterator<Item = Event<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&header[at..at + 4]);
            u32::from_ne_bytes(word)
        };
        let (name, rest) = rest.split_at_checked(word(12) as usize)?;
        bytes = rest;
        // The kernel pads names with zero bytes.
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Event {
            watch: word(0).cast_signed(),
            mask: word(4),
            name: OsStr::from_bytes(name),
        })
    })
}

/// A queue of events.
#[derive(Debug)]
pub struct Inotify(OwnedFd);

impl Inotify {
    /// An empty queue.
    ///
    /// # Errors
    /// Those of `inotify_init1`, see [`out_of_instances`].
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes an integer.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so this is a descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches a directory; one that is watched already keeps its number.
    ///
    /// # Errors
    /// Those of `inotify_add_watch`, see [`out_of_watches`].
    pub fn watch(&self, path: &Path, follow: bool) -> io::Result<i32> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mask = if follow {
            WANTED
        } else {
            WANTED | libc::IN_DONT_FOLLOW
        };
        // SAFETY: the descriptor is open, the path is NUL-terminated.
        let watch = unsafe { libc::inotify_add_watch(self.0.as_raw_fd(), path.as_ptr(), mask) };
        match watch {
            0.. => Ok(watch),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Watches no longer. One that the kernel has ended already is nothing new.
    pub fn forget(&self, watch: i32) {
        // SAFETY: the descriptor is open; a number that is no watch is refused.
        unsafe { libc::inotify_rm_watch(self.0.as_raw_fd(), watch) };
    }

    /// Reads what is there, nothing when there is nothing.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // SAFETY: the buffer is writable for its length.
            let count =
                unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            if let Ok(count) = usize::try_from(count) {
                return Ok(count);
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(0),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            }
        }
    }

    /// What to wait for.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}

/// The user has no watch left.
pub fn out_of_watches(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOSPC)
}

/// The user or the process has no queue left.
pub fn out_of_instances(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Waits until one of them is readable or the time is over; for ever with `None`.
/// Tells which are readable.
///
/// # Errors
/// Those of `poll`.
pub fn wait(descriptors: [BorrowedFd<'_>; 2], time: Option<Duration>) -> io::Result<[bool; 2]> {
    let mut entries = descriptors.map(|descriptor| libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // Rounded up, so that what is due is due afterwards.
    let milliseconds = time.map_or(-1, |time| {
        i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    });
    // SAFETY: the array is writable and as long as said.
    let count = unsafe { libc::poll(entries.as_mut_ptr(), 2, milliseconds) };
    if count < 0 {
        let error = io::Error::last_os_error();
        // Then nothing is readable; the caller comes again.
        return match error.kind() {
            io::ErrorKind::Interrupted => Ok([false; 2]),
            _ => Err(error),
        };
    }
    Ok(entries.map(|entry| entry.revents != 0))
}

/// Opens a file for reading, not through a final link, without waiting for the
/// other end of a pipe.
///
/// # Errors
/// Those of `open`.
pub fn open_without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// Whether the kernel makes up what lies there while it is read, as below `/proc`.
///
/// # Errors
/// Those of `statfs`.
pub fn is_made_up(path: &Path) -> io::Result<bool> {
    // From linux/magic.h: what libc has no names for.
    const MADE_UP: [u64; 7] = [
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x6367_7270, // cgroup2
        0x0027_e0eb, // cgroup
        0x1cd1,      // devpts
    ];
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut raw = std::mem::MaybeUninit::<libc::statfs64>::uninit();
    // SAFETY: the path is NUL-terminated, the buffer is large enough.
    if unsafe { libc::statfs64(path.as_ptr(), raw.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled the buffer.
    let kind = unsafe { raw.assume_init_ref() }.f_type;
    Ok(MADE_UP.contains(&u64::try_from(kind).unwrap_or(0)))
}
