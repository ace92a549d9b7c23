//! A process with a lot of memory.

use crate::contest::{NEEDLE, NUMBER};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Bytes that are made and then repeated with differences.
const PATTERN: usize = 8 << 20;
/// Words of the text.
const WORDS: &[&str] = &[
    "the",
    "memory",
    "of",
    "a",
    "process",
    "needs",
    "in",
    "Needle",
    "and",
    "server",
    "GET",
    "HTTP/1.1",
    "content-type",
    "application/json",
    "null",
    "true",
    "error",
    "INFO",
    "2024-05-17",
    "connection",
    "{\"id\":",
    "user@example.net",
    "/usr/lib/x86_64-linux-gnu",
];

/// The running process.
pub struct Holder {
    child: Child,
    address: usize,
    size: usize,
}

impl Holder {
    /// Starts it and waits until all is in memory.
    pub fn start(program: &Path, size: u64) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["hold", &size.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self {
            child,
            address,
            size,
        })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its memory is, and how much.
    pub fn memory(&self) -> (usize, usize) {
        (self.address, self.size)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process itself does.
pub fn hold(size: usize) -> io::Result<()> {
    let pattern = pattern();
    let mut memory = Vec::with_capacity(size);
    for number in 0_u64.. {
        let length = pattern.len().min(size - memory.len());
        if length == 0 {
            break;
        }
        let start = memory.len();
        memory.extend_from_slice(&pattern[..length]);
        // No two pages are the same.
        for page in memory[start..].chunks_mut(4096) {
            let at = page.len() / 2;
            let mark = number.to_ne_bytes();
            let length = mark.len().min(page.len() - at);
            page[at..at + length].copy_from_slice(&mark[..length]);
        }
    }
    // Straight to its place: nowhere else shall it be whole. Not at the very
    // end, where yara divides what it reads and misses what lies across.
    if let Some(end) = memory.len().checked_sub(NEEDLE.len() + 8192) {
        let (needle, digits) = memory[end..].split_at_mut(NEEDLE.len());
        needle.copy_from_slice(NEEDLE);
        for (place, divisor) in digits.iter_mut().zip([1000, 100, 10, 1]) {
            *place = b'0' + (NUMBER / std::hint::black_box(divisor) % 10) as u8;
        }
    }
    let mut out = io::stdout();
    writeln!(out, "{}", memory.as_ptr() as usize)?;
    out.flush()?;
    // Until whoever asked is gone.
    let mut rest = Vec::new();
    io::stdin().read_to_end(&mut rest)?;
    std::hint::black_box(&memory);
    Ok(())
}

/// Text, numbers, addresses and zeros in turn, as heaps have them.
fn pattern() -> Vec<u8> {
    let mut out = Vec::with_capacity(PATTERN);
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    while out.len() < PATTERN {
        match random() % 8 {
            0..=3 => {
                for _ in 0..200 {
                    let word = WORDS[(random() >> 20) as usize % WORDS.len()];
                    out.extend_from_slice(word.as_bytes());
                    out.push(if random() % 12 == 0 { b'\n' } else { b' ' });
                }
            }
            4 | 5 => (0..256).for_each(|_| out.extend_from_slice(&random().to_ne_bytes())),
            6 => {
                for _ in 0..256 {
                    let address = 0x7f00_0000_0000 | (random() & 0xff_ffff_fff8);
                    out.extend_from_slice(&address.to_ne_bytes());
                }
            }
            _ => out.resize(out.len() + 2048, 0),
        }
    }
    out.truncate(PATTERN);
    out
}
