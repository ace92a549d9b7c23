//! JSON as the original's collectors know it: one line, `<`, `>` and `&`
//! escaped, and the two line separators of Unicode.

/// Appends a JSON string.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, character) in text.char_indices() {
        let special = match character {
            '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => true,
            other => u32::from(other) < 0x20,
        };
        if !special {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + character.len_utf8();
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = (u32::from(other) >> shift) & 15;
                    out.push(char::from(DIGITS[digit as usize]));
                }
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends an object of strings.
pub(super) fn object(out: &mut String, entries: &[(String, String)]) {
    out.push('{');
    for (place, (key, value)) in entries.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        string(out, key);
        out.push(':');
        string(out, value);
    }
    out.push('}');
}
