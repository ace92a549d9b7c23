//! Texts of a document inside of messages.

/// Longest text that a message repeats, in characters.
const MAX_SHOWN: usize = 120;

/// A text on one line, not too long.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == MAX_SHOWN {
            shown.push('…');
            break;
        }
        // Quotes and backslashes stay: patterns are full of them.
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_message_stays_on_one_line_of_bounded_length() {
        assert_eq!(shown(r#"^a\.b "c"$"#), r#"^a\.b "c"$"#);
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), 121);
    }
}
