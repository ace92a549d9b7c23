//! Values of fields, from JSON to what the kernel compares with.

use super::fields::{FILE_TYPES, Kind, MOST_PATH};
use super::kernel::Operand;
use super::{Names, number};
use crate::events::tables;
use serde_json::Value;

/// What uids are compared with that were never set.
const UNSET: u32 = u32::MAX;

/// Letters of `perm`, with the bits of `linux/audit.h`.
const PERMISSIONS: &[(char, u32)] = &[('x', 1), ('w', 2), ('r', 4), ('a', 8)];

/// The processor's number in system call records.
pub(super) const ARCHITECTURE: u32 = match cfg!(target_arch = "aarch64") {
    true => tables::ARCH_AARCH64,
    false => tables::ARCH_X86_64,
};

/// Turns a value into what the kernel takes.
pub(super) fn operand(kind: Kind, value: &Value, names: &Names) -> Result<Operand, String> {
    Ok(match kind {
        Kind::Number => Operand::Number(whole(value)?),
        Kind::User => Operand::Number(match value {
            Value::String(name) if name == "unset" => UNSET,
            Value::String(name) => number_or(name, |name| names.user(name))
                .ok_or_else(|| format!("there is no user `{name}` on this machine"))?,
            value => whole(value)?,
        }),
        Kind::Group => Operand::Number(match value {
            Value::String(name) => number_or(name, |name| names.group(name))
                .ok_or_else(|| format!("there is no group `{name}` on this machine"))?,
            value => whole(value)?,
        }),
        Kind::Record => Operand::Number(match value {
            Value::String(name) => number_or(name, |name| tables::record_kind(name).map(u32::from))
                .ok_or_else(|| format!("there is no kind of records `{name}`"))?,
            value => whole(value)?,
        }),
        Kind::Architecture => Operand::Number(architecture(value)?),
        Kind::Text(most) => Operand::Text(text(value, most)?.as_bytes().to_vec()),
        Kind::Path => Operand::Text(path(text(value, MOST_PATH)?)?.as_bytes().to_vec()),
        Kind::Permission => Operand::Number(permission(text(value, 4)?)?),
        Kind::FileType => {
            let name = text(value, 16)?;
            let found = FILE_TYPES.iter().find(|(known, _)| *known == name);
            Operand::Number(found.map(|(_, bits)| *bits).ok_or_else(|| {
                let known: Vec<&str> = FILE_TYPES.iter().map(|(known, _)| *known).collect();
                format!("`{name}` is none of {}", known.join(", "))
            })?)
        }
    })
}

/// A path without the slashes at its end.
pub(super) fn path(path: &str) -> Result<&str, String> {
    if !path.starts_with('/') {
        return Err(format!("`{path}` is not absolute"));
    }
    if path.len() > MOST_PATH {
        return Err(format!(
            "the path has {} bytes, {MOST_PATH} are allowed",
            path.len()
        ));
    }
    if path.contains('\0') {
        return Err("the path holds a zero byte".into());
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("`{path}` holds `..`; write where it leads"));
    }
    let short = path.trim_end_matches('/');
    if short
        .rsplit('/')
        .next()
        .is_some_and(|name| name.len() > 255)
    {
        return Err(format!(
            "the last name of `{path}` is longer than 255 bytes"
        ));
    }
    Ok(if short.is_empty() { "/" } else { short })
}

/// The bits of one to four letters.
pub(super) fn permission(letters: &str) -> Result<u32, String> {
    if letters.is_empty() || letters.len() > 4 {
        return Err(format!(
            "`{letters}` is not one to four letters of r, w, x, a"
        ));
    }
    letters.chars().try_fold(0, |bits, letter| {
        let found = PERMISSIONS
            .iter()
            .find(|(known, _)| *known == letter.to_ascii_lowercase());
        found
            .map(|(_, bit)| bits | bit)
            .ok_or_else(|| format!("`{letter}` is none of r, w, x, a"))
    })
}

/// Any number means this processor, as in the original.
fn architecture(value: &Value) -> Result<u32, String> {
    let own = match value {
        Value::Number(_) => true,
        Value::String(name) if cfg!(target_arch = "aarch64") => {
            matches!(name.as_str(), "b64" | "aarch64" | "arm64" | "64")
        }
        Value::String(name) => matches!(name.as_str(), "b64" | "x86_64" | "amd64" | "64"),
        _ => false,
    };
    match own {
        true => Ok(ARCHITECTURE),
        false => Err(format!(
            "{value} is not this processor's architecture; write \"b64\""
        )),
    }
}

fn number_or(name: &str, look_up: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    match name.parse() {
        Ok(number) => Some(number),
        Err(_) => look_up(name),
    }
}

fn text(value: &Value, most: usize) -> Result<&str, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("{value} is not a text"))?;
    match text.len() {
        0 => Err("the text is empty".into()),
        length if length > most => Err(format!("the text has {length} bytes, {most} are allowed")),
        _ => Ok(text),
    }
}

/// A whole number of 32 bits; a negative one, such as an error number, in the
/// two's complement the kernel expects.
fn whole(value: &Value) -> Result<u32, String> {
    let number = number(value).ok_or_else(|| format!("{value} is not a whole number"))?;
    u32::try_from(number)
        .or_else(|_| i32::try_from(number).map(i32::cast_unsigned))
        .map_err(|_| format!("{number} does not fit into the kernel's 32 bits"))
}
