//! What the values of fields mean to people.
//!
//! A value that is not of the expected form stays as it is.

mod address;
mod arguments;
mod values;

use std::time::Instant;

use super::constants;
use super::event::Data;
use super::execve::EXECVE;
use super::kinds::USER_AVC;
use super::names::Names;
use super::tables;
use super::text::Field;

pub(super) use values::unescape;

const MQ_OPEN: u16 = 1312;
const MMAP: u16 = 1323;
const NETFILTER_PKT: u16 = 1324;
const AVC: u16 = 1400;
/// `ADD_GROUP`, `DEL_GROUP` and `GRP_MGMT`: their `id` is a group.
const OF_GROUPS: [u16; 3] = [1116, 1117, 1132];

/// What the kernel writes about the sender of a message. A program that says
/// such a thing in its message says it of something else.
const ABOUT_SENDER: [&str; 5] = ["auid", "pid", "ses", "subj", "uid"];

/// Names that mean something only where the kernel wrote them. The manifest
/// leaves them readable in extra privacy mode, so a program's own words must not
/// stand there.
const OF_KERNEL: [&str; 15] = [
    "arch",
    "capability",
    "code",
    "exit",
    "family",
    "items",
    "key",
    "list",
    "mode",
    "nametype",
    "perm",
    "ppid",
    "sig",
    "success",
    "syscall",
];

/// The fields of one record, interpreted, and how many fields of a program's
/// message are named as the kernel's own.
pub(super) fn record(
    kind: u16,
    fields: &[Field<'_>],
    names: &mut dyn Names,
    now: Instant,
) -> (Data, u64) {
    let call = arguments::Call::of(fields);
    let bytes: usize = fields
        .iter()
        .map(|field| field.key.len() + field.value.len() + 4)
        .sum();
    let mut data = Data::with_room(bytes, fields.len() + 1);
    let mut shadowed = 0;
    // The kernel's own fields stand before those that a program wrote.
    let border = fields
        .iter()
        .position(|field| field.claimed)
        .unwrap_or(fields.len());
    let (own, claimed) = fields.split_at(border);
    let is_own = |name: &str| {
        ABOUT_SENDER.contains(&name)
            || OF_KERNEL.contains(&name)
            // Programs that decide about access say so in this kind only.
            || (kind != USER_AVC && matches!(name, "seresult" | "seperms"))
            || own.iter().any(|field| field.key == name)
    };
    for (place, field) in own.iter().chain(claimed).enumerate() {
        let mut prefix = "";
        if place >= border && is_own(&field.key) {
            prefix = "msg.";
            shadowed += 1;
        }
        let said = meaning(kind, field, &call, names, now);
        let bytes = said.as_deref().unwrap_or(&field.value);
        match std::str::from_utf8(bytes) {
            Ok(text) => data.push([prefix, &field.key], text),
            Err(_) => {
                // The bytes themselves stay readable beside the text.
                data.push([prefix, &field.key], &String::from_utf8_lossy(bytes));
                let name = format!("{}.hex", field.key);
                data.push([prefix, &name], &values::hex(bytes));
            }
        }
    }
    data.sort();
    (data, shadowed)
}

/// What a field says; `None` when it stays as it is.
fn meaning(
    kind: u16,
    field: &Field<'_>,
    call: &arguments::Call,
    names: &mut dyn Names,
    now: Instant,
) -> Option<Vec<u8>> {
    let key: &str = &field.key;
    if kind == EXECVE && key.starts_with('a') && key != "argc" && !key.contains("_len") {
        return escaped(field);
    }
    let text = || std::str::from_utf8(&field.value).ok();
    let said = match key {
        "id" if OF_GROUPS.contains(&kind) => return None,
        "auid" | "uid" | "euid" | "suid" | "fsuid" | "ouid" | "oauid" | "iuid" | "id"
        | "inode_uid" | "sauid" | "obj_uid" => user(text()?.parse().ok()?, names, now),
        "syscall" => call.name()?.to_owned(),
        "arch" => {
            let arch = u32::from_str_radix(text()?, 16).ok()?;
            tables::arch_name(arch)?.to_owned()
        }
        "exit" => (text()? == "0").then(|| "success".to_owned())?,
        "success" | "res" | "result" => values::success(text()?)?.to_owned(),
        "path" | "comm" | "exe" | "file" | "name" | "watch" | "cwd" | "cmd" | "acct" | "dir"
        | "key" | "vm" | "old-disk" | "new-disk" | "old-fs" | "new-fs" | "device" | "cgroup"
        | "apparmor" | "operation" | "denied_mask" | "info" | "profile" | "requested_mask"
        | "old-rng" | "new-rng" | "ocomm" | "proctitle" | "grp" | "new_group" | "root_dir"
        | "sw" | "invalid_context" | "old-chardev" | "new-chardev" => return escaped(field),
        "ses" => (text()? == "4294967295").then(|| "unset".to_owned())?,
        "mode" if kind == MQ_OPEN => values::permissions(octal(text()?)?),
        "mode" => values::mode(octal(text()?)?),
        "perm" | "perm_mask" => values::access(text()?.parse().ok()?),
        "saddr" if kind == AVC || kind == NETFILTER_PKT => return None,
        "saddr" => return address::describe(&unescape(&field.value)?),
        "a0" | "a1" | "a2" | "a3" => {
            let place = usize::from(key.as_bytes()[1] - b'0');
            call.argument(place, text()?, |uid| user(uid, names, now))?
        }
        "sig" => values::signal(text()?.parse().ok()?, text()?, ""),
        "list" => named(&constants::LISTS, text()?, "unknown list")?,
        "prom" | "old_prom" => values::yes(text()?.parse::<i64>().ok()? != 0).to_owned(),
        "capability" => {
            let number: u64 = text()?.parse().ok()?;
            match constants::CAPABILITIES.name(number) {
                Some(name) => name.to_owned(),
                None => format!("unknown capability({number})"),
            }
        }
        "family" => named(&constants::NETFILTER, text()?, "unknown netfilter protocol")?,
        "icmptype" => named(&constants::ICMP, text()?, "unknown icmp type")?,
        "code" => values::seccomp(text()?)?,
        "flags" if kind == MMAP => {
            let flags = u64::from_str_radix(text()?.trim_start_matches("0x"), 16).ok()?;
            arguments::mapping(flags)
        }
        _ => return None,
    };
    Some(said.into_bytes())
}

/// A text that the kernel wrote in quotation marks, or as hexadecimal digits
/// when there was something unusual in it.
fn escaped(field: &Field<'_>) -> Option<Vec<u8>> {
    match field.quoted {
        true => None,
        false => unescape(&field.value),
    }
}

fn user(uid: u32, names: &mut dyn Names, now: Instant) -> String {
    match names.user(uid, now) {
        Some(name) => name.to_owned(),
        None => format!("unknown({uid})"),
    }
}

fn octal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 8).ok()
}

fn named(table: &constants::Table, text: &str, unknown: &str) -> Option<String> {
    let number: u64 = text.parse().ok()?;
    Some(match table.name(number) {
        Some(name) => name.to_owned(),
        None => format!("{unknown} ({text})"),
    })
}
