//! JSON as the original's collectors know it: one line, `<`, `>` and `&`
//! escaped, and the two line separators of Unicode.

/// The bytes that everything that is escaped begins with.
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        special[byte] =
            byte < 0x20 || matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
        byte += 1;
    }
    special
};

/// Appends a JSON string.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(byte)] {
            continue;
        }
        let separator = matches!(text.get(at..at + 3), Some("\u{2028}" | "\u{2029}"));
        if byte == 0xe2 && !separator {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + if separator { 3 } else { 1 };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0xe2 if text[at..].starts_with('\u{2028}') => out.push_str("\\u2028"),
            0xe2 => out.push_str("\\u2029"),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(DIGITS[usize::from(other >> 4)]));
                out.push(char::from(DIGITS[usize::from(other & 15)]));
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends an object of strings.
pub(super) fn object<'a>(out: &mut String, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (place, (key, value)) in entries.enumerate() {
        if place > 0 {
            out.push(',');
        }
        string(out, key);
        out.push(':');
        string(out, value);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped_as_the_original_does() {
        let mut out = String::new();
        super::string(
            &mut out,
            "a\"\\<>&\n\r\t\u{8}\u{1f}\u{7f}\u{2028}\u{2029}\u{2030}ä\u{20ac}",
        );
        assert_eq!(
            out,
            r#""a\"\\\u003c\u003e\u0026\n\r\t\u0008\u001f"#.to_owned()
                + "\u{7f}"
                + r"\u2028\u2029"
                + "\u{2030}ä\u{20ac}\""
        );
    }
}
