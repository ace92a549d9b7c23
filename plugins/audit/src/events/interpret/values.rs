//! Values that mean the same whatever stands beside them.

use super::constants;

/// The bytes behind hexadecimal digits; `None` when the text is no such thing.
pub(in crate::events) fn unescape(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() < 2 || !value.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    value
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// The digits of bytes, as the kernel writes them.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

pub(super) fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// Outcomes that are numbers: 1 is success. A text is kept.
pub(super) fn success(text: &str) -> Option<&'static str> {
    Some(match text.parse::<i64>().ok()? {
        1 => "yes",
        0 => "no",
        _ => "unset",
    })
}

const KIND: u64 = 0o170_000;

/// Kind, special bits and permissions of a file: `file644`, `dir,sticky777`.
pub(super) fn mode(mode: u64) -> String {
    let mut out = match mode & KIND {
        0o140_000 => "socket".to_owned(),
        0o120_000 => "link".to_owned(),
        0o100_000 => "file".to_owned(),
        0o060_000 => "block".to_owned(),
        0o040_000 => "dir".to_owned(),
        0o020_000 => "character".to_owned(),
        0o010_000 => "fifo".to_owned(),
        other => format!("{:03o}", other / 0o010_000),
    };
    for name in specials(mode) {
        out.push(',');
        out.push_str(name);
    }
    out.push_str(&format!("{:03o}", mode & 0o777));
    out
}

/// Special bits and permissions alone: `0644`, `suid,sgid0755`.
pub(super) fn permissions(mode: u64) -> String {
    let names: Vec<_> = specials(mode).collect();
    format!("{}0{:03o}", names.join(","), mode & 0o777)
}

fn specials(mode: u64) -> impl Iterator<Item = &'static str> {
    [(0o4000, "suid"), (0o2000, "sgid"), (0o1000, "sticky")]
        .into_iter()
        .filter(move |(bit, _)| mode & bit != 0)
        .map(|(_, name)| name)
}

/// The accesses that a watch is for; none set means all.
pub(super) fn access(bits: u64) -> String {
    let bits = if bits == 0 { 15 } else { bits };
    let names: Vec<_> = [(4, "read"), (2, "write"), (1, "exec"), (8, "attr")]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| name)
        .collect();
    names.join(",")
}

/// A signal; `text` with `base` in front is what an unknown one is shown as.
pub(super) fn signal(number: u64, text: &str, base: &str) -> String {
    match constants::SIGNALS.name(number) {
        Some(name) => name.to_owned(),
        None => format!("unknown signal ({base}{text})"),
    }
}

/// What a filter of system calls decided: the upper half of `code=0x50000`.
pub(super) fn seccomp(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let code = u64::from_str_radix(digits, 16).ok()?;
    Some(match constants::SECCOMP.name(code & 0xffff_0000) {
        Some(name) => name.to_owned(),
        None => format!("unknown seccomp code ({digits})"),
    })
}
