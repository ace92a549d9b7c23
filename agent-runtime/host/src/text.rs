//! Foreign text on its way to people.

/// Whether a character can move a terminal's cursor, forge a line or reorder
/// the text around it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The text with `U+FFFD` for harmful characters. Tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let harmful = |character| is_harmful(character) && character != '\t';
    text.replace(harmful, "\u{fffd}")
}

/// One line of at most `most` characters without harmful ones.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text
        .trim()
        .chars()
        .take(most)
        .map(|character| match character {
            '\n' | '\r' | '\t' => ' ',
            harmful if is_harmful(harmful) => '\u{fffd}',
            other => other,
        })
        .collect();
    if text.trim().chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// A size for people: whole units where it is one.
pub(crate) fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// A time for people.
pub(crate) fn seconds(time: std::time::Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn foreign_text_becomes_one_harmless_line() {
        for (given, expected) in [
            ("plain", "plain"),
            (" two\nlines\r\n", "two lines"),
            ("\u{1b}[31mred", "\u{fffd}[31mred"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("0123456789x", "0123456789…"),
        ] {
            assert_eq!(super::one_line(given, 10), expected);
        }
    }

    #[test]
    fn limits_are_said_in_the_unit_they_were_given_in() {
        assert_eq!(super::size(16 << 20), "16 MiB");
        assert_eq!(super::size(1500), "1500 bytes");
        assert_eq!(super::seconds(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(super::seconds(Duration::from_secs(300)), "300 s");
    }
}
