//! Linux: directories through `getdents64`, everything relative to an open
//! directory, and never an open that can block.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Where a relative name starts.
#[derive(Debug, Clone, Copy)]
pub enum At<'fd> {
    /// The process's working directory; absolute names ignore it.
    WorkingDirectory,
    /// An open directory.
    Directory(BorrowedFd<'fd>),
}

impl At<'_> {
    fn raw(self) -> libc::c_int {
        match self {
            At::WorkingDirectory => libc::AT_FDCWD,
            At::Directory(fd) => fd.as_raw_fd(),
        }
    }
}

/// Type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// A plain file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
    /// A character or block device.
    Device,
    /// Not known without asking.
    Unknown,
}

/// What `stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Type and permission bits, as `st_mode`.
    pub mode: u32,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, whole seconds since the epoch.
    pub seconds: i64,
    /// Modification time, nanoseconds of the second.
    pub nanoseconds: u32,
    /// The device it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl Stat {
    /// Type of the file.
    pub fn file_type(&self) -> FileType {
        match self.mode & libc::S_IFMT {
            libc::S_IFREG => FileType::Regular,
            libc::S_IFDIR => FileType::Directory,
            libc::S_IFLNK => FileType::Link,
            libc::S_IFIFO => FileType::Fifo,
            libc::S_IFSOCK => FileType::Socket,
            libc::S_IFCHR | libc::S_IFBLK => FileType::Device,
            _ => FileType::Unknown,
        }
    }

    /// Modification time in nanoseconds since the epoch.
    pub fn mtime(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }

    fn from_raw(raw: &libc::stat64) -> Self {
        Self {
            mode: raw.st_mode,
            size: u64::try_from(raw.st_size).unwrap_or(0),
            seconds: raw.st_mtime,
            nanoseconds: u32::try_from(raw.st_mtime_nsec).unwrap_or(0),
            device: raw.st_dev,
            inode: raw.st_ino,
        }
    }
}

/// Repeats a call that a signal interrupted.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
    loop {
        let value = call();
        if value >= 0 {
            return Ok(value);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Asks about a name, following a final link when `follow` is set.
///
/// # Errors
/// Those of `fstatat`.
pub fn stat(at: At<'_>, name: &CStr, follow: bool) -> io::Result<Stat> {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let mut raw = std::mem::MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the name is NUL-terminated, the buffer is large enough.
    retry(|| unsafe { libc::fstatat64(at.raw(), name.as_ptr(), raw.as_mut_ptr(), flags) })?;
    // SAFETY: the call succeeded and filled the buffer.
    Ok(Stat::from_raw(unsafe { raw.assume_init_ref() }))
}

/// Asks about an open file.
///
/// # Errors
/// Those of `fstat`.
pub fn stat_open(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    let mut raw = std::mem::MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the descriptor is open, the buffer is large enough.
    retry(|| unsafe { libc::fstat64(fd.as_raw_fd(), raw.as_mut_ptr()) })?;
    // SAFETY: the call succeeded and filled the buffer.
    Ok(Stat::from_raw(unsafe { raw.assume_init_ref() }))
}

fn open(at: At<'_>, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let flags = flags | libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: the name is NUL-terminated; without O_CREAT no mode is read.
    let fd = retry(|| unsafe { libc::openat64(at.raw(), name.as_ptr(), flags) })?;
    // SAFETY: the call succeeded, so this is a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens a directory, never through a final link.
///
/// # Errors
/// Those of `openat`.
pub fn open_directory(at: At<'_>, name: &CStr) -> io::Result<OwnedFd> {
    open(at, name, libc::O_DIRECTORY | libc::O_NOFOLLOW)
}

/// Opens a file for reading. It does not wait for the other end of a pipe; the
/// caller asks [`stat_open`] what it got before reading.
///
/// # Errors
/// Those of `openat`.
pub fn open_file(at: At<'_>, name: &CStr, follow: bool) -> io::Result<OwnedFd> {
    open(at, name, if follow { 0 } else { libc::O_NOFOLLOW })
}

/// Whether a name may be opened for reading, without opening it: opening some
/// devices has effects.
///
/// # Errors
/// Those of `faccessat`.
pub fn may_read(at: At<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the name is NUL-terminated.
    retry(|| unsafe { libc::faccessat(at.raw(), name.as_ptr(), libc::R_OK, libc::AT_EACCESS) })?;
    Ok(())
}

/// Reads what comes next, up to the buffer's length; 0 at the end.
///
/// # Errors
/// Those of `read`.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: the descriptor is open and the buffer writable for its length.
        let count = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        if let Ok(count) = usize::try_from(count) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Tells the kernel that a large file will be read from start to end.
pub fn will_read_all(fd: BorrowedFd<'_>) {
    // SAFETY: only advice on an open descriptor; failure changes nothing.
    unsafe {
        libc::posix_fadvise(fd.as_raw_fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL);
    }
}

/// Whether the files below are made up by the kernel: their content is not
/// data, and reading it can wait forever or never end.
///
/// # Errors
/// Those of `fstatfs`.
pub fn is_pseudo_file_system(fd: BorrowedFd<'_>) -> io::Result<bool> {
    /// From linux/magic.h: proc, sysfs, debugfs, tracefs, securityfs, selinuxfs,
    /// smackfs, configfs, cgroup, cgroup2, bpf, pstore, efivarfs, devpts,
    /// binfmt_misc, mqueue, rpc_pipefs, nsfs, fusectl.
    const MAGIC: &[u32] = &[
        0x9fa0,
        0x6265_6572,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0xf97c_ff8c,
        0x4341_5d53,
        0x6265_6570,
        0x0027_e0eb,
        0x6367_7270,
        0xcafe_4a11,
        0x6165_676c,
        0xde5e_81e4,
        0x1cd1,
        0x4249_4e4d,
        0x1980_0202,
        0x6759_6969,
        0x6e73_6673,
        0x6573_5543,
    ];
    let mut raw = std::mem::MaybeUninit::<libc::statfs64>::uninit();
    // SAFETY: the descriptor is open, the buffer is large enough.
    retry(|| unsafe { libc::fstatfs64(fd.as_raw_fd(), raw.as_mut_ptr()) })?;
    // SAFETY: the call succeeded and filled the buffer.
    let magic = unsafe { raw.assume_init_ref() }.f_type;
    // The field is wider on 64-bit systems; the numbers are not.
    Ok(MAGIC.contains(&(magic as u32)))
}

/// Reads the next directory entries into `buffer`, for [`entries`]; 0 at the
/// end. The buffer must hold at least one entry (280 bytes).
///
/// # Errors
/// Those of `getdents64`.
pub fn read_directory(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: the descriptor is open and the buffer writable for its length.
        let count = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                fd.as_raw_fd(),
                buffer.as_mut_ptr(),
                buffer.len(),
            )
        };
        if let Ok(count) = usize::try_from(count) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The entries in a buffer filled by [`read_directory`], without `.` and `..`.
pub fn entries(filled: &[u8]) -> impl Iterator<Item = (FileType, &CStr)> {
    /// Offsets in `struct linux_dirent64`.
    const LENGTH: usize = 16;
    const TYPE: usize = 18;
    const NAME: usize = 19;
    let mut rest = filled;
    std::iter::from_fn(move || {
        loop {
            let length = rest.get(LENGTH..LENGTH + 2)?;
            let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
            if length <= NAME || length > rest.len() {
                return None;
            }
            let (entry, after) = rest.split_at(length);
            rest = after;
            let Ok(name) = CStr::from_bytes_until_nul(&entry[NAME..]) else {
                continue;
            };
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let file_type = match entry[TYPE] {
                libc::DT_REG => FileType::Regular,
                libc::DT_DIR => FileType::Directory,
                libc::DT_LNK => FileType::Link,
                libc::DT_FIFO => FileType::Fifo,
                libc::DT_SOCK => FileType::Socket,
                libc::DT_CHR | libc::DT_BLK => FileType::Device,
                _ => FileType::Unknown,
            };
            return Some((file_type, name));
        }
    })
}

/// The reason in an error, in the words of the C library with a small first
/// letter, as Go prints it: `permission denied`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
