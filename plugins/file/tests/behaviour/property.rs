//! Random files and patterns: the block-wise, shared, parallel search against
//! one line at a time.

use crate::support::{Tree, files, run};
use mig_plugin_patterns::matching::{LinePattern, TextPattern};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Lines as the reference describes them.
fn lines(content: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
    if lines.last() == Some(&&b""[..]) {
        lines.pop();
    }
    lines
        .into_iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect()
}

/// What a pattern makes of a file, line by line on the whole transcription.
fn some_line_matches(pattern: &str, content: &[u8]) -> bool {
    let pattern = TextPattern::new(pattern).unwrap();
    let mut cache = pattern.cache();
    lines(content)
        .iter()
        .any(|line| pattern.is_match(&mut cache, line))
}

fn every_line_matches(pattern: &str, content: &[u8]) -> bool {
    let pattern = TextPattern::new(pattern).unwrap();
    let mut cache = pattern.cache();
    let lines = lines(content);
    !lines.is_empty() && lines.iter().all(|line| pattern.is_match(&mut cache, line))
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        4 => "[ab]{1,3}".prop_map(String::into_bytes),
        1 => Just("é\u{212A}\u{FFFD}".as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => Just(b"\xE2\x82".to_vec()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("ab".to_owned()),
        Just(".".to_owned()),
        Just("[^a]".to_owned()),
        Just("\\x{FFFD}".to_owned()),
        Just("\\W".to_owned()),
        Just("\\s".to_owned()),
        Just("(?i:k)".to_owned()),
        Just("\\r".to_owned()),
        Just("\\b".to_owned()),
        Just("\\B".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just("é".to_owned()),
        Just("(?s:.)".to_owned()),
        Just("\\pL".to_owned()),
        Just("\\x{10FFFF}".to_owned()),
    ];
    let node = atom.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            inner.clone().prop_map(|a| format!("(?:{a})*")),
            inner.clone().prop_map(|a| format!("(?:{a})+?")),
            inner.clone().prop_map(|a| format!("(?:{a})?")),
            inner.prop_map(|a| format!("(?:{a}){{2}}")),
        ]
    });
    prop_oneof![node.clone(), node.prop_map(|inner| format!("(?m){inner}"))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_block_is_searched_like_its_lines(pattern in pattern(), content in content()) {
        let lines = LinePattern::new(&pattern).unwrap();
        prop_assert_eq!(
            lines.matches_any_line(&mut lines.scratch(), &content),
            some_line_matches(&pattern, &content)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_finds_what_a_plain_reader_finds(
        patterns in prop::collection::vec(pattern(), 1..5),
        contents in prop::collection::vec(content(), 1..6),
        padding in prop_oneof![Just(0_usize), Just(250_000), Just(300_000)],
    ) {
        let tree = Tree::new();
        let mut all = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            // Lines that cross a block's border, and some longer than a block.
            let mut padded = vec![b'a'; if number % 2 == 0 { padding } else { 0 }];
            padded.extend_from_slice(content);
            let name = format!("f{number}");
            tree.file(&name, &padded);
            all.push((name, padded));
        }
        for (macroal, judge) in [
            (false, some_line_matches as fn(&str, &[u8]) -> bool),
            (true, every_line_matches),
        ] {
            let searches: serde_json::Map<String, Value> = patterns
                .iter()
                .enumerate()
                .map(|(number, pattern)| {
                    let search = json!({"paths": [tree.root()], "contents": [pattern],
                        "options": {"matchall": number % 2 == 0, "macroal": macroal}});
                    (format!("p{number}"), search)
                })
                .collect();
            let document = run(json!({ "searches": searches }));
            for (number, pattern) in patterns.iter().enumerate() {
                // A pattern that begins with `!` would be an inverted one.
                prop_assert!(!pattern.starts_with('!'));
                let wanted: Vec<String> = all
                    .iter()
                    .filter(|(_, content)| judge(pattern, content))
                    .map(|(name, _)| name.clone())
                    .collect();
                prop_assert_eq!(
                    files(&tree, &document, &format!("p{number}")),
                    wanted,
                    "pattern {} macroal {}", pattern, macroal
                );
            }
        }
    }
}
