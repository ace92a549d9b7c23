//! The rule file: JSON that describes what the kernel shall record.
//!
//! An entry with a path watches a file or directory, any other is about system
//! calls. Everything is compiled before the kernel is touched, and the first
//! mistakes are told with the number of the rule, counted from 1.

mod fields;
pub(crate) mod kernel;
mod names;
mod syscall;
#[cfg(test)]
mod tests;
mod value;
mod watch;

use kernel::KernelRule;
pub(crate) use names::Names;
use serde_json::{Map, Value};

/// A rule file may hold so many bytes.
pub(crate) const MOST_BYTES: u64 = 4 << 20;
/// So many rules: each costs the kernel time at every system call.
const MOST_RULES: usize = 4096;
/// So many mistakes are told at once.
const MOST_TOLD: usize = 5;

/// A compiled rule file.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The rules in their order, with what each is called in messages.
    pub(crate) rules: Vec<(String, KernelRule)>,
    /// Rules left out, a line for each.
    pub(crate) skipped: Vec<String>,
}

/// Compiles a rule file.
///
/// # Errors
/// One line with the mistakes.
pub(crate) fn compile(text: &str, names: &Names) -> Result<Rules, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let document = Entry::of(&document)?;
    let Some(_) = document.get("audit_rules") else {
        return Err("it has no list `audit_rules`".into());
    };
    let entries = document.list("audit_rules")?;
    if entries.len() > MOST_RULES {
        return Err(format!(
            "it has {} rules, {MOST_RULES} are allowed",
            entries.len()
        ));
    }
    let mut compiled = Rules::default();
    let mut mistakes = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        match one(entry, position + 1, names) {
            Ok((name, One::Rule(rule))) => compiled.rules.push((name, *rule)),
            Ok((name, One::Missing(path))) => compiled
                .skipped
                .push(format!("{name} is left out: there is no {path}")),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        return Ok(compiled);
    }
    let more = mistakes.len().saturating_sub(MOST_TOLD);
    mistakes.truncate(MOST_TOLD);
    let mut line = mistakes.join("; ");
    if more > 0 {
        line.push_str(&format!("; and {more} more"));
    }
    Err(line)
}

enum One {
    Rule(Box<KernelRule>),
    Missing(String),
}

fn one(entry: &Value, number: usize, names: &Names) -> Result<(String, One), String> {
    let plain = format!("rule {number}");
    let wrong = |mistake: String| format!("{plain}: {mistake}");
    let entry = Entry::of(entry).map_err(wrong)?;
    let name = match entry.get("key").and_then(Value::as_str) {
        Some(key) if !key.is_empty() => format!("{plain} ({})", shown(key)),
        _ => plain.clone(),
    };
    let wrong = |mistake: String| format!("{name}: {mistake}");
    let rule = match entry.get("path") {
        Some(_) => match watch::compile(&entry).map_err(wrong)? {
            watch::Watch::Rule(rule) => One::Rule(rule),
            watch::Watch::Missing(path) => One::Missing(path),
        },
        None => One::Rule(Box::new(syscall::compile(&entry, names).map_err(wrong)?)),
    };
    Ok((name, rule))
}

/// The beginning of a text of the file, on one line.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    short.escape_debug().to_string()
}

/// An object of the file. Its members are found in any case of letters, as in
/// the original; unknown ones are ignored, and `null` is as if absent.
struct Entry<'a>(&'a Map<String, Value>);

impl<'a> Entry<'a> {
    fn of(value: &'a Value) -> Result<Self, String> {
        let map = value.as_object();
        map.map(Self)
            .ok_or_else(|| format!("{} is not an object", shown(&value.to_string())))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        let exact = self.0.get(name);
        let found = exact.or_else(|| {
            let mut members = self.0.iter();
            members.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
        });
        found.filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.get(name)
            .map(|value| {
                value
                    .as_str()
                    .ok_or_else(|| format!("{name}: {} is not a text", shown(&value.to_string())))
            })
            .transpose()
    }

    fn truth(&self, name: &str) -> Result<bool, String> {
        self.get(name).map_or(Ok(false), |value| {
            value
                .as_bool()
                .ok_or_else(|| format!("{name}: it is neither true nor false"))
        })
    }

    fn list(&self, name: &str) -> Result<&'a [Value], String> {
        self.get(name).map_or(Ok(&[]), |value| {
            value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| format!("{name}: it is not a list"))
        })
    }
}

/// A whole number, which other programs may have written as a double.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let double = value.as_f64()?;
        (double.fract() == 0.0 && double.abs() < 9e15).then_some(double as i64)
    })
}
