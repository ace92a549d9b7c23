//! Whether as many files may be open as connections are promised.

/// Databases, the log, listeners, the scheduler's own connections, and what is
/// opened for a moment.
const OTHERS: u64 = 100;

/// What to say when the system allows fewer files than `relay` and `api`
/// connections need.
pub fn complaint(relay: usize, api: usize, allowed: u64) -> Option<String> {
    let [relay, api] = [relay, api].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    let needed = relay.saturating_add(api).saturating_add(OTHERS);
    (allowed < needed).then(|| {
        format!(
            "{allowed} files may be open, and `connections` in [relay] promises {relay} agents a \
             place, which takes {needed} with those of the API: raise the limit where the program \
             is started (`LimitNOFILE` in its unit), or lower `connections`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn fewer_files_than_connections_are_said_with_both_remedies() {
        assert_eq!(complaint(8192, 1024, 9316), None);
        let said = complaint(8192, 1024, 9315).expect("too few");
        for part in [
            "9315 files",
            "8192 agents",
            "9316",
            "LimitNOFILE",
            "`connections`",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(complaint(usize::MAX, 1, u64::MAX).is_none());
    }
}
