//! `/proc/PID/maps`, see proc_pid_maps(5).

use std::io::{self, BufRead, BufReader, Read};

/// Longest line that is kept: a path cannot be much longer than a page.
const MAX_LINE: u64 = 64 << 10;

/// One mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// Whether the process itself may read it.
    pub readable: bool,
    /// Whether writes are seen by others.
    pub shared: bool,
    /// Where in the file it begins.
    pub offset: u64,
    /// Device, as major and minor number.
    pub device: (u32, u32),
    /// Inode, 0 without a file.
    pub inode: u64,
    /// Path or description; empty for plain memory. A line feed in it is
    /// written as `\012`.
    pub path: Vec<u8>,
}

/// What a mapping is backed by, as far as it matters for reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// Memory of its own; what was never written is zero.
    Anonymous,
    /// Memory shared through an object without a lasting file: touching what
    /// was never written would make it grow.
    SharedObject,
    /// A file.
    File,
    /// Made up by the kernel; cannot be read from outside or means nothing.
    Special,
    /// A device: reading it may have effects, or never end.
    Device,
}

impl Mapping {
    /// What it is backed by.
    pub fn backing(&self) -> Backing {
        let path = self.path.as_slice();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|p| path.starts_with(p.as_bytes()));
        if starts(&["[vsyscall]", "[vvar", "[uprobes]"]) {
            Backing::Special
        } else if starts(&[
            "/memfd:",
            "/SYSV",
            "/dev/zero",
            "/dev/shm/",
            "/dev/hugepages/",
            "/anon_hugepage",
            "[anon_shmem",
        ]) {
            Backing::SharedObject
        } else if starts(&["/dev/", "/sys/", "anon_inode:"]) {
            Backing::Device
        } else if self.inode == 0 && !path.starts_with(b"/") {
            Backing::Anonymous
        } else {
            Backing::File
        }
    }

    /// The path of a mapped file: neither plain memory nor anything that the
    /// kernel made up.
    pub fn file(&self) -> Option<&[u8]> {
        let path = self.path.as_slice();
        let named = !path.is_empty() && !path.starts_with(b"[");
        (named && path != b"/dev/zero" && path != b"/dev/zero (deleted)").then_some(path)
    }
}

/// Reads one line, without its line feed. `None` when it is no mapping.
pub fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after.strip_prefix(b" ").unwrap_or(after);
        std::str::from_utf8(field).ok().filter(|f| !f.is_empty())
    };
    let (range, permissions, offset, device, inode) =
        (field()?, field()?, field()?, field()?, field()?);
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let (start, end) = range.split_once('-')?;
    let (start, end) = (hex(start)?, hex(end)?);
    let (major, minor) = device.split_once(':')?;
    let small = |digits: &str| u32::from_str_radix(digits, 16).ok();
    let path = rest.trim_ascii_start();
    (start < end && permissions.len() >= 4).then(|| Mapping {
        start,
        end,
        readable: permissions.starts_with('r'),
        shared: permissions.as_bytes()[3] == b's',
        offset: hex(offset).unwrap_or(0),
        device: (small(major).unwrap_or(0), small(minor).unwrap_or(0)),
        inode: inode.parse().unwrap_or(0),
        path: path.to_vec(),
    })
}

/// Reads mappings one after the other, however many there are.
pub struct Maps<R> {
    lines: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Maps<R> {
    /// Starts at the beginning.
    pub fn new(file: R) -> Self {
        Self {
            lines: BufReader::with_capacity(16 << 10, file),
            line: Vec::new(),
        }
    }
}

impl<R: Read> Iterator for Maps<R> {
    type Item = io::Result<Mapping>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.lines).take(MAX_LINE);
            match limited.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            // A kernel of the future may write lines that say other things.
            if let Some(mapping) = parse_line(line) {
                return Some(Ok(mapping));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Mapping {
        parse_line(line.as_bytes()).expect("a mapping")
    }

    #[test]
    fn a_line_is_read_with_all_its_fields() {
        let line = "7f10-8000 r-xp 0001a000 fd:1f 263 \x20                /usr/lib/a b (deleted)";
        let wanted = Mapping {
            start: 0x7f10,
            end: 0x8000,
            readable: true,
            shared: false,
            offset: 0x1a000,
            device: (0xfd, 0x1f),
            inode: 263,
            path: b"/usr/lib/a b (deleted)".to_vec(),
        };
        assert_eq!(parsed(line), wanted);
        let plain = parsed("1000-2000 ---s 00000000 00:00 0 ");
        assert!(!plain.readable && plain.shared && plain.path.is_empty());
    }

    #[test]
    fn what_is_no_mapping_is_left_out() {
        for line in [
            "",
            "1000-2000",
            "2000-1000 r--p 0 0:0 0",
            "1000-1000 r--p 0 0:0 0",
            "xyz-2000 r--p 0 0:0 0",
            "1000-2000 r-- 0 0:0 0",
            "Size: 4 kB",
            "10000000000000000-20000000000000000 r--p 0 0:0 0",
        ] {
            assert_eq!(parse_line(line.as_bytes()), None, "{line}");
        }
        let text = b"garbage\n1000-2000 r--p 0 0:0 0\n\n3000-4000 r--p 0 0:0 0 /x";
        let found: Vec<_> = Maps::new(&text[..]).map(|m| m.unwrap().start).collect();
        assert_eq!(found, [0x1000, 0x3000]);
    }

    #[test]
    fn what_must_not_or_cannot_be_read_is_told_by_its_name() {
        let cases = [
            ("", 0, Backing::Anonymous),
            ("[heap]", 0, Backing::Anonymous),
            ("[anon:name]", 0, Backing::Anonymous),
            ("[stack]", 0, Backing::Anonymous),
            ("[vdso]", 0, Backing::Anonymous),
            ("[vvar]", 0, Backing::Special),
            ("[vvar_vclock]", 0, Backing::Special),
            ("[vsyscall]", 0, Backing::Special),
            ("/usr/bin/cat", 7, Backing::File),
            ("/dev/shm/x", 7, Backing::SharedObject),
            ("/dev/zero (deleted)", 7, Backing::SharedObject),
            ("/memfd:x (deleted)", 7, Backing::SharedObject),
            ("[anon_shmem:x]", 7, Backing::SharedObject),
            ("/SYSV00000000 (deleted)", 0, Backing::SharedObject),
            ("/dev/mem", 7, Backing::Device),
            ("/dev/dri/card0", 7, Backing::Device),
            (
                "/sys/devices/pci0000:00/0000:00:02.0/resource0",
                7,
                Backing::Device,
            ),
            ("anon_inode:[perf_event]", 7, Backing::Device),
        ];
        for (path, inode, wanted) in cases {
            let line = format!("1000-2000 rw-p 0 0:0 {inode} {path}");
            assert_eq!(parsed(&line).backing(), wanted, "{path}");
        }
    }
}
