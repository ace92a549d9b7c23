//! The public key file format of RFC 4716: a block with headers, which go on in
//! the next line after a backslash.

use crate::encoding::{decode, lines};
use crate::key::PublicKey;

const BEGIN: &[u8] = b"---- BEGIN SSH2 PUBLIC KEY ----";
const END: &[u8] = b"---- END SSH2 PUBLIC KEY ----";

/// All keys in such blocks.
pub fn keys(file: &[u8]) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    let mut lines = lines(file);
    while let Some(line) = lines.next() {
        // A block without an end does not hide the next.
        if line.trim_ascii_end() == BEGIN {
            keys.extend(key(&mut lines.clone()));
        }
    }
    keys
}

fn key<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<PublicKey> {
    let mut encoded = Vec::new();
    loop {
        let line = lines.next()?.trim_ascii_end();
        if line == END {
            break;
        }
        if line.starts_with(b"----") {
            return None;
        }
        if line.contains(&b':') {
            let mut header = line;
            while header.ends_with(b"\\") {
                header = lines.next()?.trim_ascii_end();
            }
        } else {
            encoded.extend_from_slice(line);
        }
    }
    PublicKey::from_blob(&decode(&encoded)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

    #[test]
    fn headers_may_go_on_in_the_next_line() {
        let (start, end) = BLOB.split_at(30);
        let block = |headers: &str| {
            format!(
                "---- BEGIN SSH2 PUBLIC KEY ----\n{headers}{start}\r\n{end}\n---- END SSH2 PUBLIC KEY ----\n"
            )
        };
        for headers in [
            "",
            "Comment: x\n",
            "Subject: me\nComment: \"a \\\nb\\\nc\"\n",
            "x-y:\n",
        ] {
            let keys = keys(block(headers).as_bytes());
            assert_eq!(keys, [PublicKey::ed25519(&[7; 32]).unwrap()], "{headers}");
        }
        let two = block("") + "words\n" + &block("Comment: 2\n");
        assert_eq!(keys(two.as_bytes()).len(), 2);
        let cut = format!("---- BEGIN SSH2 PUBLIC KEY ----\n{start}\n{}", block(""));
        assert_eq!(keys(cut.as_bytes()).len(), 1);
    }
}
