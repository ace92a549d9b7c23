//! Linux: the local time zone, and opening files that may be anything.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many seconds the local zone is ahead of UTC at a time in seconds since
/// 1970; 0 when that is unknown.
pub fn zone_offset(seconds: i64) -> i32 {
    let mut fields = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call; the C library reads the
    // zone's file itself, and all zeros is a valid `tm`.
    let known = unsafe { libc::localtime_r(&seconds, fields.as_mut_ptr()) };
    if known.is_null() {
        // A year that does not fit.
        return 0;
    }
    // SAFETY: initialised above, by us or by the call.
    let offset = unsafe { fields.assume_init_ref() }.tm_gmtoff;
    i32::try_from(offset).unwrap_or(0)
}

/// Opens a file for reading without waiting for the other end of a pipe.
///
/// # Errors
/// Those of `open`.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}
