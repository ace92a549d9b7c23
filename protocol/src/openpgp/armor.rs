//! Signatures on one line: the base64 body of the ASCII armor directly followed
//! by its checksum, without header and line breaks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Longest one-line signature that is looked at; the original's storage takes
/// 4096 characters for all signatures of an action together.
const MAX_LINE: usize = 8192;

const HEADER: &str = "-----BEGIN PGP SIGNATURE-----";
const FOOTER: &str = "-----END PGP SIGNATURE-----";

/// Why a signature's text is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmorError {
    /// The text is empty.
    #[error("the signature is empty")]
    Empty,
    /// The text is longer than any signature.
    #[error("the signature has {0} characters, at most {MAX_LINE} are allowed")]
    TooLong(usize),
    /// The text is not base64.
    #[error("the signature is not base64 on one line")]
    Base64,
    /// The checksum does not fit the body.
    #[error("the signature's checksum is wrong; it was altered or cut")]
    Checksum,
    /// The armor has no blank line before the body or no end line after it.
    #[error("the text is not an armored signature")]
    NotArmor,
}

/// The one-line form of a signature packet, checksum included.
pub fn packet_to_line(packet: &[u8]) -> String {
    let mut line = STANDARD.encode(packet);
    line.push_str(&checksum_text(packet));
    line
}

/// The signature packet of a one-line form. A missing checksum is accepted, a
/// wrong one is not.
///
/// # Errors
/// Text that is not base64, is too long, or does not fit its checksum.
pub fn line_to_packet(line: &str) -> Result<Vec<u8>, ArmorError> {
    if line.is_empty() {
        return Err(ArmorError::Empty);
    }
    if line.len() > MAX_LINE {
        return Err(ArmorError::TooLong(line.len()));
    }
    let (body, checksum) = split_checksum(line);
    let packet = STANDARD.decode(body).map_err(|_| ArmorError::Base64)?;
    if packet.is_empty() {
        return Err(ArmorError::Empty);
    }
    match checksum {
        Some(checksum) if checksum != checksum_text(&packet) => Err(ArmorError::Checksum),
        _ => Ok(packet),
    }
}

/// The one-line form of an armored signature: what lies between its first blank
/// line and its end line. Both line endings are understood.
///
/// # Errors
/// Text that is not such an armor, or whose body [`line_to_packet`] refuses.
pub fn armor_to_line(armor: &str) -> Result<String, ArmorError> {
    let mut lines = armor.lines().skip_while(|line| !line.trim().is_empty());
    lines.next().ok_or(ArmorError::NotArmor)?;
    let mut line = String::new();
    loop {
        match lines.next() {
            Some(end) if end.starts_with("-----") => break,
            Some(part) => line.push_str(part.trim_end()),
            None => return Err(ArmorError::NotArmor),
        }
    }
    line_to_packet(&line).map(|packet| packet_to_line(&packet))
}

/// The armored form of a one-line signature, with lines of 64 characters.
///
/// # Errors
/// As [`line_to_packet`].
pub fn line_to_armor(line: &str) -> Result<String, ArmorError> {
    let packet = line_to_packet(line)?;
    let body = STANDARD.encode(&packet);
    let mut armor = format!("{HEADER}\n\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (part, following) = rest.split_at(rest.len().min(64));
        armor.push_str(part);
        armor.push('\n');
        rest = following;
    }
    armor.push_str(&checksum_text(&packet));
    armor.push('\n');
    armor.push_str(FOOTER);
    Ok(armor)
}

/// Splits off `=` and four characters at the end. The body's own padding cannot
/// be mistaken for it, because nothing but padding follows padding.
fn split_checksum(line: &str) -> (&str, Option<&str>) {
    let Some((body, checksum)) = line
        .len()
        .checked_sub(5)
        .and_then(|at| line.split_at_checked(at))
    else {
        return (line, None);
    };
    match checksum.strip_prefix('=') {
        Some(digits) if !digits.contains('=') => (body, Some(checksum)),
        _ => (line, None),
    }
}

fn checksum_text(packet: &[u8]) -> String {
    format!("={}", STANDARD.encode(&crc24(packet).to_be_bytes()[1..]))
}

/// The checksum of OpenPGP's armor (RFC 4880, 6.1).
fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0x00b7_04ce_u32;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    crc & 0x00ff_ffff
}
