//! What Go answers, as tables.

mod accepted;
mod matched;

use super::ErrorKind;
use crate::matching::{LinePattern, LongLine, TextPattern};

/// Asks every engine: the text pattern, the block search, the streamed line.
/// They must agree. `text` must not contain a line feed.
fn matches(pattern: &str, text: &[u8]) -> bool {
    let whole = TextPattern::new(pattern)
        .unwrap_or_else(|error| panic!("{pattern:?} was refused: {error}"));
    let answer = whole.is_match(&mut whole.cache(), text);

    let lines = LinePattern::new(pattern).expect("accepted above");
    if !text.ends_with(b"\r") {
        for ending in ["", "\n", "\r\n", "\nother\n"] {
            let mut block = text.to_vec();
            block.extend_from_slice(ending.as_bytes());
            if block.is_empty() || ending == "\nother\n" && lines_match(&lines, b"other") {
                continue;
            }
            assert_eq!(
                lines.matches_any_line(&mut lines.scratch(), &block),
                answer,
                "block search of {pattern:?} in {block:?}"
            );
        }
        for split in 0..=text.len().min(12) {
            let mut long = LongLine::new(&lines);
            long.push(&text[..split]);
            long.push(&text[split..]);
            assert_eq!(
                long.finish(),
                answer,
                "streamed {pattern:?} in {text:?} at {split}"
            );
        }
    }
    answer
}

fn lines_match(lines: &LinePattern, line: &[u8]) -> bool {
    lines.matches_line(&mut lines.scratch(), line)
}

fn refusal(pattern: &str) -> Option<ErrorKind> {
    super::parse(pattern).err().map(|error| error.kind)
}
