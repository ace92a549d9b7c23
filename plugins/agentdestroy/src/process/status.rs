//! `/proc/PID/stat`, see proc(5).

use std::io;

/// Set in the flags of threads of the kernel (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What the kernel says of a process in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// One letter: `R`, `S`, `Z` and so on.
    pub state: u8,
    /// Number of the parent; 0 when it is outside what can be seen.
    pub parent: i32,
    flags: u64,
}

impl Status {
    /// Reads the line of a process.
    ///
    /// # Errors
    /// Those of reading; `InvalidData` when the line is none.
    pub fn of(pid: i32) -> io::Result<Self> {
        let line = std::fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&line).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The program's name stands in parentheses and may contain anything, a
    /// closing one too, so what follows starts behind the last.
    fn parse(line: &[u8]) -> Option<Self> {
        let end = memchr::memrchr(b')', line)?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        // Group, session, terminal and its group stand between.
        let flags = fields.nth(4)?.parse().ok()?;
        Some(Self {
            state,
            parent,
            flags,
        })
    }

    /// Whether it runs no program at all.
    pub fn is_kernel_thread(self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// Whether it has ended and only its parent has not asked how.
    pub fn is_dead(self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_look_like_fields() {
        let line = b"77 (a) Z 1 (b)) S 12 77 77 0 -1 4194560 100 0\n";
        let status = Status::parse(line).unwrap();
        assert_eq!((status.state, status.parent), (b'S', 12));
        assert!(!status.is_kernel_thread() && !status.is_dead());
    }

    #[test]
    fn threads_of_the_kernel_and_the_dead_are_known() {
        let kernel = Status::parse(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0").unwrap();
        assert!(kernel.is_kernel_thread());
        let dead = Status::parse(b"9 (x) Z 1 9 9 0 -1 4227084 0 0").unwrap();
        assert!(dead.is_dead() && !dead.is_kernel_thread());
    }

    #[test]
    fn anything_else_is_no_line() {
        for line in [
            "",
            "1 (x",
            "1 (x)",
            "1 (x) S",
            "1 (x) S a 0 0 0 0 0",
            "1 (x) S 1 1 1 0 -1",
        ] {
            assert_eq!(Status::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Status::parse(b"1 (x) \xFF 1 1 1 0 -1 4"), None);
    }

    #[test]
    fn the_own_line_can_be_read() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let status = Status::of(pid).unwrap();
        assert_eq!(
            status.parent,
            i32::try_from(std::os::unix::process::parent_id()).unwrap()
        );
        assert!(!status.is_kernel_thread());
    }
}
