//! Cutting what is read into lines.

/// Longest line, in bytes; the rest of a longer one counts as further lines.
pub const MAX_LINE: usize = 4096;
/// What must be there to know how a line of that length ends.
const LOOK_AHEAD: usize = MAX_LINE + 2;

/// Cuts bytes into lines: LF or CRLF ends one, and what is longer than
/// [`MAX_LINE`] continues as another. A carriage return at the very end stays.
/// A line that has exactly the greatest length is one line, not a line and an
/// empty one.
#[derive(Debug, Default)]
pub struct Lines {
    /// Bytes that do not make a line yet.
    pending: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and hands on each line that is complete.
    pub fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        if self.pending.is_empty() {
            let used = cut(bytes, false, &mut line);
            self.pending.extend_from_slice(&bytes[used..]);
        } else {
            self.pending.extend_from_slice(bytes);
            let used = cut(&self.pending, false, &mut line);
            self.pending.drain(..used);
        }
    }

    /// Ends the text.
    pub fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        let pending = std::mem::take(&mut self.pending);
        cut(&pending, true, &mut line);
    }
}

/// Hands on the lines in `bytes`; returns how many bytes they took. What is
/// left may become longer unless the text ends here.
fn cut(bytes: &[u8], ends: bool, line: &mut impl FnMut(&[u8])) -> usize {
    let mut start = 0;
    while start < bytes.len() {
        let rest = &bytes[start..];
        let near = &rest[..rest.len().min(LOOK_AHEAD)];
        let (content, used) = match memchr::memchr(b'\n', near) {
            Some(at) => {
                let content = &rest[..at];
                (content.strip_suffix(b"\r").unwrap_or(content), at + 1)
            }
            None if near.len() == LOOK_AHEAD => (near, near.len()),
            None if ends => (near, near.len()),
            None => break,
        };
        if content.len() < MAX_LINE || (content.len() == MAX_LINE && !content.ends_with(b"\r")) {
            line(content);
            start += used;
        } else {
            // A carriage return is not torn from what may follow it.
            let piece = match content[MAX_LINE - 1] {
                b'\r' => MAX_LINE - 1,
                _ => MAX_LINE,
            };
            line(&content[..piece]);
            start += piece;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(step.max(1)) {
            lines.push(piece, |line| out.push(line.to_vec()));
        }
        lines.finish(|line| out.push(line.to_vec()));
        out
    }

    fn lengths(text: &str) -> Vec<usize> {
        let whole = lines(text.as_bytes(), usize::MAX);
        for step in [1, 7, 4096, 4097, 4098] {
            assert_eq!(lines(text.as_bytes(), step), whole, "{step}");
        }
        whole.iter().map(Vec::len).collect()
    }

    #[test]
    fn line_feeds_end_lines_with_or_without_a_carriage_return() {
        let text = b"a\nb\r\n\n\r\nc\rd\r\r\ne\r";
        let wanted: [&[u8]; 6] = [b"a", b"b", b"", b"", b"c\rd\r", b"e\r"];
        assert_eq!(lines(text, 100), wanted);
        assert_eq!(lines(b"", 1), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"\n", 1), [b""]);
    }

    #[test]
    fn long_lines_continue_as_further_ones_without_an_empty_one() {
        let x = |count: usize| "x".repeat(count);
        let cases: Vec<(String, Vec<usize>)> = vec![
            (x(4096), vec![4096]),
            (x(4096) + "\n", vec![4096]),
            (x(4096) + "\r\n", vec![4096]),
            (x(4095) + "\r\n", vec![4095]),
            (x(4097) + "\n", vec![4096, 1]),
            (x(8192) + "\n\ny", vec![4096, 4096, 0, 1]),
            (x(8191) + "\r\n", vec![4096, 4095]),
            (x(4095) + "\rz\n", vec![4095, 2]),
            (x(4095) + "\r\r\n", vec![4095, 1]),
            (x(4095) + "\r", vec![4095, 1]),
            (x(4096) + "\r", vec![4096, 1]),
            (x(10_000), vec![4096, 4096, 1808]),
        ];
        for (text, wanted) in cases {
            assert_eq!(lengths(&text), wanted, "{}", text.len());
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_is_lost(
            runs in proptest::collection::vec((0usize..4200, 0u8..4), 0..6),
            step in 1usize..5000,
        ) {
            let mut text = Vec::new();
            for (length, end) in runs {
                text.extend(std::iter::repeat_n(b'x', length));
                text.extend_from_slice([&b"\n"[..], b"\r\n", b"\r", b""][usize::from(end)]);
            }
            let whole = lines(&text, usize::MAX);
            prop_assert_eq!(&lines(&text, step), &whole);
            prop_assert!(whole.iter().all(|line| line.len() <= MAX_LINE));
            let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'x').count();
            let total: usize = whole.iter().map(|line| count(line)).sum();
            prop_assert_eq!(total, count(&text));
        }
    }
}
