//! The valid name that a misspelt one most resembles.

/// The candidate with the fewest letters to change, if those are few enough for
/// it to be a misspelling.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name: Vec<char> = name.to_ascii_lowercase().chars().take(64).collect();
    candidates
        .map(|candidate| (distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(name: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (position, letter) in candidate.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = position + 1;
        for (index, other) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(*other != letter);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelling_is_recognised_and_a_stranger_is_not() {
        let keys = ["relay", "api", "heartbeatfreq"];
        assert_eq!(nearest("relai", keys.into_iter()), Some("relay".to_owned()));
        assert_eq!(
            nearest("heartbeatfrequency", keys.into_iter()),
            Some("heartbeatfreq".to_owned())
        );
        assert_eq!(nearest("zzzzzzzz", keys.into_iter()), None);
    }
}
