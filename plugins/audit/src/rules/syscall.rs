//! Rules by system calls, users, programs and so on: every entry without a path.

use super::fields::{ARCH, DIR, EXE, FIELDS, Field, KEY, Kind, MOST_KEY, OPERATORS, PERM, WATCH};
use super::kernel::{Condition, KernelRule, MOST_FIELDS, WORDS, action, list};
use super::{Entry, Names, value};
use crate::events::tables;
use serde_json::Value;

/// Turns an entry into a rule; an error names what in it is wrong.
pub(super) fn compile(entry: &Entry<'_>, names: &Names) -> Result<KernelRule, String> {
    let (action, list) = actions(entry)?;
    let mut mask = syscalls(entry)?;
    let mut conditions = Vec::new();
    for (position, field) in entry.list("fields")?.iter().enumerate() {
        let condition = condition(field, list, names)
            .map_err(|wrong| format!("fields[{position}]: {wrong}"))?;
        conditions.push(condition);
    }
    if let Some(key) = entry.text("key")?.filter(|key| !key.is_empty()) {
        let key = value::operand(Kind::Text(MOST_KEY), &Value::from(key), names);
        conditions.push(Condition {
            field: KEY,
            operator: super::fields::EQUAL,
            value: key.map_err(|wrong| format!("key: {wrong}"))?,
        });
    }
    if conditions.len() > MOST_FIELDS {
        return Err(format!(
            "it has {} fields with its key, {MOST_FIELDS} are allowed",
            conditions.len()
        ));
    }
    let has = |numbers: &[u32]| conditions.iter().any(|one| numbers.contains(&one.field));
    if conditions.iter().filter(|one| one.field == KEY).count() > 1 {
        return Err("it has more than one key; the kernel takes one".into());
    }
    if mask.is_none() && has(&[ARCH]) {
        return Err("`arch` needs `syscalls`".into());
    }
    let narrow = has(&[WATCH, DIR, PERM, EXE]);
    if mask.is_none() && has(&[KEY]) && !narrow {
        return Err("a key needs `syscalls`, or a field `path`, `dir`, `perm` or `exe`".into());
    }
    if list == list::EXIT && mask.is_none() {
        if !narrow {
            return Err("it needs `syscalls`; [\"all\"] is every call, which are very many".into());
        }
        mask = Some([u32::MAX; WORDS]);
    }
    Ok(KernelRule {
        list,
        action,
        mask: mask.unwrap_or([0; WORDS]),
        conditions,
    })
}

fn actions(entry: &Entry<'_>) -> Result<(u32, u32), String> {
    let (mut action, mut list) = (None, None);
    for word in entry.list("actions")? {
        let word = word
            .as_str()
            .ok_or_else(|| format!("actions: {word} is not a text"))?;
        let (slot, number) = match word {
            "always" => (&mut action, action::ALWAYS),
            "never" => (&mut action, action::NEVER),
            "possible" => {
                return Err(
                    "actions: the kernel knows `possible` no longer; write `always`".into(),
                );
            }
            "task" => (&mut list, list::TASK),
            // The kernel gave the list `entry` up; what was meant is seen at
            // the end of the call as well.
            "entry" | "exit" => (&mut list, list::EXIT),
            "user" => (&mut list, list::USER),
            "exclude" => (&mut list, list::EXCLUDE),
            other => {
                return Err(format!(
                    "actions: `{other}` is none of always, never, task, exit, user, exclude"
                ));
            }
        };
        if slot.replace(number).is_some_and(|before| before != number) {
            return Err(format!("actions: `{word}` contradicts another one"));
        }
    }
    match (action, list) {
        (Some(action), Some(list)) => Ok((action, list)),
        (None, _) => Err("actions: `always` or `never` is missing".into()),
        (_, None) => Err("actions: a list is missing: task, exit, user or exclude".into()),
    }
}

/// A bit for each call that is named; `None` when there is none.
fn syscalls(entry: &Entry<'_>) -> Result<Option<[u32; WORDS]>, String> {
    let wanted = entry.list("syscalls")?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut mask = [0; WORDS];
    for name in wanted {
        let name = name
            .as_str()
            .ok_or_else(|| format!("syscalls: {name} is not a text"))?;
        if name == "all" {
            mask = [u32::MAX; WORDS];
            continue;
        }
        let number = tables::syscall_number_on(value::ARCHITECTURE, name)
            .ok_or_else(|| format!("syscalls: this processor has no system call `{name}`"))?;
        let word = mask
            .get_mut((number / 32) as usize)
            .ok_or_else(|| format!("syscalls: the kernel cannot audit `{name}`"))?;
        *word |= 1 << (number % 32);
    }
    Ok(Some(mask))
}

fn condition(field: &Value, list: u32, names: &Names) -> Result<Condition, String> {
    let entry = Entry::of(field)?;
    let name = entry.text("name")?.ok_or("it has no `name`")?;
    let known: &Field = FIELDS
        .iter()
        .find(|known| known.name == name)
        .ok_or_else(|| format!("there is no field `{name}`"))?;
    let written = entry
        .text("op")?
        .ok_or_else(|| format!("`{name}` has no `op`"))?;
    let (_, operator) = OPERATORS
        .iter()
        .find(|(spelling, _)| *spelling == written)
        .ok_or_else(|| {
            let known: Vec<&str> = OPERATORS.iter().map(|(spelling, _)| *spelling).collect();
            format!("`{name}`: op `{written}` is none of {}", known.join(", "))
        })?;
    let fits = match known.lists {
        [] => list != list::EXCLUDE,
        lists => lists.contains(&list),
    };
    if !fits {
        return Err(format!("`{name}` cannot stand in a rule of this list"));
    }
    if !(known.operators.is_empty() || known.operators.contains(operator)) {
        return Err(format!("`{name}` cannot be compared by `{written}`"));
    }
    let value = entry.get("value").unwrap_or(&Value::Null);
    let value = value::operand(known.kind, value, names);
    let value = value.map_err(|wrong| format!("`{name}`: {wrong}"))?;
    Ok(Condition {
        field: known.number,
        operator: *operator,
        value,
    })
}
