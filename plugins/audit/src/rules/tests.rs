//! What becomes of rule files.

use super::fields::{FIELDS, OPERATORS};
use super::kernel::{Condition, KernelRule, Operand, WORDS, action, list, takes_text};
use super::{Names, Rules, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

fn names() -> Names {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(
        directory.path().join("passwd"),
        "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n",
    )
    .expect("a password file");
    std::fs::write(
        directory.path().join("group"),
        "root:x:0:\nwheel:x:10:alice\n",
    )
    .expect("a group file");
    Names::read(directory.path())
}

fn rules(entries: Value) -> Result<Rules, String> {
    compile(&json!({"audit_rules": entries}).to_string(), &names())
}

fn only(entry: Value) -> KernelRule {
    let mut compiled = rules(json!([entry])).expect("a rule file");
    assert_eq!(compiled.rules.len(), 1, "{:?}", compiled.skipped);
    compiled.rules.remove(0).1
}

fn condition(field: u32, operator: u32, value: Operand) -> Condition {
    Condition {
        field,
        operator,
        value,
    }
}

#[test]
fn the_examples_of_the_documentation_become_these_structures() {
    let exec = only(
        json!({"actions": ["always", "exit"], "syscalls": ["execve"], "key": "exec",
        "fields": [{"name": "arch", "op": "eq", "value": 64}, {"name": "auid", "op": "gt_or_eq", "value": 1000}]}),
    );
    let mut mask = [0; WORDS];
    let number = crate::events::tables::syscall_number_on(super::value::ARCHITECTURE, "execve")
        .expect("the call exists everywhere");
    mask[(number / 32) as usize] = 1 << (number % 32);
    assert_eq!((exec.list, exec.action, exec.mask), (4, 2, mask));
    assert_eq!(
        exec.conditions,
        [
            condition(11, 0x4000_0000, Operand::Number(super::value::ARCHITECTURE)),
            condition(9, 0x6000_0000, Operand::Number(1000)),
            condition(210, 0x4000_0000, Operand::Text(b"exec".to_vec())),
        ]
    );
    let bytes = exec.to_bytes();
    assert_eq!(bytes.len(), 1040 + 4);
    assert_eq!(&bytes[1036..], [&4u32.to_ne_bytes()[..], b"exec"].concat());

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("shadow");
    std::fs::write(&file, "").expect("a file");
    let place = directory
        .path()
        .to_str()
        .expect("a path of text")
        .to_owned();
    let watch = only(
        json!({"Path": file, "permission": "Wa", "key": "shadow", "strict_path_check": false}),
    );
    assert_eq!(
        (watch.list, watch.action, watch.mask),
        (4, 2, [u32::MAX; WORDS])
    );
    assert_eq!(
        watch.conditions,
        [
            condition(
                105,
                0x4000_0000,
                Operand::Text(format!("{place}/shadow").into())
            ),
            condition(106, 0x4000_0000, Operand::Number(10)),
            condition(210, 0x4000_0000, Operand::Text(b"shadow".to_vec())),
        ]
    );
    let tree = only(json!({"path": format!("{place}//"), "permission": "rwxa"}));
    assert_eq!(
        tree.conditions,
        [
            condition(107, 0x4000_0000, Operand::Text(place.into())),
            condition(106, 0x4000_0000, Operand::Number(15)),
        ]
    );
}

#[test]
fn each_field_takes_its_kind_of_value() {
    let one = |name: &str, value: Value| {
        let list = if name == "msgtype" { "exclude" } else { "exit" };
        let rule = only(
            json!({"actions": [list, "never"], "syscalls": ["open" , "all"],
            "fields": [{"name": name, "op": "eq", "value": value}]}),
        );
        rule.conditions[0].clone()
    };
    for (name, value, field, expected) in [
        ("auid", json!("unset"), 9, u32::MAX),
        ("loginuid", json!(-1), 9, u32::MAX),
        ("uid", json!("alice"), 1, 1000),
        ("euid", json!("12"), 2, 12),
        ("gid", json!("wheel"), 5, 10),
        ("pid", json!(7.0), 0, 7),
        ("ppid", json!(7), 18, 7),
        ("exit", json!(-13), 103, 0xffff_fff3),
        ("perm", json!("rA"), 106, 12),
        ("filetype", json!("dir"), 108, 0o040_000),
        ("filetype", json!("socket"), 108, 0o140_000),
        ("msgtype", json!(1400), 12, 1400),
        ("msgtype", json!("AVC"), 12, 1400),
        ("arch", json!("b64"), 11, super::value::ARCHITECTURE),
        ("a3", json!(4_294_967_295u32), 203, u32::MAX),
        ("obj_uid", json!("root"), 109, 0),
    ] {
        let made = one(name, value);
        assert_eq!(
            (made.field, made.value),
            (field, Operand::Number(expected)),
            "{name}"
        );
    }
    for (name, field) in [("exe", 112), ("dir", 107), ("path", 105)] {
        let made = one(name, json!("/usr/bin/"));
        assert_eq!(
            (made.field, made.value),
            (field, Operand::Text(b"/usr/bin".to_vec()))
        );
    }
    assert_eq!(
        one("subj_type", json!("init_t")).value,
        Operand::Text(b"init_t".to_vec())
    );
}

#[test]
fn a_key_goes_with_a_path_a_program_or_system_calls() {
    for entry in [
        json!({"actions": ["exit", "always"], "key": "k", "fields": [{"name": "dir", "op": "eq", "value": "/etc"}]}),
        json!({"actions": ["entry", "always"], "fields": [{"name": "exe", "op": "eq", "value": "/bin/su"}, {"name": "key", "op": "eq", "value": "k"}]}),
    ] {
        let rule = only(entry);
        assert_eq!((rule.list, rule.mask), (list::EXIT, [u32::MAX; WORDS]));
        assert_eq!(rule.conditions[1].value, Operand::Text(b"k".to_vec()));
    }
    let rule = only(
        json!({"actions": ["never", "task"], "fields": [{"name": "uid", "op": "nt_eq", "value": 0}]}),
    );
    assert_eq!(
        (rule.list, rule.action, rule.mask),
        (list::TASK, action::NEVER, [0; WORDS])
    );
}

#[test]
fn mistakes_are_named_with_rule_and_field() {
    let exit = |field: Value| json!({"actions": ["always", "exit"], "syscalls": ["kill"], "fields": [field]});
    let many: Vec<Value> = (0..64)
        .map(|_| json!({"name": "pid", "op": "eq", "value": 1}))
        .collect();
    let long = "k".repeat(257);
    for (entry, expected) in [
        (json!("text"), "rule 1: \\\"text\\\" is not an object"),
        (
            json!({"actions": ["exit"], "syscalls": ["kill"]}),
            "rule 1: actions: `always` or `never` is missing",
        ),
        (
            json!({"actions": ["always"], "syscalls": ["kill"], "key": "x"}),
            "rule 1 (x): actions: a list is missing",
        ),
        (
            json!({"syscalls": ["kill"]}),
            "`always` or `never` is missing",
        ),
        (
            json!({"actions": ["possible", "exit"]}),
            "knows `possible` no longer",
        ),
        (
            json!({"actions": ["sometimes", "exit"]}),
            "`sometimes` is none of",
        ),
        (
            json!({"actions": ["always", "never", "exit"]}),
            "`never` contradicts",
        ),
        (
            json!({"actions": ["always", "exit"], "syscalls": ["fly"]}),
            "no system call `fly`",
        ),
        (
            json!({"actions": ["always", "exit"], "syscalls": "kill"}),
            "syscalls: it is not a list",
        ),
        (
            json!({"actions": ["always", "exit"]}),
            "it needs `syscalls`",
        ),
        (
            json!({"actions": ["always", "task"], "key": "k"}),
            "a key needs `syscalls`",
        ),
        (
            json!({"actions": ["always", "task"], "fields": [{"name": "arch", "op": "eq", "value": 64}]}),
            "`arch` needs `syscalls`",
        ),
        (
            json!({"actions": ["always", "exit"], "syscalls": ["kill"], "fields": many}),
            "it has 64 fields",
        ),
        (
            json!({"actions": ["always", "exit"], "syscalls": ["kill"], "key": long}),
            "key: the text has 257 bytes",
        ),
        (
            json!({"actions": ["always", "exit"], "syscalls": ["kill"], "key": "a", "fields": [{"name": "key", "op": "eq", "value": "b"}]}),
            "more than one key",
        ),
        (
            exit(json!({"op": "eq", "value": 1})),
            "fields[0]: it has no `name`",
        ),
        (
            exit(json!({"name": "colour", "op": "eq", "value": 1})),
            "fields[0]: there is no field `colour`",
        ),
        (
            exit(json!({"name": "pid", "value": 1})),
            "`pid` has no `op`",
        ),
        (
            exit(json!({"name": "pid", "op": "=", "value": 1})),
            "op `=` is none of eq, nt_eq",
        ),
        (
            exit(json!({"name": "pid", "op": "eq"})),
            "null is not a whole number",
        ),
        (
            exit(json!({"name": "pid", "op": "eq", "value": 1.5})),
            "1.5 is not a whole number",
        ),
        (
            exit(json!({"name": "pid", "op": "eq", "value": 4_294_967_296u64})),
            "does not fit",
        ),
        (
            exit(json!({"name": "uid", "op": "eq", "value": "mallory"})),
            "no user `mallory`",
        ),
        (
            exit(json!({"name": "gid", "op": "eq", "value": "mallory"})),
            "no group `mallory`",
        ),
        (
            exit(json!({"name": "msgtype", "op": "eq", "value": 1})),
            "`msgtype` cannot stand in a rule of this list",
        ),
        (
            exit(json!({"name": "inode", "op": "gt", "value": 1})),
            "`inode` cannot be compared by `gt`",
        ),
        (
            exit(json!({"name": "arch", "op": "lt", "value": 64})),
            "`arch` cannot be compared by `lt`",
        ),
        (
            exit(json!({"name": "arch", "op": "eq", "value": "b32"})),
            "not this processor's",
        ),
        (
            exit(json!({"name": "perm", "op": "eq", "value": "rq"})),
            "`q` is none of r, w, x, a",
        ),
        (
            exit(json!({"name": "filetype", "op": "eq", "value": "door"})),
            "`door` is none of file, dir",
        ),
        (
            exit(json!({"name": "exe", "op": "eq", "value": "bin/su"})),
            "`bin/su` is not absolute",
        ),
        (
            json!({"actions": ["always", "exclude"], "fields": [{"name": "pid", "op": "eq", "value": 1}]}),
            "`pid` cannot stand",
        ),
        (
            json!({"actions": ["always", "task"], "fields": [{"name": "ppid", "op": "eq", "value": 1}]}),
            "`ppid` cannot stand",
        ),
        (
            json!({"path": "etc", "permission": "w"}),
            "path: `etc` is not absolute",
        ),
        (
            json!({"path": "/etc/../etc", "permission": "w"}),
            "holds `..`",
        ),
        (
            json!({"path": format!("/{}", "a".repeat(4096)), "permission": "w"}),
            "the path has 4097 bytes",
        ),
        (
            json!({"path": format!("/{}", "a".repeat(256)), "permission": "w"}),
            "longer than 255 bytes",
        ),
        (
            json!({"path": 7, "permission": "w"}),
            "path: 7 is not a text",
        ),
        (
            json!({"path": "/etc"}),
            "permission: `` is not one to four letters",
        ),
        (
            json!({"path": "/etc", "permission": "rwxar"}),
            "is not one to four letters",
        ),
        (json!({"path": "/etc", "permission": "q"}), "`q` is none of"),
        (
            json!({"path": "/no/such/place", "permission": "w", "strict_path_check": true}),
            "path: /no/such/place: No such file",
        ),
        (
            json!({"path": "/etc", "permission": "w", "strict_path_check": "yes"}),
            "neither true nor false",
        ),
    ] {
        let mistake = rules(json!([entry])).err().unwrap_or_default();
        assert!(mistake.starts_with("rule 1"), "{entry} gave `{mistake}`");
        assert!(mistake.contains(expected), "{entry} gave `{mistake}`");
        assert!(!mistake.contains('\n'));
    }
}

#[test]
fn the_file_as_a_whole_is_checked_and_several_mistakes_are_told_at_once() {
    for (text, expected) in [
        ("", "not JSON"),
        ("[]", "is not an object"),
        ("{}", "no list `audit_rules`"),
        (r#"{"audit_rules": {}}"#, "it is not a list"),
    ] {
        let mistake = compile(text, &names()).err().unwrap_or_default();
        assert!(mistake.contains(expected), "{text} gave `{mistake}`");
    }
    let ignored = compile(
        r#"{"Audit_Rules": [], "delete": true, "enable": 1, "buffer": "8192", "rate": 5}"#,
        &names(),
    );
    assert!(ignored.expect("an empty file").rules.is_empty());
    let wrong: Vec<Value> = (0..7).map(|_| json!({})).collect();
    let mistake = rules(wrong.into()).err().unwrap_or_default();
    assert!(
        mistake.contains("rule 5: ") && mistake.ends_with("and 2 more"),
        "{mistake}"
    );
}

#[test]
fn a_missing_file_is_left_out_and_named() {
    let compiled = rules(json!([
        {"path": "/no/such/place", "permission": "w", "key": "gone"},
        {"path": "/", "permission": "x"},
    ]));
    let compiled = compiled.expect("a rule file");
    assert_eq!(
        compiled.skipped,
        ["rule 1 (gone) is left out: there is no /no/such/place"]
    );
    assert_eq!(
        compiled.rules[0].1.conditions[0].value,
        Operand::Text(b"/".to_vec())
    );
}

#[test]
fn fields_have_one_name_and_texts_are_where_the_kernel_expects_them() {
    use super::fields::Kind;
    for (position, field) in FIELDS.iter().enumerate() {
        assert!(
            FIELDS
                .iter()
                .skip(position + 1)
                .all(|other| other.name != field.name)
        );
        let text = matches!(field.kind, Kind::Text(_) | Kind::Path);
        assert_eq!(text, takes_text(field.number), "{}", field.name);
    }
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let text = prop::collection::vec(any::<u8>(), 1..40);
    (0..FIELDS.len(), 0..OPERATORS.len(), any::<u32>(), text).prop_map(
        |(field, operator, number, text)| {
            let field = FIELDS[field].number;
            condition(
                field,
                OPERATORS[operator].1,
                match takes_text(field) {
                    true => Operand::Text(text),
                    false => Operand::Number(number),
                },
            )
        },
    )
}

proptest! {
    #[test]
    fn a_structure_reads_back_as_the_rule_that_it_was(
        list in 0u32..8, action in 0u32..3, words in prop::collection::vec(any::<u32>(), WORDS),
        conditions in prop::collection::vec(any_condition(), 0..=64),
    ) {
        let mask = words.try_into().expect("as many words");
        let rule = KernelRule { list, action, mask, conditions };
        let bytes = rule.to_bytes();
        prop_assert_eq!(KernelRule::from_bytes(&bytes), Some(rule));
        for cut in [0, 3, bytes.len() / 2, 1039] {
            prop_assert_eq!(KernelRule::from_bytes(&bytes[..cut]), None);
        }
    }

    #[test]
    fn any_text_is_rules_or_a_line(text in ".{0,200}") {
        if let Err(line) = compile(&text, &Names::default()) {
            prop_assert!(!line.contains('\n'));
        }
    }
}
