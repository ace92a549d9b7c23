//! Blocks between `-----BEGIN X-----` and `-----END X-----` (RFC 7468, and RFC
//! 1421 for the lines in front that old encrypted keys have). Programs disagree
//! on the length of lines, so any is taken.

use crate::encoding::{decode, lines};
use zeroize::Zeroizing;

/// A block, decoded.
pub struct Block<'a> {
    /// What stands behind `BEGIN`.
    pub label: &'a [u8],
    /// The lines in front say that it is encrypted.
    pub is_encrypted: bool,
    /// The content; wiped when it goes.
    pub body: Zeroizing<Vec<u8>>,
}

/// The whole blocks of a text whose content is base64.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut lines = lines(text);
    std::iter::from_fn(move || {
        loop {
            let label = marker(lines.next()?, b"-----BEGIN ");
            let Some(label) = label else { continue };
            if let Some(block) = block(label, &mut lines.clone()) {
                return Some(block);
            }
        }
    })
}

/// The rest of a block behind its first line.
fn block<'a>(label: &'a [u8], lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<Block<'a>> {
    let mut encoded = Zeroizing::new(Vec::new());
    let mut parts = Vec::new();
    let mut is_encrypted = false;
    loop {
        let line = lines.next()?;
        if marker(line, b"-----END ") == Some(label) {
            break;
        }
        if line.starts_with(b"-----") {
            return None;
        }
        // Base64 has no colon.
        if line.contains(&b':') {
            is_encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b",ENCRYPTED");
        } else {
            parts.push(line);
        }
    }
    encoded.reserve_exact(parts.iter().map(|part| part.len()).sum());
    parts
        .iter()
        .for_each(|part| encoded.extend_from_slice(part));
    Some(Block {
        label,
        is_encrypted,
        body: decode(&encoded)?,
    })
}

fn marker<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.trim_ascii_end()
        .strip_prefix(start)?
        .strip_suffix(b"-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, Vec<u8>)> {
        blocks(text.as_bytes())
            .map(|block| {
                let label = String::from_utf8(block.label.to_vec()).expect("text");
                (label, block.body.to_vec())
            })
            .collect()
    }

    #[test]
    fn all_whole_blocks_are_found() {
        let text = "words\n-----BEGIN A-----\nYWJj\r\nZGVm\n-----END A-----\n\
            -----BEGIN B-----\nYWJj\n-----END C-----\n\
            -----BEGIN D-----\n*\n-----END D-----\n\
            -----BEGIN E-----\n\nYWJj\n-----END E----- \n-----BEGIN F-----\nYWJj\n";
        let wanted = [
            ("A".into(), b"abcdef".to_vec()),
            ("E".into(), b"abc".to_vec()),
        ];
        assert_eq!(labels(text), wanted);
    }

    #[test]
    fn a_block_cut_short_does_not_hide_the_next() {
        let text = "-----BEGIN A-----\nYWJj\n-----BEGIN A-----\nZGVm\n-----END A-----";
        assert_eq!(labels(text), [("A".into(), b"def".to_vec())]);
    }

    #[test]
    fn lines_in_front_say_whether_it_is_encrypted() {
        let text = "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nYWJj\n-----END A-----\n\
            -----BEGIN A-----\nProc-Type: 4,MIC-ONLY\n\nYWJj\n-----END A-----";
        let encrypted: Vec<bool> = blocks(text.as_bytes()).map(|b| b.is_encrypted).collect();
        assert_eq!(encrypted, [true, false]);
    }
}
