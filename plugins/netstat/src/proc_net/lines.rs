//! Reading a table of any size, line by line.

use crate::netlink::{Malformed, Trouble};
use mig_plugin_sdk::Failure;
use std::io::{BufRead, BufReader, Read};

/// Longest line: the kernel's own have some 150 bytes.
const LONGEST: u64 = 1024;
/// Lines between two moments to breathe.
const BREATH: u32 = 256;

/// Whoever wants to know what the table has.
pub trait LineListener {
    /// One line, without its line feed.
    ///
    /// # Errors
    /// When it is not what the table should have: it is counted and left out.
    fn line(&mut self, line: &[u8]) -> Result<(), Malformed>;

    /// Time to breathe.
    ///
    /// # Errors
    /// When the run must end.
    fn rest(&mut self) -> Result<(), Failure>;
}

/// Hands every line to the listener and returns how many were damaged.
///
/// # Errors
/// When the table cannot be read, or the run must end.
pub fn read(table: impl Read, listener: &mut dyn LineListener) -> Result<u64, Trouble> {
    let mut table = BufReader::with_capacity(32 << 10, table);
    let mut line = Vec::new();
    let (mut damaged, mut count) = (0, 0u32);
    loop {
        line.clear();
        if table.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(damaged);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == LONGEST {
            // Far too long: what is left of it is no line either.
            damaged += 1;
            table.skip_until(b'\n')?;
            continue;
        }
        damaged += u64::from(listener.line(&line).is_err());
        count = count.wrapping_add(1);
        if count.is_multiple_of(BREATH) {
            listener.rest().map_err(Trouble::Stopped)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Ear {
        lines: Vec<Vec<u8>>,
        rests: u32,
        impatient: bool,
    }

    impl LineListener for Ear {
        fn line(&mut self, line: &[u8]) -> Result<(), Malformed> {
            if line == b"bad" {
                return Err(Malformed("bad"));
            }
            self.lines.push(line.to_vec());
            Ok(())
        }

        fn rest(&mut self) -> Result<(), Failure> {
            self.rests += 1;
            if self.impatient {
                return Err(Failure::cancelled());
            }
            Ok(())
        }
    }

    #[test]
    fn damaged_and_endless_lines_are_counted_and_left_out() {
        let mut table = b"one\nbad\n".to_vec();
        table.extend(vec![b'x'; 5000]);
        table.extend(b"\ntwo\n\nlast");
        let mut ear = Ear::default();
        assert_eq!(read(&table[..], &mut ear).unwrap(), 2);
        assert_eq!(ear.lines, [&b"one"[..], b"two", b"", b"last"]);
    }

    #[test]
    fn a_long_table_can_be_left() {
        let table = "line\n".repeat(1000);
        let mut ear = Ear::default();
        assert_eq!(read(table.as_bytes(), &mut ear).unwrap(), 0);
        assert_eq!((ear.lines.len(), ear.rests), (1000, 3));
        let mut ear = Ear {
            impatient: true,
            ..Ear::default()
        };
        let end = read(table.as_bytes(), &mut ear);
        assert!(matches!(end, Err(Trouble::Stopped(_))), "{end:?}");
        assert_eq!(ear.lines.len(), 256);
    }
}
