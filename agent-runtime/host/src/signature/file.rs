//! Splitting a signature file into signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mig_protocol::openpgp::{armor_to_line, line_to_packet};

/// Most signatures of one file that are looked at.
const MOST: usize = 16;
const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";
/// Length of a raw Ed25519 signature.
const ED25519: usize = 64;

/// One detached signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Detached {
    /// A signature packet.
    OpenPgp(Vec<u8>),
    /// A raw signature.
    Ed25519([u8; ED25519]),
    /// Text that should be one and is not, with the reason.
    Unreadable(String),
}

/// The signatures of a file, in order.
pub(super) fn split(content: &[u8]) -> Vec<Detached> {
    let text = std::str::from_utf8(content).ok().filter(|text| {
        text.chars()
            .all(|c| !c.is_control() || c.is_ascii_whitespace())
    });
    match text {
        Some(text) => split_text(text),
        None => vec![match content.try_into() {
            Ok(raw) => Detached::Ed25519(raw),
            Err(_) => Detached::OpenPgp(content.to_vec()),
        }],
    }
}

fn split_text(text: &str) -> Vec<Detached> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if found.len() == MOST {
            break;
        }
        if line != BEGIN {
            found.push(one_line(line));
            continue;
        }
        let mut block = format!("{BEGIN}\n");
        for line in lines.by_ref() {
            block.push_str(line.trim_end());
            block.push('\n');
            if line.trim() == END {
                break;
            }
        }
        found.push(packet(
            armor_to_line(&block).and_then(|line| line_to_packet(&line)),
        ));
    }
    found
}

fn one_line(line: &str) -> Detached {
    match STANDARD.decode(line).map(TryInto::try_into) {
        Ok(Ok(raw)) => Detached::Ed25519(raw),
        _ => packet(line_to_packet(line)),
    }
}

fn packet(packet: Result<Vec<u8>, mig_protocol::openpgp::ArmorError>) -> Detached {
    match packet {
        Ok(packet) => Detached::OpenPgp(packet),
        Err(error) => Detached::Unreadable(error.to_string()),
    }
}
