//! What agents say of themselves, for lines of the log.

/// Longest name of an agent in a line.
const LONGEST: usize = 256;

/// What an agent says of itself, for a line of the log: it may be as long as a
/// message.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST).collect();
    if shown.len() < name.len() {
        shown.push_str("...");
    }
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_megabytes_is_shown_in_part() {
        let name = "é\n".repeat(1 << 20);
        let shown = shown(&name);
        assert!(shown.starts_with("é\\né\\n") && shown.ends_with("..."));
        assert!(shown.len() < 4 * LONGEST, "{}", shown.len());
        assert_eq!(super::shown("linux.x"), "linux.x");
    }
}
