//! A process for tests to look into. It does what it is told on standard input,
//! one order on a line, and answers each with a line. Bytes come in hexadecimal
//! and are written straight to their place, so that they are nowhere else.
//!
//! | Order | Does |
//! |---|---|
//! | `map SIZE` | maps memory with unreadable memory around it; answers the address |
//! | `file SIZE PATH` | maps a file, to read and execute; PATH in hexadecimal |
//! | `shared SIZE PATH` | maps a file shared, to read and write |
//! | `put ADDRESS BYTES` | writes bytes |
//! | `protect ADDRESS SIZE 0or1` | makes memory unreadable or readable |
//! | `readonly ADDRESS SIZE` | |
//! | `stripes ADDRESS PAGES` | makes every other page read-only |
//! | `unmap ADDRESS SIZE` | |
//! | `load PATH` | loads a library; PATH in hexadecimal |
//! | `name BYTES` | gives the process a name |
//! | `hide` | makes the process one that others may not look into |
//! | `exec` | becomes the same program again |

use std::ffi::{CString, OsString};
use std::io::{BufRead, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;

/// Unreadable memory around each mapping.
const HOLE: usize = 1 << 20;

fn main() {
    // SAFETY: prctl with integer arguments. A hardened kernel lets siblings
    // look only where they are invited; the others do not know the call.
    unsafe {
        libc::prctl(libc::PR_SET_PTRACER, -1_i64 as libc::c_ulong, 0, 0, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
    }
    answer("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("an order");
        let words: Vec<&str> = line.split(' ').collect();
        match obey(&words) {
            Some(value) => answer(&value.to_string()),
            None => answer(&format!(
                "cannot {line}: {}",
                std::io::Error::last_os_error()
            )),
        }
    }
}

fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever asked may be gone; then the next line is the last.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn obey(words: &[&str]) -> Option<usize> {
    let number = |text: &str| text.parse::<usize>().ok();
    match *words {
        ["map", size] => map(number(size)?, None, false),
        ["file", size, path] => map(number(size)?, Some(path), false),
        ["shared", size, path] => map(number(size)?, Some(path), true),
        ["put", address, bytes] => {
            for (index, byte) in hex(bytes).enumerate() {
                let place = (number(address)? + index) as *mut u8;
                // SAFETY: the test says where it had memory mapped.
                unsafe { place.write_volatile(byte) };
            }
            Some(0)
        }
        ["protect", address, size, readable] => {
            let bits = if readable == "1" {
                libc::PROT_READ | libc::PROT_WRITE
            } else {
                libc::PROT_NONE
            };
            // SAFETY: as above.
            let done = unsafe { libc::mprotect(number(address)? as *mut _, number(size)?, bits) };
            (done == 0).then_some(0)
        }
        ["readonly", address, size] => {
            // SAFETY: as above.
            let done = unsafe {
                libc::mprotect(number(address)? as *mut _, number(size)?, libc::PROT_READ)
            };
            (done == 0).then_some(0)
        }
        ["stripes", address, pages] => {
            let (address, pages) = (number(address)?, number(pages)?);
            for page in (0..pages).step_by(2) {
                let place = (address + page * 4096) as *mut _;
                // SAFETY: as above.
                if unsafe { libc::mprotect(place, 4096, libc::PROT_READ) } != 0 {
                    return None;
                }
            }
            Some(0)
        }
        ["unmap", address, size] => {
            // SAFETY: as above.
            let done = unsafe { libc::munmap(number(address)? as *mut _, number(size)?) };
            (done == 0).then_some(0)
        }
        ["load", path] => {
            let path = CString::new(hex(path).collect::<Vec<u8>>()).ok()?;
            // SAFETY: the path ends with a NUL.
            let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
            (!library.is_null()).then_some(0)
        }
        ["name", bytes] => {
            let name = CString::new(hex(bytes).collect::<Vec<u8>>()).ok()?;
            // SAFETY: the name ends with a NUL.
            let done = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
            (done == 0).then_some(0)
        }
        ["hide"] => {
            // SAFETY: prctl with integer arguments.
            let done = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
            (done == 0).then_some(0)
        }
        ["exec"] => {
            let program = std::env::current_exe().ok()?;
            let _error = std::process::Command::new(program).exec();
            None
        }
        _ => None,
    }
}

fn hex(digits: &str) -> impl Iterator<Item = u8> + '_ {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    digits
        .as_bytes()
        .chunks(2)
        .map(move |pair| digit(pair[0]) << 4 | digit(pair[1]))
}

fn map(size: usize, path: Option<&str>, shared: bool) -> Option<usize> {
    let file = match path {
        Some(path) => {
            let path = OsString::from_vec(hex(path).collect());
            let mut options = std::fs::File::options();
            Some(options.read(true).write(shared).open(path).ok()?)
        }
        None => None,
    };
    // SAFETY: new mappings only, the second in the midst of the first, whose
    // rest stays: nobody may read it.
    unsafe {
        let around = libc::mmap(
            std::ptr::null_mut(),
            size + 2 * HOLE,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        if around == libc::MAP_FAILED {
            return None;
        }
        let (bits, kind) = match (&file, shared) {
            (None, _) => (
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            ),
            (Some(_), false) => (libc::PROT_READ, libc::MAP_PRIVATE),
            (Some(_), true) => (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED),
        };
        let address = libc::mmap(
            around.byte_add(HOLE),
            size,
            bits,
            kind | libc::MAP_FIXED,
            file.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            0,
        );
        (address != libc::MAP_FAILED).then_some(address as usize)
    }
}
