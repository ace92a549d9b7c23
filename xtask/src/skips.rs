//! Which tests may be skipped, and by whom.

use std::collections::BTreeSet;
use std::path::Path;

use crate::building::Outcome;

/// The committed list, relative to the root of the checkout.
pub const LIST: &str = ".ci/allowed-skips.txt";

/// Compares the tests that were skipped with those that may be.
///
/// `list` has a line `user NAME` or `root NAME` for each test that an
/// unprivileged user or root may skip; `log` has a line `NAME<TAB>reason` for
/// each that was.
pub fn check(list: &str, log: &str, as_root: bool) -> Outcome<usize> {
    let who = if as_root { "root" } else { "user" };
    let mut allowed = BTreeSet::new();
    for (number, line) in list.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(' ') {
            Some(("root" | "user", name)) => {
                if line.starts_with(who) {
                    allowed.insert(name.trim());
                }
            }
            _ => {
                return Err(format!(
                    "{LIST}: line {}: expected `root NAME` or `user NAME`",
                    number + 1
                ));
            }
        }
    }
    let skipped: BTreeSet<(&str, &str)> = log
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let surprises: Vec<String> = skipped
        .iter()
        .filter(|(name, _)| !allowed.contains(name))
        .map(|(name, reason)| format!("{name} ({reason})"))
        .collect();
    if surprises.is_empty() {
        Ok(skipped.len())
    } else {
        Err(format!(
            "skipped as {who} though {LIST} does not allow it: {}",
            surprises.join(", ")
        ))
    }
}

/// Reads the list of the checkout.
pub fn list(root: &Path) -> Outcome<String> {
    let path = root.join(LIST);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::check;

    const LIST: &str = "# comment\nuser needs_root\nroot never\n";

    #[test]
    fn a_listed_skip_passes_for_the_one_it_is_listed_for() {
        assert_eq!(check(LIST, "needs_root\tnot root\n", false), Ok(1));
        assert!(check(LIST, "needs_root\tnot root\n", true).is_err());
    }

    #[test]
    fn an_unlisted_skip_fails_and_is_named() {
        let error = check(LIST, "other\tno pika\n", false).unwrap_err();
        assert!(error.contains("other (no pika)"), "{error}");
    }

    #[test]
    fn a_broken_line_of_the_list_is_named() {
        let error = check("nonsense\n", "", true).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }
}
