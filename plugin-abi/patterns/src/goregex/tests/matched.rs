use super::matches;

/// Kelvin sign and long s: the two characters beyond ASCII whose case folding
/// leads into ASCII.
const KELVIN: &str = "\u{212A}";
const LONG_S: &str = "\u{17F}";
/// `\b` stays ASCII even with `(?i)`: this ends behind a word character.
const A_KELVIN: &str = "a\u{212A}";

#[test]
fn matching_follows_go() {
    let cases: &[(&str, &str, bool)] = &[
        // Searches are unanchored.
        ("b", "abc", true),
        ("^b", "abc", false),
        ("b$", "abc", false),
        ("^abc$", "abc", true),
        ("", "", true),
        ("", "x", true),
        ("^$", "", true),
        ("^$", "x", false),
        (r"\Aa", "ab", true),
        (r"b\z", "ab", true),
        ("(?m)^b$", "b", true),
        ("(?m)^b$", "ab", false),
        ("a^b", "ab", false),
        ("a$b", "ab", false),
        ("(^|x)a", "ba", false),
        ("(a|b$)c?", "xb", true),
        // ASCII classes.
        (r"^\d$", "7", true),
        (r"^\d$", "٣", false),
        (r"^\w$", "é", false),
        (r"^\W$", "é", true),
        (r"^\s$", "\t", true),
        (r"^\s$", "\x0C", true),
        (r"^\s$", "\x0B", false),
        (r"^\S$", "\x0B", true),
        (r"^\s$", "\u{A0}", false),
        ("^[[:space:]]$", "\x0B", true),
        (r"^\D$", "x", true),
        (r"\bfoo\b", "a foo b", true),
        (r"\bfoo\b", "afoo", false),
        (r"\bfoo\b", "éfoo", true),
        (r"o\B", "foo", true),
        (r"foo\B", "a foo b", false),
        (r"\Boo", "foo", true),
        (r"\B", "é", true),
        (r"^\B", "é", true),
        (r"a\Bb", "ab", true),
        (r"\B", "aéb", false),
        (r"\B", "", true),
        (r"\b", "", false),
        // Braces as text.
        ("x{10.50}", "x{10.50}", true),
        ("a{,5}", "a{,5}", true),
        ("a{,5}", "aaa", false),
        ("^a{01}$", "a{01}", true),
        ("{", "{", true),
        (r"\b{start}", "a {start}", false),
        (r"\b{start}", "a{start}", true),
        // Plain characters in classes.
        ("^[a[b]$", "[", true),
        ("^[a&&b]$", "&", true),
        ("^[a&&b]$", "a", true),
        ("^[a~~b]$", "~", true),
        ("^[+--b]$", ",", true),
        ("^[+--b]$", "b", true),
        ("^[+--b]$", "a", false),
        ("^[]a]$", "]", true),
        ("^[^]a]$", "]", false),
        ("^[a-]$", "-", true),
        ("^[a-b-c]$", "-", true),
        ("^[:alpha:]$", "l", true),
        ("^[[:alpha]$", "[", true),
        ("^[[:word:]]$", "_", true),
        ("^[[:^digit:]]$", "é", true),
        ("^[^[:lower:]]$", "é", true),
        // Quoting.
        (r"^\Qa.b\E$", "a.b", true),
        (r"^\Qa.b\E$", "axb", false),
        (r"^\Qa.b$", "a.b$", true),
        (r"^\Qab\E+$", "abbb", true),
        (r"^\Qab\E+$", "abab", false),
        (r"^\Q\\E$", r"\", true),
        (r"^a\Q\E*$", "aaa", true),
        // Escapes.
        (r"^\012$", "\n", true),
        (r"^\101$", "A", true),
        (r"^\08$", "\x008", true),
        (r"^\1012$", "A2", true),
        (r"^\x41$", "A", true),
        (r"^\x{1F600}$", "\u{1F600}", true),
        (r"^\x{D800}$", "\u{FFFD}", false),
        (r"\<", "a<b", true),
        (r"\>", "a>b", true),
        (r"\<b", "a b", false),
        (r"^\_$", "_", true),
        (r"^\a$", "\x07", true),
        // Case folding.
        ("(?i)^k$", "K", true),
        ("(?i)^k$", KELVIN, true),
        ("(?i)^s$", LONG_S, true),
        ("(?i)^K$", KELVIN, true),
        ("^k$", KELVIN, false),
        (r"(?i)^\w$", KELVIN, true),
        (r"(?i)^\w$", LONG_S, true),
        (r"(?i)^\W$", KELVIN, false),
        (r"^\W$", KELVIN, true),
        ("(?i)^[[:alpha:]]$", KELVIN, true),
        ("(?i)^[[:^alpha:]]$", KELVIN, false),
        ("(?i)^[a-z]$", LONG_S, true),
        ("(?i)^[^a-z]$", LONG_S, false),
        ("(?i)^[j-l]$", KELVIN, true),
        ("(?i)^straSSe$", "STRASSE", true),
        ("(?i)^ß$", "ẞ", true),
        ("(?i)^ß$", "ss", false),
        ("(?i)^Σ$", "ς", true),
        ("(?i)^δ$", "Δ", true),
        (r"(?i)^\p{Lu}$", "a", true),
        (r"(?i)^\P{Lu}$", "a", false),
        (r"^\p{Lu}$", "a", false),
        (r"(?i)a\b", A_KELVIN, true),
        ("(?i)a(?-i)b", "Ab", true),
        ("(?i)a(?-i)b", "AB", false),
        ("(?i:a)b", "Ab", true),
        ("(?i:a)b", "AB", false),
        ("((?i)a)b", "AB", false),
        ("a|(?i)b|c", "C", true),
        // Unicode classes.
        (r"^\p{Greek}$", "α", true),
        (r"^\p{^Greek}$", "a", true),
        (r"^\P{^Greek}$", "α", true),
        (r"^\pN$", "٣", true),
        (r"^\pN$", "x", false),
        (r"^[\pL-]$", "-", true),
        (r"^\p{C}$", "\u{378}", false),
        (r"^\p{Any}$", "x", true),
        // Dot, flags, repetition.
        ("^.$", "é", true),
        ("^.$", "éé", false),
        ("^a.*z$", "aéz", true),
        ("(?s)^.$", "x", true),
        ("(?U)^a+$", "aaa", true),
        ("^a{2}$", "aa", true),
        ("^a{2}$", "aaa", false),
        ("^a{2,}$", "aaaa", true),
        ("^(ab){2,3}$", "ababab", true),
        ("^a{0}$", "", true),
        ("^a{0}b$", "b", true),
        ("a(?i)*", "", true),
        ("^(|a)*$", "aa", true),
        ("^(?P<n>a)(?P<n>b)$", "ab", true),
        ("^[[:upper:]][[:punct:]]$", "A!", true),
        (r"x*", "", true),
        ("(?i)passw(or)?d", "PASSWD", true),
        (r"^((#.*)|(\s*)|(known line))$", "# comment", true),
        (r"^((#.*)|(\s*)|(known line))$", "unknown", false),
    ];
    for &(pattern, text, wanted) in cases {
        if text.contains('\n') {
            let whole = crate::matching::TextPattern::new(pattern).unwrap();
            assert_eq!(
                whole.is_match(&mut whole.cache(), text.as_bytes()),
                wanted,
                "{pattern:?}"
            );
            continue;
        }
        assert_eq!(
            matches(pattern, text.as_bytes()),
            wanted,
            "{pattern:?} on {text:?}"
        );
    }
}

#[test]
fn every_bad_byte_acts_as_one_replacement_character() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("^.$", b"\xFF", true),
        ("^..$", b"\xFF\xFE", true),
        ("^.$", b"\xE2\x82", false),
        ("^..$", b"\xE2\x82", true),
        ("^...$", b"\xED\xA0\x80", true),
        ("^[^a]$", b"\xFF", true),
        ("^[^\u{FFFD}]$", b"\xFF", false),
        ("^\u{FFFD}$", b"\xFF", true),
        (r"^\x{FFFD}$", b"\xFF", true),
        (r"^\x{FFFD}$", "\u{FFFD}".as_bytes(), true),
        (r"^\x{FFFD}$", "é".as_bytes(), false),
        (r"^[\x{FFFC}-\x{FFFE}]$", b"\x80", true),
        (r"\x{FFFD}{2}", b"a\xC3\xC3b", true),
        (r"\x{FFFD}{2}", b"a\xC3\xA9b", false),
        (r"^a.b$", b"a\xFFb", true),
        (r"^\W$", b"\xFF", true),
        (r"^\w$", b"\xFF", false),
        (r"^\S$", b"\xFF", true),
        (r"^\pL$", b"\xFF", false),
        (r"^\PL$", b"\xFF", true),
        (r"^\p{So}$", b"\xFF", true),
        ("root", b"\xFFroot\xFF", true),
        ("^root", b"\xFFroot", false),
        (r"\broot\b", b"\xFFroot\xFF", true),
        ("^a.*z$", b"a\xF0\x9F\x98z", true),
        ("^a...z$", b"a\xF0\x9F\x98z", true),
        ("^.é$", b"\xC3\xC3\xA9", true),
        ("^é$", b"\xC3\xA9", true),
        ("\u{E9}", b"\xC3", false),
        ("^(?i)k$", b"\xE2\x84\xAA", true),
        ("^(?i)k$", b"\xE2\x84", false),
        ("[\u{80}-\u{10FFFF}]{3}", b"\xFF\xFF", false),
        ("[\u{80}-\u{10FFFF}]{3}", b"\xFF\xFF\xFF", true),
    ];
    for &(pattern, text, wanted) in cases {
        assert_eq!(matches(pattern, text), wanted, "{pattern:?} on {text:?}");
    }
}

#[test]
fn a_pattern_never_spans_lines() {
    use crate::matching::LinePattern;
    let cases: &[(&str, &[u8], bool)] = &[
        ("a.b", b"a\nb", false),
        ("(?s)a.b", b"a\nb", false),
        (r"a\nb", b"a\nb", false),
        (r"a\s*b", b"a\nb", false),
        ("a[^x]b", b"a\nb", false),
        (r"\n", b"a\n", false),
        ("^b$", b"a\nb\nc\n", true),
        (r"\Ab\z", b"a\nb\nc\n", true),
        ("(?m)^b$", b"a\nb\nc", true),
        ("^$", b"a\nb\n", false),
        ("^$", b"a\n\nb\n", true),
        ("^$", b"\n", true),
        ("^$", b"", false),
        ("", b"", false),
        ("", b"\n", true),
        // One carriage return before the line feed does not belong to the line.
        ("^b$", b"a\r\nb\r\nc", true),
        (r"b\r", b"b\r\n", false),
        (r"b\r$", b"b\r\r\n", true),
        ("^b.$", b"b\r\n", false),
        ("^b.$", b"b\r\r\n", true),
        ("^b$", b"b\r", true),
        (r"^\r$", b"\r\r", true),
        ("^$", b"\r\n", true),
        ("(?m)$^", b"\r\n", true),
        (r"b$\b", b"b\r\n", true),
        (r"b$\B", b"b\r\n", false),
        (r"b$", b"b\ra\r\n", false),
        (r"b\s$", b"b\r\n", false),
        (r"b\r", b"b\rc\n", true),
    ];
    for &(pattern, block, wanted) in cases {
        let lines = LinePattern::new(pattern).unwrap();
        assert_eq!(
            lines.matches_any_line(&mut lines.scratch(), block),
            wanted,
            "{pattern:?} in {block:?}"
        );
    }
}
