//! Rules that watch a file or a directory: every entry with a path.

use super::fields::{DIR, EQUAL, KEY, MOST_KEY, PERM, WATCH};
use super::kernel::{Condition, KernelRule, Operand, WORDS, action, list};
use super::{Entry, value};

/// What became of an entry.
pub(super) enum Watch {
    /// The rule.
    Rule(Box<KernelRule>),
    /// There is no such file; the path.
    Missing(String),
}

/// Turns an entry into a rule; an error names what in it is wrong.
pub(super) fn compile(entry: &Entry<'_>) -> Result<Watch, String> {
    let path = entry.text("path")?.ok_or("path: it is not a text")?;
    let path = value::path(path).map_err(|wrong| format!("path: {wrong}"))?;
    let permission = entry.text("permission")?.unwrap_or_default();
    let permission =
        value::permission(permission).map_err(|wrong| format!("permission: {wrong}"))?;
    let key = entry.text("key")?.unwrap_or_default();
    if key.len() > MOST_KEY {
        return Err(format!(
            "key: it has {} bytes, {MOST_KEY} are allowed",
            key.len()
        ));
    }
    let strict = entry.truth("strict_path_check")?;
    let directory = match std::fs::metadata(path) {
        Ok(found) => found.is_dir(),
        Err(error) if strict => return Err(format!("path: {path}: {error}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Watch::Missing(path.to_owned()));
        }
        Err(error) => return Err(format!("path: {path}: {error}")),
    };
    let condition = |field, value| Condition {
        field,
        operator: EQUAL,
        value,
    };
    let place = if directory { DIR } else { WATCH };
    let mut conditions = vec![
        condition(place, Operand::Text(path.as_bytes().to_vec())),
        condition(PERM, Operand::Number(permission)),
    ];
    if !key.is_empty() {
        conditions.push(condition(KEY, Operand::Text(key.as_bytes().to_vec())));
    }
    Ok(Watch::Rule(Box::new(KernelRule {
        list: list::EXIT,
        action: action::ALWAYS,
        mask: [u32::MAX; WORDS],
        conditions,
    })))
}
