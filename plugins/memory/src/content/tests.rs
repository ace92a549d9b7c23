//! Streams against the whole text at once.

use super::{Literals, Regex, RegexStream, needle_of};
use mig_plugin_patterns::goregex;
use mig_plugin_patterns::matching::TextPattern;
use proptest::prelude::*;

/// What the exact pattern makes of all bytes at once.
fn whole(pattern: &str, bytes: &[u8]) -> bool {
    let pattern = TextPattern::new(pattern).unwrap();
    pattern.is_match(&mut pattern.cache(), bytes)
}

/// What a stream makes of the pieces between these borders. It has run over
/// another stretch before, as it has in practice.
fn streamed(regex: &Regex, bytes: &[u8], borders: &[usize]) -> bool {
    let mut stream = RegexStream::new(regex);
    stream.push(b"\xF0needl\0nee");
    stream.finish();
    stream.begin();
    let mut at = 0;
    for &border in borders {
        let border = border.clamp(at, bytes.len());
        stream.push(&bytes[at..border]);
        at = border;
    }
    stream.push(&bytes[at..]);
    stream.finish()
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(&goregex::parse(pattern).unwrap(), 64 << 10).unwrap()
}

/// Patterns for each way to skip memory, and for none.
const PATTERNS: &[&str] = &[
    "needle",
    "(?i)needle",
    "(?i)needle[0-9]+x",
    "needle.*end",
    "(?s)needle.*end",
    "(?i)k\\x{FFFD}",
    "needle\\x{FFFD}",
    "[a-z]+needle",
    "\\w+@needle",
    "[^@]*@needle",
    "(?s).+needle",
    "\\bneedle\\b",
    "\\Bneedle",
    "^needle",
    "needle$",
    "(?m)^needle$",
    "^(?:needle|x)*end",
    "é+needle",
    "[0-9]{3}",
    "\\x00{3}",
    "(?:\\x00\\x00)+end",
    "needle\\x00*end",
    "a*",
    "\\PL\\x{FFFD}\\PL",
    "(?:x|needle)[^a]end",
    "\\x{FFFC}",
];

#[test]
fn a_match_at_every_border_of_two_pieces_is_found() {
    for pattern in PATTERNS {
        let regex = compiled(pattern);
        for text in [
            "xx\0needle\0xx",
            "abc@needle end",
            "\nneedle\n",
            "NEEDLE12x",
            "\u{FFFC}é needle9aend",
            "needle\0\0\0\0end",
            "\u{212A}\u{FFFD}123",
        ] {
            for length in [text.len(), text.len() - 1] {
                let bytes = &text.as_bytes()[..length];
                let wanted = whole(pattern, bytes);
                for border in 0..=bytes.len() {
                    for next in border..=bytes.len() {
                        assert_eq!(
                            streamed(&regex, bytes, &[border, next]),
                            wanted,
                            "{pattern} in {bytes:?} at {border} and {next}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn zeros_that_were_not_read_count_as_zeros() {
    for pattern in PATTERNS {
        let regex = compiled(pattern);
        for zeros in [0_usize, 1, 2, 3, 4, 5000] {
            for (before, after) in [
                ("", ""),
                ("needle", "end"),
                ("xneedle", "endx"),
                ("é", "needle"),
            ] {
                let bytes = [before.as_bytes(), &vec![0; zeros], after.as_bytes()].concat();
                let mut stream = RegexStream::new(&regex);
                stream.push(before.as_bytes());
                assert!(stream.push_zeros(zeros as u64));
                stream.push(after.as_bytes());
                assert_eq!(
                    stream.finish(),
                    whole(pattern, &bytes),
                    "{pattern} {before} {zeros}"
                );
            }
        }
    }
    // Two states take turns for ever: nobody counts so far.
    let parity = compiled("needle(?:\\x00\\x00)*end");
    let mut stream = RegexStream::new(&parity);
    stream.push(b"needle");
    assert!(!stream.push_zeros(1 << 40));
}

#[test]
fn plain_patterns_are_byte_sequences() {
    let needle = |pattern: &str| needle_of(&goregex::parse(pattern).unwrap());
    assert_eq!(needle("abc").as_deref(), Some(&b"abc"[..]));
    assert_eq!(needle("(a)b\\.\\x{e9}").as_deref(), None);
    assert_eq!(needle("b\\.\\x{e9}").as_deref(), Some("b.é".as_bytes()));
    assert_eq!(needle("(abc)").as_deref(), Some(&b"abc"[..]));
    for pattern in ["(?i)a", "a\\x{FFFD}", "a*", "^a", "ab?", "()"] {
        assert_eq!(needle(pattern), None, "{pattern}");
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"needle".to_vec()),
        2 => Just(b"nee".to_vec()),
        1 => Just(b"dle".to_vec()),
        2 => Just(b"\0".to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => Just(b" ".to_vec()),
        1 => Just(b"@".to_vec()),
        1 => Just(b"end".to_vec()),
        1 => Just("é\u{212A}\u{FFFD}".as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..4),
        1 => Just(b"\xE2\x84".to_vec()),
        1 => "[a-e0-9]{1,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn pattern() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "needle",
        "(?i:needle)",
        "nee",
        "end",
        "e",
        "@",
        ".",
        "[^a]",
        "\\x{FFFD}",
        "\\W",
        "\\w",
        "\\s",
        "(?i:k)",
        "\\b",
        "\\B",
        "^",
        "$",
        "é",
        "(?s:.)",
        "\\pL",
        "\\x00",
        "[0-9]",
    ])
    .prop_map(str::to_owned);
    let node = atom.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            1 => inner.clone().prop_map(|a| format!("(?:{a})*")),
            1 => inner.clone().prop_map(|a| format!("(?:{a})+?")),
            1 => inner.prop_map(|a| format!("(?:{a}){{2}}")),
        ]
    });
    prop_oneof![node.clone(), node.prop_map(|inner| format!("(?m){inner}"))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_matches_what_the_whole_matches(
        pattern in prop_oneof![pattern(), prop::sample::select(PATTERNS).prop_map(str::to_owned)],
        content in content(),
        borders in prop::collection::vec(0_usize..160, 0..6),
    ) {
        let mut borders = borders;
        borders.sort_unstable();
        let wanted = whole(&pattern, &content);
        // So little memory for states that they are forgotten all the time.
        for states in [1, 64 << 10] {
            let regex = Regex::new(&goregex::parse(&pattern).unwrap(), states).unwrap();
            prop_assert_eq!(streamed(&regex, &content, &borders), wanted);
        }
    }

    #[test]
    fn sequences_are_found_one_by_one_and_together(
        needles in prop::collection::vec(prop::collection::vec(0_u8..3, 1..6), 1..12),
        content in prop::collection::vec(0_u8..3, 0..60),
        border in 0_usize..60,
    ) {
        let literals = Literals::new(&needles).unwrap();
        let border = border.min(content.len());
        let mut wanted = vec![true; needles.len()];
        let mut found = literals.search(&content[..border], border, &mut wanted);
        let from = border.saturating_sub(literals.overlap());
        found += literals.search(&content[from..], content.len() - border, &mut wanted);
        let missing: Vec<bool> = needles
            .iter()
            .map(|needle| !content.windows(needle.len()).any(|window| window == needle))
            .collect();
        prop_assert_eq!(found, missing.iter().filter(|missing| !**missing).count());
        prop_assert_eq!(wanted, missing);
    }
}
