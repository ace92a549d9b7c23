//! What runs on this machine, from `/proc`.

pub mod elf;
pub mod family;
pub mod libraries;
pub mod maps;
pub mod name;

use crate::sys::ProcessDirectory;
use std::io::Read;

/// The numbers of all processes, in the order of their digits as the original
/// visits them.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all() -> std::io::Result<Vec<i32>> {
    let mut names: Vec<String> = std::fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    names.sort_unstable();
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Whether a process has memory at all: kernel threads and processes that have
/// ended have none. Everybody may read that, whosever process it is.
pub fn has_memory(process: &ProcessDirectory) -> bool {
    let mut status = Vec::new();
    let read = process
        .file("status")
        .and_then(|file| file.take(8192).read_to_end(&mut status));
    read.is_err() || memchr::memmem::find(&status, b"\nVmSize:").is_some()
}
