//! Base64 as keys are written in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Decodes base64 after dropping blanks and line ends. The result is wiped when
/// it goes: it may be a private key.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Reserved at once, so that no copy is left behind by growing.
    let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
    dense.extend(
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace()),
    );
    let mut decoded = Zeroizing::new(vec![0; base64::decoded_len_estimate(dense.len())]);
    let length = STANDARD.decode_slice(dense.as_slice(), &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

/// The lines of a text without their line ends.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
