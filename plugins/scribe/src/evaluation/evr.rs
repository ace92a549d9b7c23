//! Comparing versions made of epoch, version and release.

use std::cmp::Ordering;

/// Why two versions cannot be compared. The texts are those of the original;
/// they name neither version, since the actual one is data of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvrError {
    /// Nothing behind the colon.
    #[error("evrExtract: only epoch")]
    OnlyEpoch,
    /// No release behind the dash.
    #[error("evrExtract: ends in dash")]
    EndsInDash,
    /// The epoch of the version that was found is no number of 64 bits.
    #[error("bad actual epoch")]
    ActualEpoch,
    /// The epoch of the version to compare with is none.
    #[error("bad check epoch")]
    CheckEpoch,
}

/// A version in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evr<'a> {
    /// Its digits, if a colon follows; possibly none at all.
    epoch: Option<&'a [u8]>,
    version: &'a [u8],
    release: &'a [u8],
}

/// Compares an actual version with a given one.
///
/// # Errors
/// When one of them is malformed.
pub fn compare(actual: &[u8], check: &[u8]) -> Result<Ordering, EvrError> {
    let (actual, check) = (Evr::split(actual)?, Evr::split(check)?);
    let epochs = (
        actual.epoch().ok_or(EvrError::ActualEpoch)?,
        check.epoch().ok_or(EvrError::CheckEpoch)?,
    );
    Ok(epochs
        .0
        .cmp(&epochs.1)
        .then_with(|| parts(actual.version, check.version))
        .then_with(|| parts(actual.release, check.release)))
}

impl<'a> Evr<'a> {
    fn split(text: &'a [u8]) -> Result<Self, EvrError> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (epoch, rest) = match text.get(digits) {
            Some(b':') => (Some(&text[..digits]), &text[digits + 1..]),
            _ => (None, text),
        };
        if epoch.is_some() && rest.is_empty() {
            return Err(EvrError::OnlyEpoch);
        }
        let (version, release) = match memchr::memrchr(b'-', rest) {
            Some(at) if at + 1 == rest.len() => return Err(EvrError::EndsInDash),
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[..0]),
        };
        Ok(Self {
            epoch,
            version,
            release,
        })
    }

    fn epoch(&self) -> Option<i64> {
        match self.epoch {
            None => Some(0),
            Some(digits) => number(digits),
        }
    }
}

/// A number of at most 63 bits.
fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Compares versions or releases token by token.
fn parts(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut a, mut b) = (Tokens(a), Tokens(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match token(a, b) {
                Ordering::Equal => {}
                decided => return decided,
            },
        }
    }
}

fn token(a: &[u8], b: &[u8]) -> Ordering {
    let is_number = |token: &[u8]| token.first().is_some_and(u8::is_ascii_digit);
    match (is_number(a), is_number(b)) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.cmp(b),
        (true, true) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Beyond 64 bits numbers have always been compared as text.
            _ => a.cmp(b),
        },
    }
}

/// Runs of ASCII digits and of ASCII letters; everything else only separates.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(u8::is_ascii_alphanumeric)?;
        let rest = &self.0[start..];
        let digits = rest[0].is_ascii_digit();
        let belongs = |byte: &u8| {
            if digits {
                byte.is_ascii_digit()
            } else {
                byte.is_ascii_alphabetic()
            }
        };
        let length = rest.iter().take_while(|byte| belongs(byte)).count();
        let (token, rest) = rest.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_compare_as_they_always_have() {
        for (actual, check, wanted) in [
            ("2.4.1", "2.4.1b", Ordering::Less),
            ("3.1.9z", "3.1.10", Ordering::Less),
            ("4.18.0-477.el8", "0:4.18.0-477.10.1.el8", Ordering::Less),
            ("1:1.0", "2.0", Ordering::Greater),
            ("1.0", "1", Ordering::Greater),
            ("1.010", "1.10", Ordering::Equal),
            ("1_0", "1.0", Ordering::Equal),
            ("1.a", "1.1", Ordering::Less),
            ("abc", "1", Ordering::Less),
            // No meaning of `~` and `^` here.
            ("1.0~rc1", "1.0", Ordering::Greater),
            ("1.0^1", "1.0", Ordering::Greater),
            // The release is what stands behind the last dash.
            ("1-2-3", "1-2-4", Ordering::Less),
            ("1-2", "1.2-0", Ordering::Less),
            ("-1", "-2", Ordering::Less),
            ("", "", Ordering::Equal),
            ("", "1", Ordering::Less),
            ("007", "7", Ordering::Equal),
            ("0:1", "1", Ordering::Equal),
            ("00:1", "1", Ordering::Equal),
            ("B", "a", Ordering::Less),
            ("a", "ab", Ordering::Less),
            ("1a", "1.a", Ordering::Equal),
            ("é1", "1", Ordering::Equal),
            // Once these aborted the run.
            ("1.00", "1.0", Ordering::Equal),
            ("1.00", "1.0000", Ordering::Equal),
            ("1.00", "1.1", Ordering::Less),
            ("000", "0", Ordering::Equal),
            // Numbers beyond 64 bits are text, zeros in front included.
            (
                "9223372036854775807",
                "9223372036854775806",
                Ordering::Greater,
            ),
            ("10000000000000000000", "9", Ordering::Less),
            (
                "010000000000000000000",
                "10000000000000000000",
                Ordering::Less,
            ),
            ("00000000000000000000000001", "1", Ordering::Equal),
        ] {
            let ordering = compare(actual.as_bytes(), check.as_bytes());
            assert_eq!(ordering, Ok(wanted), "{actual} {check}");
            let turned = compare(check.as_bytes(), actual.as_bytes());
            assert_eq!(turned, Ok(wanted.reverse()), "{check} {actual}");
        }
    }

    #[test]
    fn malformed_versions_are_named_by_what_is_missing() {
        for (actual, check, wanted) in [
            ("1:", "1", EvrError::OnlyEpoch),
            (":", "1", EvrError::OnlyEpoch),
            ("1", "0:", EvrError::OnlyEpoch),
            ("1.0-", "1", EvrError::EndsInDash),
            ("1", "1:2-3-", EvrError::EndsInDash),
            ("-", "1", EvrError::EndsInDash),
            (":1.0", "1", EvrError::ActualEpoch),
            ("1", ":1.0", EvrError::CheckEpoch),
            ("9223372036854775808:1", "1", EvrError::ActualEpoch),
            ("1", "99999999999999999999:1", EvrError::CheckEpoch),
        ] {
            assert_eq!(
                compare(actual.as_bytes(), check.as_bytes()),
                Err(wanted),
                "{actual} {check}"
            );
        }
        // A colon behind anything but digits is an ordinary separator.
        assert_eq!(compare(b"a:1", b"a.1"), Ok(Ordering::Equal));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_order_and_no_panic(
            a in proptest::collection::vec(any::<u8>(), 0..40),
            b in "[0-9a-z.:~^-]{0,24}",
        ) {
            let _ = compare(&a, b.as_bytes());
            match (compare(&a, b.as_bytes()), compare(b.as_bytes(), &a)) {
                (Ok(one), Ok(other)) => prop_assert_eq!(one, other.reverse()),
                (one, other) => prop_assert!(one.is_err() && other.is_err()),
            }
        }

        #[test]
        fn a_version_equals_itself_and_is_below_its_longer_form(
            version in "[0-9]{1,3}(\\.[0-9a-z]{1,4}){0,3}"
        ) {
            let longer = format!("{version}.1");
            prop_assert_eq!(compare(version.as_bytes(), version.as_bytes()), Ok(Ordering::Equal));
            prop_assert_eq!(compare(version.as_bytes(), longer.as_bytes()), Ok(Ordering::Less));
        }
    }
}
