//! What objects yield: values with identifiers.

use super::evr;
use mig_module_pkg::{Kind, compare};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A value and where it comes from. Both are bytes of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// A path, a package name, or a text of the document.
    pub identifier: Arc<[u8]>,
    /// Never leaves the host.
    pub value: Arc<[u8]>,
    /// The manager whose version the value is.
    pub manager: Option<Kind>,
}

/// Why an object yields nothing to test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// It cannot be prepared. The text repeats the document at most, never
    /// data of the host.
    Error(Rc<str>),
    /// The run ended before it was.
    Unknown,
}

impl Absence {
    /// An error with this text.
    pub fn error(text: impl Into<Rc<str>>) -> Self {
        Self::Error(text.into())
    }
}

/// What an object yields, shared by all who ask.
pub type Criteria = Result<Rc<[Criterion]>, Absence>;

/// How an actual version relates to a given one: by the rules of the manager
/// that installed it, or the general ones.
///
/// # Errors
/// When one of them is malformed.
pub fn relation(actual: &Criterion, given: &str) -> Result<Ordering, evr::EvrError> {
    let general = evr::compare(&actual.value, given.as_bytes())?;
    let Some(manager) = actual.manager else {
        return Ok(general);
    };
    Ok(match std::str::from_utf8(&actual.value) {
        Ok(version) => compare(manager, version, given),
        Err(_) => general,
    })
}

/// The one with the highest version; of equal ones the first.
pub fn newest(criteria: Vec<Criterion>) -> Option<Criterion> {
    let mut criteria = criteria.into_iter();
    let first = criteria.next()?;
    Some(criteria.fold(first, |best, other| {
        let higher = match (&best.manager, &other.manager) {
            (Some(a), Some(b)) if a != b => {
                // Two managers have no common order of their own.
                evr::compare(&other.value, &best.value).is_ok_and(Ordering::is_gt)
            }
            _ => std::str::from_utf8(&best.value)
                .is_ok_and(|version| relation(&other, version).is_ok_and(Ordering::is_gt)),
        };
        if higher { other } else { best }
    }))
}

/// Joins the values of each identifier, in order of first appearance. An empty
/// first value adds no separator.
pub fn concatenated(criteria: Vec<Criterion>, separator: &str) -> Vec<Criterion> {
    let mut places: HashMap<Arc<[u8]>, usize> = HashMap::new();
    let mut joined: Vec<(Arc<[u8]>, Vec<u8>)> = Vec::new();
    for criterion in criteria {
        let place = *places
            .entry(Arc::clone(&criterion.identifier))
            .or_insert_with(|| {
                joined.push((criterion.identifier, Vec::new()));
                joined.len() - 1
            });
        let value = &mut joined[place].1;
        if !value.is_empty() {
            value.extend_from_slice(separator.as_bytes());
        }
        value.extend_from_slice(&criterion.value);
    }
    let criterion = |(identifier, value): (Arc<[u8]>, Vec<u8>)| Criterion {
        identifier,
        value: value.into(),
        manager: None,
    };
    joined.into_iter().map(criterion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(identifier: &str, value: &str, manager: Option<Kind>) -> Criterion {
        Criterion {
            identifier: identifier.as_bytes().into(),
            value: value.as_bytes().into(),
            manager,
        }
    }

    fn texts(criteria: &[Criterion]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pair = |c: &Criterion| (text(&c.identifier), text(&c.value));
        criteria.iter().map(pair).collect()
    }

    #[test]
    fn values_of_one_identifier_are_joined_in_order_of_appearance() {
        let criteria = [("b", "7"), ("a", "1"), ("b", "4"), ("b", "2"), ("a", "x")];
        let criteria = criteria
            .map(|(id, value)| criterion(id, value, None))
            .to_vec();
        let joined = concatenated(criteria, ".");
        let wanted = [("b", "7.4.2"), ("a", "1.x")];
        assert_eq!(
            texts(&joined),
            wanted.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let empty = ["", "1", "", "2"]
            .map(|value| criterion("a", value, None))
            .to_vec();
        assert_eq!(texts(&concatenated(empty, "-"))[0].1, "1--2");
    }

    #[test]
    fn packages_compare_as_their_manager_does() {
        let tilde = |manager| criterion("p", "1.0~rc1", manager);
        assert_eq!(relation(&tilde(None), "1.0"), Ok(Ordering::Greater));
        assert_eq!(
            relation(&tilde(Some(Kind::Dpkg)), "1.0"),
            Ok(Ordering::Less)
        );
        assert_eq!(relation(&tilde(Some(Kind::Rpm)), "1.0"), Ok(Ordering::Less));
        let malformed = relation(&tilde(Some(Kind::Dpkg)), "1.0-");
        assert_eq!(malformed, Err(evr::EvrError::EndsInDash));
    }

    #[test]
    fn the_newest_is_the_highest_and_of_equals_the_first() {
        let pick = |versions: &[(&str, &str)]| {
            let dpkg = |(id, v): &(&str, &str)| criterion(id, v, Some(Kind::Dpkg));
            newest(versions.iter().map(dpkg).collect()).map(|c| texts(&[c])[0].0.clone())
        };
        assert_eq!(pick(&[]), None);
        assert_eq!(
            pick(&[("a", "1.0~rc1"), ("b", "1.0"), ("c", "0.9")]).unwrap(),
            "b"
        );
        assert_eq!(pick(&[("a", "2"), ("b", "0:2"), ("c", "1")]).unwrap(), "a");
        assert_eq!(pick(&[("a", "1.9"), ("b", "1.10")]).unwrap(), "b");
    }
}
