//! Texts from elsewhere inside of messages.

/// Longest text that a message repeats, in characters.
const MOST: usize = 80;

/// A text as a message may repeat it: on one line, control characters and
/// quotes escaped, and not too long.
pub fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .flat_map(char::escape_debug)
        .take(MOST)
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_one_line_of_bounded_length() {
        let cases = [
            ("", ""),
            ("www.example.net", "www.example.net"),
            ("a\n\u{1b}[2J\u{7f}", "a\\n\\u{1b}[2J\\u{7f}"),
            ("\"ü\"", "\\\"ü\\\""),
        ];
        for (text, wanted) in cases {
            assert_eq!(shown(text), wanted);
        }
        let long = shown(&"x".repeat(10_000));
        assert_eq!(long, format!("{}…", "x".repeat(80)));
        assert_eq!(shown(&"\0".repeat(10_000)).chars().count(), 81);
        assert_eq!(shown(&"x".repeat(80)), "x".repeat(80));
    }
}
